"""Reading a registry folder: ``registry.json`` and, beside it, the files of each model."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.files import strays

# What a model's files end in, beside their common stem.
ENDINGS = (".onnx", ".onnx.data", ".int8.onnx", ".json", ".md", ".extra.schema.json")

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
        path = self.path(beside)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return Registered(row, None)
        except OSError as error:
            raise DocumentError(f"{path}: {error.strerror}") from error
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

    def digest(self, name: str) -> str | None:
        """SHA-256 of the file ``name``, in hex; None where it is missing. Raises RegistryError if unreadable."""
        try:
            with self.path(name).open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RegistryError(f"cannot read {self.root / name}: {error.strerror}") from error


def files_under(root: Path) -> Registry:
    """The files of the registry ``root``, without reading its ``registry.json``, which may be large."""
    return Registry(root, EMPTY)


def open_registry(root: Path) -> Registry:
    """The registry in the folder ``root``.

    Raises RegistryError if there is none, DocumentError if its ``registry.json`` cannot be read.
    """
    if not (root / INDEX).exists():
        raise RegistryError(f"{root} has no {INDEX}; `tinyai init {root}` makes an empty registry")
    data = strict_json.bytes_of(root / INDEX)
    document = strict_json.loads(data, str(root / INDEX))
    if not isinstance(document, dict) or not isinstance(document.get("models"), list):
        raise DocumentError(f"{root / INDEX}: a registry is an object with a list called models")
    return Registry(root, document, data.decode())
