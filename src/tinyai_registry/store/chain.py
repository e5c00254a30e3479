"""Whether the log of a model is the chain that it was written as."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tinyai_registry.checks.finding import Rule
from tinyai_registry.checks.history import BROKEN, CHANGED
from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError
from tinyai_registry.release import sha256_of
from tinyai_registry.store import layout, log


@dataclass(frozen=True)
class Break:
    """Where a chain does not hold: in which file of the log, which rule it breaks, and how."""

    file: str
    rule: Rule
    message: str


def breaks(root: Path, model: str) -> list[Break]:
    """Every place at which the log of ``model`` does not hold."""
    return [*_between_entries(root, model), *_at_the_end(root, model)]


def _between_entries(root: Path, model: str) -> Iterator[Break]:
    parent: str | None = None
    folder = layout.log_folder(root, model)
    for expected, number in enumerate(log.numbers(root, model), start=1):
        path = folder / f"{number:08}.json"
        if number != expected:
            yield Break(path.name, BROKEN, f"entry {expected} is missing before it")
            return
        try:
            entry, data = log.read(path), path.read_bytes()
        except DocumentError as error:
            yield Break(path.name, CHANGED, str(error).removeprefix(f"{path}: "))
            parent = None
            continue
        yield from _misplaced(path.name, entry, model, number, parent)
        if data != log.as_written(strict_json.loads(data, path.name)):
            yield Break(path.name, CHANGED, "the entry was changed after it was written, and not in what it says")
        parent = sha256_of(data)


def _misplaced(name: str, entry: log.Entry, model: str, number: int, parent: str | None) -> Iterator[Break]:
    if entry.model != model:
        yield Break(name, BROKEN, f"it is an entry of {entry.model}")
    if entry.number != number:
        yield Break(name, BROKEN, f"it says that it is entry {entry.number}")
    if entry.parent != parent:
        yield Break(name, BROKEN, "the entry before it is not the one that it was written after")


def _at_the_end(root: Path, model: str) -> Iterator[Break]:
    """What no later entry tells of, and the tip does: the last was removed, or changed and given a new digest."""
    there, recorded = log.last(root, model), log.recorded_tip(root, model)
    if recorded is None:
        if (layout.log_folder(root, model) / log.TIP).exists():
            yield Break(log.TIP, CHANGED, "it does not say which entry is the last")
        return
    first = there.number + 1
    if recorded.number == first:
        yield Break(log.TIP, BROKEN, f"entry {first} was removed")
    elif recorded.number > first:
        yield Break(log.TIP, BROKEN, f"entries {first} to {recorded.number} were removed")
    elif recorded.number == there.number and recorded.digest != there.digest:
        yield Break(f"{there.number:08}.json", CHANGED, f"it is not the entry that {log.TIP} names")
