"""The history of each model: a chain of entries, each one file, created exclusively.

Creating entry n + 1 is at once compare-and-swap (it fails if somebody was first), journal (what the registry has to
look like is decided from then on) and ledger. An entry carries the digest of the one before *of the same model*, so
an edit shows, and branches that refreshed different models merge without a conflict.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import read_bytes, sha256_of
from tinyai_registry.release import Account
from tinyai_registry.store import durable, layout

Action = Literal["adopt", "publish", "rollback", "refuse", "remove", "rename"]


@dataclass(frozen=True)
class Entry:
    """One thing that happened to a model.

    ``files`` maps the names of a release's files to their digests, in the order in which they appear in the registry
    folder; ``rows`` are its rows as published. ``withdrawn`` are the files that went with the release before, and
    ``withdrawn_rows`` its rows that this one has no more: their digests by their ids.
    ``restores`` is the number of the entry that a rollback went back to. ``parent`` is the digest of the entry before.
    ``previous_id`` is what a renamed model was called before. ``unique`` tells an entry from another writer's of the
    same content; the one that takes the previous id away has that of the renaming. ``amended`` are the keys of the rows
    that the release sets, or takes away, though they are their owner's.
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
    previous_id: str | None = None
    amended: tuple[str, ...] = ()
    unique: str = field(default_factory=lambda: uuid.uuid4().hex)

    @property
    def is_release(self) -> bool:
        """Whether the registry has to look as this entry says, until the next that is one."""
        return self.action != "refuse"

    @property
    def is_removal(self) -> bool:
        """Whether the registry has nothing to show of the model."""
        return not self.files and not self.rows

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
    return render_document(document)


def render_document(document: Any) -> bytes:
    """The one way in which the file of an entry is written."""
    # Unsorted: files are projected in the order in which the release names them.
    return strict_json.dumps(document, sort_keys=False).encode()


def digest_of(file: bytes) -> str:
    """What the next entry calls the one in ``file``.

    No entry is written with a carriage return. Where git has put some, they are not part of what was written.
    """
    return sha256_of(file.replace(b"\r\n", b"\n"))


def read(root: Path, model: str, number: int) -> Entry:
    """The entry ``number`` of ``model``. Raises DocumentError if it is none, another, or not what was written."""
    path = layout.entry_file(root, model, number)
    entry = parse(strict_json.read(path), str(path))
    if (entry.model, entry.number) != (model, number):
        raise DocumentError(f"{path}: it is entry {entry.number} of {entry.model}")
    return entry


def parse(document: Any, where: str) -> Entry:
    """The entry that ``document`` is. Raises DocumentError if it breaks its schema, or is not what was written."""
    require_valid("log-entry", document, f"{where}: no entry of a log,")
    said = {key: value for key, value in document.items() if key != "digest"}
    if document["digest"] != _digest(said):
        raise DocumentError(f"{where}: the entry was changed after it was written")
    account = Account(**{**said["account"], "gate": tuple(said["account"]["gate"])})
    entry = Entry(**{**said, "account": account})
    return replace(entry, rows=tuple(entry.rows), withdrawn=tuple(entry.withdrawn), amended=tuple(entry.amended))


def entries(root: Path, model: str) -> list[Entry]:
    """The history of ``model``, oldest first."""
    return [read(root, model, number) for number in layout.entry_numbers(root, model)]


def head(root: Path, model: str) -> Entry | None:
    """The release that the registry has to show of ``model``, if it has a history."""
    for number in reversed(layout.entry_numbers(root, model)):
        entry = read(root, model, number)
        if entry.is_release:
            return entry
    return None


def last_refusal(root: Path, model: str) -> Entry | None:
    """The last entry of ``model``, if it is a refusal; one that is none is not parsed, as a thousand are looked at."""
    numbers = layout.entry_numbers(root, model)
    if not numbers or b'"refuse"' not in strict_json.bytes_of(layout.entry_file(root, model, numbers[-1])):
        return None
    entry = read(root, model, numbers[-1])
    return entry if entry.action == "refuse" else None


def find_published(root: Path, model: str | None) -> Mapping[str, str] | None:
    """The digests of the files of the last release of ``model``; None where no log that can be read tells."""
    try:
        last_release = None if model is None else head(root, model)
    except (DocumentError, RegistryError):
        return None
    return None if last_release is None else last_release.files


def find_tip(root: Path, model: str) -> Tip:
    """The last entry that ``model`` ever had. The number of an entry whose file was removed is not used again.

    Raises RegistryError where a folder lies in place of the tip: it could not be written.
    """
    if (path := layout.tip_file(root, model)).is_dir():
        raise RegistryError(f"{path} is a folder; move it away, a file belongs there")
    there, recorded = last(root, model), read_tip(root, model) or NO_ENTRY
    return recorded if recorded.number > there.number else there


def record_tip(root: Path, model: str, workplace: Path) -> None:
    """Bring the file that names the last entry up to the log; one that is ahead says that entries were removed."""
    if tip_lags(root, model):
        tip = layout.tip_file(root, model)
        durable.stage(workplace / tip.name, strict_json.dumps(asdict(last(root, model))).encode())
        durable.rename(workplace / tip.name, tip)


def tip_lags(root: Path, model: str) -> bool:
    """Whether there is an entry after the one that the tip names."""
    return last(root, model).number > (read_tip(root, model) or NO_ENTRY).number


def last(root: Path, model: str) -> Tip:
    """The last entry whose file is there."""
    number = max(layout.entry_numbers(root, model), default=0)
    if not number:
        return NO_ENTRY
    return Tip(number, digest_of(strict_json.bytes_of(layout.entry_file(root, model, number))))


def read_tip(root: Path, model: str) -> Tip | None:
    """What the file says; None where there is none (a log of before there were any), or one that says nothing."""
    try:
        recorded = Tip(**strict_json.read(layout.tip_file(root, model)))
    except (DocumentError, TypeError):
        return None
    return recorded if isinstance(recorded.number, int) else None


def append(root: Path, entry: Entry, workplace: Path) -> Tip:
    """Make ``entry`` the last of its model's history, and return it as such. This is the commit point.

    Raises FileExistsError if another entry has its number: somebody was first; DocumentError for an entry that no
    reader would take.
    """
    data = render(entry)
    parse(strict_json.loads(data, "the entry"), "the entry")
    staged, target = workplace / f"entry-{entry.number}", layout.entry_file(root, entry.model, entry.number)
    durable.stage(staged, data)
    durable.make_folder(target.parent, root)
    durable.link_new(staged, target)
    return Tip(entry.number, digest_of(data))


def holds(root: Path, entry: Entry) -> bool:
    """Whether ``entry`` was committed, whatever the call that was to commit it has said.

    Raises OSError where that cannot be told, as its file is there and cannot be read.
    """
    path = layout.entry_file(root, entry.model, entry.number)
    try:
        os.lstat(path)  # a process without free descriptors cannot even learn from open() that a file is missing
    except FileNotFoundError:
        return False
    return read_bytes(path, strict_json.MAX_BYTES) == render(entry)


def _digest(document: Mapping[str, Any]) -> str:
    return sha256_of(json.dumps(document, separators=(",", ":")).encode())
