"""``tinyai.toml``: where a project keeps its registry, and which table belongs to which dataset."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tinyai_registry.documents.excuses import Excuse, of_settings
from tinyai_registry.documents.index import INDEX, describe_missing, nearest_registry
from tinyai_registry.documents.trust_policy import Trust, read_trust
from tinyai_registry.documents.url import fetch, is_url
from tinyai_registry.errors import ConfigError, RegistryError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.onnxfile.runtime import DEFAULT, runtime_names

NAME = "tinyai.toml"


@dataclass(frozen=True)
class TableSetting:
    """Where the files of a data set lie, and what is said of the names in them: a :class:`DataSet` before it is here.

    ``files`` is one path or URL, or one for each corpus; none where nothing is known but what people have said.
    """

    files: str | Mapping[str, str] = field(default_factory=dict)
    same: tuple[tuple[str, ...], ...] = ()
    distinct: tuple[tuple[str, ...], ...] = ()

    @property
    def locations(self) -> tuple[str, ...]:
        """Of every file."""
        return (self.files,) if isinstance(self.files, str) else tuple(self.files.values())

    @property
    def is_behind_url(self) -> bool:
        """Whether any of the files has to be fetched."""
        return any(map(is_url, self.locations))

    @property
    def missing(self) -> str | None:
        """The first file that is not there. What lies behind a URL is not asked for."""
        return next((each for each in self.locations if not is_url(each) and not Path(each).is_file()), None)

    def fetch(self) -> DataSet:
        """The files as they lie here. Raises UrlError for one that cannot be had."""
        here = {location: fetch(location) for location in self.locations}
        urls = {path: location for location, path in here.items() if is_url(location)}
        if isinstance(self.files, str):
            return DataSet(here[self.files], self.same, self.distinct, urls)
        files = {corpus: here[location] for corpus, location in self.files.items()}
        return DataSet(files, self.same, self.distinct, urls)


@dataclass(frozen=True)
class Config:
    """A project's settings. ``root`` is the folder of ``tinyai.toml``; the paths in it are relative to it.

    ``policy`` names the plugins whose ``tinyai_gate`` judges every model, ``runtime`` the profile of the target runtime
    that the registry is written for, ``excuses`` the findings that are known, ``trust`` whoever may sign; None where
    nobody is named.
    """

    root: Path
    registry: Path | None = None
    tables: Mapping[str, TableSetting] = field(default_factory=dict)
    policy: tuple[str, ...] = ()
    runtime: str = DEFAULT
    excuses: tuple[Excuse, ...] = ()
    trust: Trust | None = None

    def registry_folder(self, given: Path | None) -> Path:
        """The folder that ``--registry`` or the configuration names; its ``registry.json`` stands for it.

        Raises RegistryError if the configuration names one that is not there, and what :meth:`registry_place` raises.
        """
        folder = self.registry_place(given)
        if given is None and not os.path.lexists(folder / INDEX):
            raise RegistryError(f"{describe_missing(folder)} ({self.root / NAME} names it)")
        return folder

    def registry_place(self, given: Path | None) -> Path:
        """The same folder, whether or not a registry is there.

        Raises ConfigError if neither names one, or if the configuration seems to have mistyped it.
        """
        folder = given or self.registry
        if folder is None:
            raise ConfigError(
                f'which registry? `tinyai init DIR` makes one; for one that is there, write [registry] path = "DIR" '
                f"into {NAME}, or give --registry DIR"
            )
        if given is None and (nearest := nearest_registry(folder)) not in {None, folder}:
            raise ConfigError(
                f"{self.root / NAME} names the registry {folder}, which is not there; did you mean {str(nearest)!r}?"
            )
        return folder.parent if folder.name == INDEX and not folder.is_dir() else folder

    def table(self, dataset: str, given: Sequence[str] = ()) -> DataSet:
        """The files that ``--table`` or the configuration names. Raises ConfigError if neither does.

        ``given`` is one file or URL, or ``CORPUS=FILE`` for each corpus; what the configuration says of sources holds
        for them. Raises UrlError where one lies behind a URL and cannot be had.
        """
        found = self.tables.get(dataset, TableSetting())
        if given:
            return replace(found, files=_files(given)).fetch()
        if not found.locations:
            raise ConfigError(f'which table? Give --table FILE, or name it in {NAME}: [tables] {dataset} = "FILE"')
        return found.fetch()


def _files(given: Sequence[str]) -> str | Mapping[str, str]:
    if len(given) == 1 and ("=" not in given[0].partition("://")[0] or Path(given[0]).exists()):
        return given[0]
    named = [words.partition("=")[::2] for words in given]
    if not all(corpus and file for corpus, file in named) or len({corpus for corpus, _ in named}) < len(named):
        raise ConfigError(f"--table {' --table '.join(given)}: give one FILE, or CORPUS=FILE once for each corpus")
    return dict(named)


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
        tables=_data_sets(path.parent, data),
        policy=tuple(data.get("policy", {}).get("plugins", ())),
        runtime=runtime,
        excuses=of_settings(data.get("validate", {})),
        trust=read_trust(data["trust"], path.parent, str(path)) if "trust" in data else None,
    )


def _data_sets(root: Path, data: Mapping[str, Any]) -> dict[str, TableSetting]:
    """Where the files of each data set lie, and what is said of its sources."""
    said: Mapping[str, Mapping[str, Any]] = data.get("sources", {})
    files: dict[str, str | Mapping[str, str]] = {name: {} for name in said}
    for name, table in data.get("tables", {}).items():
        several = isinstance(table, dict)
        files[name] = {c: _locate(root, file) for c, file in table.items()} if several else _locate(root, table)
    return {
        name: TableSetting(found, *(tuple(map(tuple, said.get(name, {}).get(key, ()))) for key in ("same", "distinct")))
        for name, found in files.items()
    }


def _locate(root: Path, file: str) -> str:
    return file if is_url(file) else str(root / file)


def _check(path: Path, data: Mapping[str, Any]) -> None:
    sections = {
        "registry": {"path": str, "runtime": str},
        "tables": None,
        "sources": None,
        "policy": {"plugins": list},
        "validate": None,
        "trust": None,
    }
    for section, content in data.items():
        if section not in sections or not isinstance(content, dict):
            raise ConfigError(f"{path}: [{section}] is no section; there are {', '.join(sections)}")
        if section == "trust":
            continue  # it is read with what it is about
        known = sections[section]
        for key, value in content.items():
            if known is not None and key not in known:
                raise ConfigError(f"{path}: [{section}] has no setting {key!r}; it has {', '.join(known)}")
            if section == "validate":
                _check_excuses(f"{path}: {section}.{key}", value)
            elif known is None:
                _check_data_set(f"{path}: {section}.{key}", section, value)
            if known is None:
                continue
            wanted = known[key]
            if not isinstance(value, wanted) or (
                isinstance(value, list) and not all(isinstance(item, str) for item in value)
            ):
                raise ConfigError(f"{path}: {section}.{key} must be {'a string' if wanted is str else 'strings'}")


def _check_excuses(where: str, value: Any) -> None:
    """Raises ConfigError unless ``value`` gives a reason for each code."""
    reasons = value.values() if isinstance(value, dict) else [None]
    if not all(isinstance(reason, str) and reason.strip() for reason in reasons):
        raise ConfigError(f'{where} gives a reason for each code that it excuses: TAI410 = "why"')


def _check_data_set(where: str, section: str, value: Any) -> None:
    """Raises ConfigError unless ``value`` names files, or says which names are sources of their own."""
    if section == "tables":
        files = list(value.values()) if isinstance(value, dict) else [value]
        if not files or not all(isinstance(file, str) for file in files):
            raise ConfigError(f"{where} must be a string, or a table of strings, one for each corpus")
        return
    lists = value if isinstance(value, dict) and value.keys() <= {"same", "distinct"} else {"": None}
    for names in lists.values():
        if not isinstance(names, list) or not all(_is_names(each) for each in names):
            raise ConfigError(f"{where} has lists of two or more names under same and distinct, and nothing else")


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and len(value) > 1 and all(isinstance(name, str) for name in value)
