"""Whether the log of a model is the chain that it was written as."""

from __future__ import annotations

from collections.abc import Iterator

from tinyai_registry.checks.finding import Finding, Rule
from tinyai_registry.checks.history import BROKEN, CHANGED
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import File, Folder
from tinyai_registry.store import layout, log
from tinyai_registry.text import shorten


def breaks(folder: Folder, model: str) -> Iterator[Finding]:
    """Every place at which the log of ``model`` does not hold."""
    yield from _between_entries(folder, model)
    yield from _at_the_end(folder, model)


def name(model: str, file: str) -> str:
    """The ``file`` of the log of ``model``, as findings name it."""
    return f"{layout.FOLDER}/log/{model}/{file}"


def _between_entries(folder: Folder, model: str) -> Iterator[Finding]:
    parent: str | None = None
    for expected, number in enumerate(log.numbers(folder.root, model), start=1):
        at = name(model, f"{number:08}.json")
        if number != expected:
            yield Finding(BROKEN, at, f"entry {expected} is missing before it", "", model)
            return
        file = folder.fetch(at, strict_json.MAX_BYTES)
        read = read_document(file, model)
        yield from (Finding(flaw.rule, at, flaw.message, "", model) for flaw in file_flaws(read))
        if isinstance(read, BrokenDocument):
            yield read.finding
        elif isinstance(read, Document):
            wrong = _of_entry(read.value, read.text, model, number, parent)
            yield from (Finding(rule, at, message, "", model) for rule, message in wrong)
        parent = file.sha256 if isinstance(file, File) else None


def _of_entry(value: object, text: str, model: str, number: int, parent: str | None) -> Iterator[tuple[Rule, str]]:
    try:
        entry = log.parsed(value, f"entry {number}")
    except DocumentError as error:
        yield CHANGED, str(error)
        return
    if entry.model != model:
        yield BROKEN, f"it is an entry of {shorten(entry.model)}"
    if entry.number != number:
        yield BROKEN, f"it says that it is entry {entry.number}"
    if entry.parent != parent:
        yield BROKEN, "the entry before it is not the one that it was written after"
    if text.encode() != log.as_written(value):
        yield CHANGED, "the entry was changed after it was written, and not in what it says"


def _at_the_end(folder: Folder, model: str) -> Iterator[Finding]:
    """What no later entry tells of, and the tip does: the last was removed, or changed and given a new digest."""
    try:
        there, recorded = log.last(folder.root, model), log.recorded_tip(folder.root, model)
    except DocumentError:
        return  # that the last entry cannot be read was found already
    tip, first = name(model, log.TIP), there.number + 1
    if recorded is None:
        if (folder.root / tip).exists():
            yield Finding(CHANGED, tip, "it does not say which entry is the last", "", model)
    elif recorded.number == first:
        yield Finding(BROKEN, tip, f"entry {first} was removed", "", model)
    elif recorded.number > first:
        yield Finding(BROKEN, tip, f"entries {first} to {recorded.number} were removed", "", model)
    elif recorded.number == there.number and recorded.digest != there.digest:
        at = name(model, f"{there.number:08}.json")
        yield Finding(CHANGED, at, f"it is not the entry that {log.TIP} names", "", model)
