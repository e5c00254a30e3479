"""A disk that loses its power: what was not synced may be lost, half-kept, or kept without what came before it.

The model: a file's bytes are safe once the file was synced, a name once its folder was. Until then any part of a
file's new bytes may be there, and any subset of a folder's changes, in whatever order they were made. A rename within
one folder happens or does not; one across folders may do one half only.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from harness import GRANTED, Op

# The bytes of each file, None for a folder, by relative name.
Tree = dict[str, bytes | None]

KEPT = {"whole": 1.0, "half": 0.5, "empty": 0.0}


@dataclass(eq=False)
class File:
    data: bytes = b""
    safe: bytes = b""

    def after(self, share: float) -> bytes:
        return self.data[: len(self.safe) + int(share * (len(self.data) - len(self.safe)))]


@dataclass(eq=False)
class Folder:
    """``safe`` is what is on the disk for sure, ``changes`` what was done to it since, in order."""

    names: dict[str, File | Folder] = field(default_factory=dict)
    safe: dict[str, File | Folder] = field(default_factory=dict)
    changes: list[dict[str, File | Folder | None]] = field(default_factory=list)

    def apply(self, change: dict[str, File | Folder | None]) -> None:
        self.changes.append(change)
        _apply(self.names, change)

    def sync(self) -> None:
        self.safe, self.changes = dict(self.names), []


def _apply(names: dict[str, File | Folder], change: dict[str, File | Folder | None]) -> None:
    for name, there in change.items():
        if there is None:
            names.pop(name, None)
        else:
            names[name] = there


class Disk:
    """The disk under the folder ``root``, which is safe as it is."""

    def __init__(self, root: Path) -> None:
        self.root, self.top = root, _loaded(root)

    def apply(self, op: Op) -> None:
        """What ``op`` does before anything is synced, or what it makes safe."""
        folder, name = self._place(op.path)
        there = folder.names.get(name)
        if op.kind == "open" and there is None:
            folder.apply({name: File()})
        elif op.kind == "mkdir":
            folder.apply({name: Folder()})
        elif op.kind in {"unlink", "remove", "rmdir"}:
            folder.apply({name: None})
        elif op.kind == "write":
            there.data += op.data
        elif op.kind == "fsync":
            self._sync(op.path, there)
        elif op.kind in {"replace", "rename", "link"}:
            self._name(op, there)
        else:
            assert op.kind in {"open", *GRANTED}, op  # of access the model knows nothing

    def _sync(self, path: Path, there: File | Folder | None) -> None:
        if path == self.root:
            self.top.sync()
        elif isinstance(there, Folder):
            there.sync()
        else:
            there.safe = there.data

    def _name(self, op: Op, there: File | Folder) -> None:
        (source, old), (target, new) = self._place(op.path), self._place(op.target)
        gone = {} if op.kind == "link" else {old: None}
        if source is target:
            source.apply({**gone, new: there})
            return
        target.apply({new: there})
        if gone:
            source.apply(gone)

    def _place(self, path: Path) -> tuple[Folder, str]:
        *above, name = path.relative_to(self.root).parts or (".",)
        folder = self.top
        for part in above:
            folder = folder.names[part]
        return folder, name

    def trees(self, chance: random.Random, *, few: bool = False) -> Iterator[Tree]:
        """What may be on the disk if the power goes now: adversarial choices, and some by chance."""
        changes = [id(change) for folder in _folders(self.top) for change in folder.changes]
        everything = frozenset(changes)
        subsets = [everything, frozenset[int]()]
        if not few:
            subsets += [frozenset({change}) for change in changes] + [everything - {change} for change in changes]
            subsets += [frozenset(c for c in changes if chance.random() < 0.5) for _ in range(8)]
        for subset in subsets:
            for share in KEPT.values():
                yield dict(_listed(self.top, "", subset, share))


def _loaded(path: Path) -> Folder:
    names: dict[str, File | Folder] = {}
    for each in path.iterdir():
        data = None if each.is_dir() else each.read_bytes()
        names[each.name] = _loaded(each) if data is None else File(data, data)
    return Folder(names, dict(names))


def _folders(folder: Folder) -> Iterator[Folder]:
    yield folder
    for there in {id(each): each for each in (*folder.names.values(), *folder.safe.values())}.values():
        if isinstance(there, Folder):
            yield from _folders(there)


def _listed(folder: Folder, above: str, kept: Iterable[int], share: float) -> Iterator[tuple[str, bytes | None]]:
    names = dict(folder.safe)
    for change in folder.changes:
        if id(change) in kept:
            _apply(names, change)
    for name, there in names.items():
        if isinstance(there, File):
            yield above + name, there.after(share)
        else:
            yield above + name, None
            yield from _listed(there, f"{above}{name}/", kept, share)


def write_tree(tree: Tree, root: Path) -> None:
    """``tree`` as files under the new folder ``root``."""
    root.mkdir()
    for name, data in tree.items():
        if data is None:
            (root / name).mkdir()
        else:
            (root / name).write_bytes(data)
