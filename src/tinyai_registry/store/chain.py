"""Whether the log of a model is the chain that it was written as."""

from __future__ import annotations

from collections.abc import Iterator

from tinyai_registry.checks.files import LINE_ENDS
from tinyai_registry.checks.finding import Finding, Rule
from tinyai_registry.checks.history import BROKEN, CHANGED, ENTRY_SCHEMA, RESTORED
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.schema import violations
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import File, Folder
from tinyai_registry.store import layout, log
from tinyai_registry.text import shorten


def breaks(folder: Folder, model: str) -> Iterator[Finding]:
    """Every place at which the log of ``model`` does not hold. Raises RegistryError for one behind a link."""
    yield from _between_entries(folder, model)
    yield from _at_the_end(folder, model)
    yield from _restored(folder, model)


def name(model: str, file: str) -> str:
    """The ``file`` of the log of ``model``, as findings name it."""
    return f"{layout.FOLDER}/log/{model}/{file}"


def _between_entries(folder: Folder, model: str) -> Iterator[Finding]:
    parent: str | None = None
    for expected, number in enumerate(layout.entry_numbers(folder.root, model), start=1):
        path = layout.entry_file(folder.root, model, number)
        at = name(model, path.name)
        if number != expected:
            yield Finding(BROKEN, at, f"entry {expected} is missing before it", "", model)
            return
        file = folder.fetch(at, strict_json.MAX_BYTES)
        read = read_document(file, model)
        yield from (Finding(flaw.rule, at, flaw.message, "", model) for flaw in file_flaws(read))
        if isinstance(read, BrokenDocument):
            yield read.finding
        elif isinstance(read, Document):
            yield from _of_schema(read, at, model)
            wrong = _of_entry(read, model, number, parent)
            yield from (Finding(rule, at, message, "", model) for rule, message in wrong)
        parent = log.digest_of(file.data) if isinstance(file, File) else None


def _of_schema(read: Document, at: str, model: str) -> Iterator[Finding]:
    for found in violations("log-entry", read.value):
        last = shorten(found.pointer.rpartition("/")[2])
        yield Finding(ENTRY_SCHEMA, at, f"{last}: {found.message}" if last else found.message, found.pointer, model)


def _of_entry(read: Document, model: str, number: int, parent: str | None) -> Iterator[tuple[Rule, str]]:
    """What is wrong with an entry that keeps to its schema."""
    if next(violations("log-entry", read.value), None):
        return
    try:
        entry = log.parse(read.value, f"entry {number}")
    except DocumentError as error:
        yield CHANGED, str(error)
        return
    if entry.model != model:
        yield BROKEN, f"it is an entry of {shorten(entry.model)}"
    if entry.number != number:
        yield BROKEN, f"it says that it is entry {entry.number}"
    if entry.parent != parent:
        yield BROKEN, "the entry before it is not the one that it was written after"
    written = log.render_document(read.value)
    if read.file.data != written:
        same = read.file.data.replace(b"\r\n", b"\n") == written
        yield CHANGED, LINE_ENDS if same else "the entry was changed after it was written, and not in what it says"


def _at_the_end(folder: Folder, model: str) -> Iterator[Finding]:
    """What no later entry tells of, and the tip does: the last was removed, or changed and given a new digest."""
    tip = layout.tip_file(folder.root, model)
    try:
        there, recorded = log.last(folder.root, model), log.read_tip(folder.root, model)
    except DocumentError:
        return  # that the last entry cannot be read was found already
    at, first = name(model, tip.name), there.number + 1
    if recorded is None:
        if tip.exists():
            yield Finding(CHANGED, at, "it does not say which entry is the last", "", model)
    elif recorded.number == first:
        yield Finding(BROKEN, at, f"entry {first} was removed", "", model)
    elif recorded.number > first:
        yield Finding(BROKEN, at, f"entries {first} to {recorded.number} were removed", "", model)
    elif recorded.number == there.number and recorded.digest != there.digest:
        last = name(model, f"{there.number:08}.json")
        yield Finding(CHANGED, last, f"it is not the entry that {tip.name} names", "", model)


def _restored(folder: Folder, model: str) -> Iterator[Finding]:
    """Rollbacks to something else than a release of before."""
    try:
        entries = {entry.number: entry for entry in log.entries(folder.root, model)}
    except (DocumentError, RegistryError):
        return  # which entry cannot be read was found already
    for entry in entries.values():
        if (entry.action == "rollback") is (entry.restores is None):
            at = name(model, f"{entry.number:08}.json")
            yield Finding(RESTORED, at, f"a {entry.action} that restores {entry.restores}", "/restores", model)
        if entry.restores is None:
            continue
        was = entries.get(entry.restores)
        if was is None or not was.is_release or was.number >= entry.number or was.files != entry.files:
            at, what = name(model, f"{entry.number:08}.json"), f"its files are not those of entry {entry.restores}"
            yield Finding(RESTORED, at, what, "/files", model)
