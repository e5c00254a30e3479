"""The history of each model: a chain of entries, each one file, created exclusively.

Creating entry n + 1 is at once compare-and-swap (it fails if somebody was first), journal (what the registry has to
look like is decided from then on) and ledger. An entry carries the digest of the one before *of the same model*, so
an edit shows, and branches that refreshed different models merge without a conflict.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

from tinyai_registry.documents import strict_json
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import sha256_of
from tinyai_registry.release import Account
from tinyai_registry.store import durable, layout

_FILE = re.compile(r"[0-9]{8}\.json")

Action = Literal["adopt", "publish", "rollback", "refuse"]

# Beside the entries of a model: which is the last, so that it is missed if it goes.
TIP = "tip.json"


@dataclass(frozen=True)
class Entry:
    """One thing that happened to a model.

    ``files`` maps the names of a release's files to their digests, in the order in which they appear in the registry
    folder; ``rows`` are its rows as published. ``withdrawn`` are the files that went with the release before, and
    ``withdrawn_rows`` its rows that this one has no more: their digests by their ids.
    ``restores`` is the number of the entry that a rollback went back to. ``parent`` is the digest of the entry before.
    ``unique`` tells an entry from another writer's of the same content.
    """

    number: int
    model: str
    action: Action
    parent: str | None
    account: Account
    files: Mapping[str, str]
    rows: tuple[Mapping[str, Any], ...] = ()
    withdrawn: tuple[str, ...] = ()
    withdrawn_rows: Mapping[str, str | None] = field(default_factory=dict)
    restores: int | None = None
    unique: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_release(self) -> bool:
        """Whether the registry has to look as this entry says, until the next that is one."""
        return self.action != "refuse"

    @property
    def release_number(self) -> int:
        """The entry that first published what this one stands for."""
        return self.number if self.restores is None else self.restores


@dataclass(frozen=True)
class Tip:
    """The last entry of a history: its number and the digest of its file, which the next entry carries."""

    number: int
    digest: str | None


NO_ENTRY = Tip(0, None)


def render(entry: Entry) -> bytes:
    """The entry as its file has it, with a digest of itself, so that an edit of the last one shows too."""
    document = asdict(entry)
    document["digest"] = _digest(document)
    return as_written(document)


def read(path: Path) -> Entry:
    """The entry in the file at ``path``. Raises DocumentError if it is none, or not what was written."""
    return parsed(strict_json.read(path), str(path))


def parsed(document: Any, where: str) -> Entry:
    """The entry that ``document`` is. Raises DocumentError if it is none, or not what was written."""
    try:
        said = {key: value for key, value in document.items() if key != "digest"}
        account = Account(**{**said["account"], "gate": tuple(said["account"]["gate"])})
        entry = Entry(**{**said, "account": account})
        entry = replace(entry, rows=tuple(entry.rows), withdrawn=tuple(entry.withdrawn))
    except (AttributeError, KeyError, TypeError) as error:
        raise DocumentError(f"{where}: no entry of a log ({error})") from error
    if document.get("digest") != _digest(said):
        raise DocumentError(f"{where}: the entry was changed after it was written")
    if not _is_well_formed(entry):
        raise DocumentError(f"{where}: no entry of a log (its files or rows are none)")
    return entry


def entries(root: Path, model: str) -> list[Entry]:
    """The history of ``model``, oldest first."""
    return [read(layout.log_folder(root, model) / f"{number:08}.json") for number in numbers(root, model)]


def numbers(root: Path, model: str) -> list[int]:
    """The numbers of the entries of ``model``, ascending."""
    folder = layout.log_folder(root, model)
    if not folder.is_dir():
        return []
    return sorted(int(path.stem) for path in folder.iterdir() if _FILE.fullmatch(path.name))


def models(root: Path) -> list[str]:
    """Every model that has a history."""
    folder = layout.log_folder(root, "x").parent
    return sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


def head(root: Path, model: str) -> Entry | None:
    """The release that the registry has to show of ``model``, if it has a history."""
    folder = layout.log_folder(root, model)
    for number in reversed(numbers(root, model)):
        entry = read(folder / f"{number:08}.json")
        if entry.is_release:
            return entry
    return None


def tip(root: Path, model: str) -> Tip:
    """The last entry that ``model`` ever had; one whose file was removed has had its number, and no other gets it."""
    there, recorded = last(root, model), recorded_tip(root, model) or NO_ENTRY
    return recorded if recorded.number > there.number else there


def record_tip(root: Path, model: str, workplace: Path) -> None:
    """Bring the file that names the last entry up to the log; one that is ahead says that entries were removed."""
    if (there := last(root, model)).number > (recorded_tip(root, model) or NO_ENTRY).number:
        staged = workplace / TIP
        staged.unlink(missing_ok=True)
        durable.write_new(staged, strict_json.dumps(asdict(there)).encode())
        durable.rename(staged, layout.log_folder(root, model) / TIP)


def last(root: Path, model: str) -> Tip:
    """The last entry whose file is there."""
    number = max(numbers(root, model), default=0)
    path = layout.log_folder(root, model) / f"{number:08}.json"
    return Tip(number, sha256_of(strict_json.bytes_of(path))) if number else NO_ENTRY


def recorded_tip(root: Path, model: str) -> Tip | None:
    """What the file says; None where there is none (a log of before there were any), or one that says nothing."""
    try:
        recorded = Tip(**strict_json.read(layout.log_folder(root, model) / TIP))
    except (DocumentError, TypeError):
        return None
    return recorded if isinstance(recorded.number, int) else None


def append(root: Path, entry: Entry, workplace: Path) -> Tip:
    """Make ``entry`` the last of its model's history, and return it as such. This is the commit point.

    Raises FileExistsError if another entry has its number: somebody was first.
    """
    staged = workplace / f"entry-{entry.number}"
    staged.unlink(missing_ok=True)
    durable.write_new(staged, render(entry))
    folder = layout.log_folder(root, entry.model)
    durable.make_folder(folder)
    durable.link_new(staged, folder / f"{entry.number:08}.json")
    return Tip(entry.number, sha256_of(render(entry)))


def holds(root: Path, entry: Entry) -> bool:
    """Whether ``entry`` was committed, whatever the call that was to commit it has said."""
    path = layout.log_folder(root, entry.model) / f"{entry.number:08}.json"
    return path.is_file() and path.read_bytes() == render(entry)


def _is_well_formed(entry: Entry) -> bool:
    return (
        isinstance(entry.model, str)
        and isinstance(entry.number, int)
        and entry.action in get_args(Action)
        and all(isinstance(word, str) for word in (entry.account.time, entry.account.who))
        and isinstance(entry.files, dict)
        and all(isinstance(sha256, str) for sha256 in entry.files.values())
        and all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in entry.rows)
        and all(isinstance(name, str) for name in entry.withdrawn)
    )


def as_written(document: Any) -> bytes:
    """The one way in which the file of an entry is written."""
    # Unsorted: files are projected in the order in which the release names them.
    return strict_json.dumps(document, sort_keys=False).encode()


def _digest(document: Mapping[str, Any]) -> str:
    return sha256_of(json.dumps(document, separators=(",", ":")).encode())
