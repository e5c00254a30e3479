"""Reading a registry folder: ``registry.json`` and, beside it, the files of each model."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from tinyai_registry.documents import attestation, strict_json
from tinyai_registry.documents.index import INDEX, describe_missing
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import (
    MAX_BYTES,
    FileProblemError,
    Problem,
    digest,
    explain,
    find_link,
    is_link,
    is_release_file,
    read_bytes,
    strays,
)

# What a model's files end in, beside their common stem.
ENDINGS = (".onnx", ".onnx.data", ".int8.onnx", ".json", ".md", ".svg", ".extra.schema.json", attestation.ENDING)

# A signature is its owner's: made when a release is there, and renewed without another.
SIGNATURE = ".sigstore.json"

T = TypeVar("T")

EMPTY = {"models": [], "schema_version": 1}


@dataclass(frozen=True)
class Registered:
    """One registered model: its row, its sidecar if it has one, and the bytes of those of its files that were read."""

    row: Mapping[str, Any]
    sidecar: Mapping[str, Any] | None
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def stem(self) -> str:
        """The name of the ONNX file without its ending; sidecar, card and twin share it."""
        return str(self.row["onnx"]).removesuffix(".onnx")


@dataclass(frozen=True)
class Registry:
    """A registry folder as it was when it was opened: its ``registry.json``, read and as text."""

    root: Path
    document: Mapping[str, Any]
    text: str = ""

    @property
    def rows(self) -> list[Mapping[str, Any]]:
        """The rows in file order; anything in ``models`` that is no object is the validator's business."""
        return [row for row in self.document["models"] if isinstance(row, dict)]

    def row(self, model: str) -> Mapping[str, Any] | None:
        """The row with this id, or None. Raises RegistryError if several have it."""
        rows = [row for row in self.rows if row.get("id") == model]
        if len(rows) > 1:
            raise RegistryError(f"{self.root / INDEX}: {len(rows)} rows have the id {model!r}; keep one")
        return rows[0] if rows else None

    def find(self, model: str) -> Registered | None:
        """The model with this id, or None. Raises RegistryError if its row does not say where its ONNX is."""
        row = self.row(model)
        if row is None:
            return None
        name = row.get("onnx")
        if not isinstance(name, str) or not name.endswith(".onnx"):
            raise RegistryError(f"{self.root / INDEX}: the row of {model!r} names no .onnx file")
        beside = name.removesuffix(".onnx") + ".json"
        data = self.read(beside, strict_json.MAX_BYTES)
        if data is None:
            return Registered(row, None)
        path = self.root / beside
        sidecar = strict_json.loads(data, str(path))
        if not isinstance(sidecar, dict):
            raise DocumentError(f"{path}: a sidecar is a JSON object")
        return Registered(row, sidecar, {beside: data})

    def path(self, name: str) -> Path:
        """The file ``name`` of this registry. Raises RegistryError for a name that leads outside."""
        path = self.root / name
        try:
            inside = not strays(name) and path.resolve().is_relative_to(self.root.resolve())
        except (OSError, RuntimeError):  # too long, a loop of links
            inside = False
        if not inside:
            raise RegistryError(f"{self.root / INDEX}: {name[:300]!r} is no file inside the registry folder")
        return path

    def place(self, name: str) -> Path:
        """Where a release may put its file ``name``, or remove it.

        Raises RegistryError for a name that no release may have, and for one behind a link, wherever that leads.
        """
        path = self.path(name)
        if not is_release_file(name):
            raise RegistryError(f"{name[:300]!a} is no name of a file that a release may have")
        if link := find_link(self.root, name.split("/")[:-1]):
            raise RegistryError(f"{link} is a link; nothing is written behind one: put a folder in its place")
        return path

    def require_replaceable(self, name: str) -> None:
        """Raise RegistryError if something lies at ``name`` that no file can take the place of, or should."""
        try:
            about = os.lstat(self.place(name))
        except FileNotFoundError:
            return
        if not (stat.S_ISREG(about.st_mode) or is_link(about)):
            raise RegistryError(f"{self.root / name} is not a regular file; move it away, {name} is to be put there")

    def read(self, name: str, limit: int = MAX_BYTES) -> bytes | None:
        """The bytes of the file ``name``; None where it is missing. Raises RegistryError if unreadable."""
        return _tell(read_bytes, self.path(name), limit)

    def digest(self, name: str) -> str | None:
        """SHA-256 of the file ``name``, in hex; None where it is missing. Raises RegistryError if unreadable."""
        return _tell(digest, self.path(name), MAX_BYTES)


def _tell(read: Callable[[Path, int], T], path: Path, limit: int) -> T | None:
    try:
        return read(path, limit)
    except FileProblemError as error:
        if error.problem is Problem.MISSING:
            return None
        raise RegistryError(f"{path} {error.what}") from error
    except OSError as error:
        raise RegistryError(f"cannot read {path}: {explain(error)}") from error


def files_under(root: Path) -> Registry:
    """The files of the registry ``root``, without reading its ``registry.json``, which may be large."""
    return Registry(root, EMPTY)


def open_registry(root: Path) -> Registry:
    """The registry in the folder ``root``.

    Raises RegistryError if there is none, DocumentError if its ``registry.json`` cannot be read.
    """
    if not os.path.lexists(root / INDEX):
        raise RegistryError(describe_missing(root))
    data = strict_json.bytes_of(root / INDEX)
    document = strict_json.loads(data, str(root / INDEX))
    if not isinstance(document, dict) or not isinstance(document.get("models"), list):
        raise DocumentError(f"{root / INDEX}: a registry is an object with a list called models")
    return Registry(root, document, data.decode())
