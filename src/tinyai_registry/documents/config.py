"""``tinyai.toml``: where a project keeps its registry, and which table belongs to which dataset."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import ConfigError
from tinyai_registry.onnxfile.runtime import DEFAULT, runtime_names

NAME = "tinyai.toml"


@dataclass(frozen=True)
class Config:
    """A project's settings. ``root`` is the folder of ``tinyai.toml``; the paths in it are relative to it.

    ``policy`` names the plugins whose ``tinyai_gate`` judges every model, ``runtime`` the profile of the target runtime
    that the registry is written for.
    """

    root: Path
    registry: Path | None = None
    tables: Mapping[str, Path] = field(default_factory=dict)
    policy: tuple[str, ...] = ()
    runtime: str = DEFAULT

    def registry_folder(self, given: Path | None) -> Path:
        """The folder that ``--registry`` or the configuration names; its ``registry.json`` stands for it.

        Raises ConfigError if neither names one.
        """
        folder = given or self.registry
        if folder is None:
            raise ConfigError(f'which registry? Give --registry DIR, or name it in {NAME}: [registry] path = "DIR"')
        return folder.parent if folder.name == INDEX and not folder.is_dir() else folder

    def table(self, dataset: str, given: Path | None) -> Path:
        """The table that ``--table`` or the configuration names. Raises ConfigError if neither does."""
        path = given or self.tables.get(dataset)
        if path is None:
            raise ConfigError(f'which table? Give --table FILE, or name it in {NAME}: [tables] {dataset} = "FILE"')
        return path


def find_config(start: Path) -> Config:
    """The settings in the nearest ``tinyai.toml`` at or above ``start``; empty ones if there is none.

    Raises ConfigError if the file is not TOML or has anything in it that is not a setting.
    """
    for folder in (start.absolute(), *start.absolute().parents):
        if (folder / NAME).is_file():
            return _read(folder / NAME)
    return Config(root=start.absolute())


def _read(path: Path) -> Config:
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (RecursionError, ValueError) as error:  # not UTF-8, not TOML, a number or a nesting beyond Python's limits
        raise ConfigError(f"{path}: {error}") from error
    _check(path, data)
    registry = data.get("registry", {}).get("path")
    runtime = data.get("registry", {}).get("runtime", DEFAULT)
    if runtime not in runtime_names():
        raise ConfigError(f"{path}: registry.runtime is {runtime!r}; there are {', '.join(runtime_names())}")
    return Config(
        root=path.parent,
        registry=path.parent / registry if registry is not None else None,
        tables={name: path.parent / table for name, table in data.get("tables", {}).items()},
        policy=tuple(data.get("policy", {}).get("plugins", ())),
        runtime=runtime,
    )


def _check(path: Path, data: Mapping[str, Any]) -> None:
    sections = {"registry": {"path": str, "runtime": str}, "tables": None, "policy": {"plugins": list}}
    for section, content in data.items():
        if section not in sections or not isinstance(content, dict):
            raise ConfigError(f"{path}: [{section}] is no section; there are {', '.join(sections)}")
        known = sections[section]
        for key, value in content.items():
            if known is not None and key not in known:
                raise ConfigError(f"{path}: [{section}] has no setting {key!r}; it has {', '.join(known)}")
            wanted = str if known is None else known[key]
            if not isinstance(value, wanted) or (
                isinstance(value, list) and not all(isinstance(item, str) for item in value)
            ):
                raise ConfigError(f"{path}: {section}.{key} must be {'a string' if wanted is str else 'strings'}")
