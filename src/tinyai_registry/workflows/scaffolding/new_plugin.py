"""Writes a new plugin, complete and working: a distribution folder filled from the templates beside this module."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from string import Template

from tinyai_registry.errors import ScaffoldError
from tinyai_registry.recipe import UNDECIDED

# One word of a distribution, a package and a model id alike; the id has 64 characters, `_v1` among them.
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_LONGEST = 40
# `tinyai_registry` is this package, `builtin` the name of the defaults.
_TAKEN = frozenset({"registry", "builtin"})

# File of the plugin: file among the templates. `$name` stands for the plugin's name in both path and text.
FILES = {
    "pyproject.toml": "pyproject.toml",
    "README.md": "README.md",
    "tinyai.toml": "tinyai.toml",
    "src/tinyai_$name/__init__.py": "plugin.py",
    "src/tinyai_$name/made_table.py": "made_table.py",
    "tests/test_$name.py": "test_plugin.py",
}


def write_plugin(name: str, into: Path) -> Path:
    """Write a plugin that declares ``<name>_v1`` into the new folder ``<into>/tinyai-<name>``; return that.

    Raises ScaffoldError if the name will not do, or the folder exists or cannot be made.
    """
    if not _will_do(name):
        raise ScaffoldError(f"{name!r} will not do as a plugin's name{_mend(name)}")
    folder = into / f"tinyai-{name.replace('_', '-')}"
    contents = {_fill(path, name): _fill(_read_template(source), name) for path, source in FILES.items()}
    try:
        folder.mkdir(parents=True)
        _write_all(folder, contents)
    except FileExistsError:
        raise ScaffoldError(f"{folder} exists already; nothing was changed") from None
    except OSError as error:
        raise ScaffoldError(f"cannot make {folder}: {error.strerror}") from error
    return folder


def _write_all(folder: Path, contents: Mapping[str, str]) -> None:
    """Fill the new ``folder``, or leave none."""
    try:
        for path, text in contents.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text, encoding="utf-8")
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _will_do(name: str) -> bool:
    return bool(_NAME.match(name)) and len(name) <= _LONGEST and name not in _TAKEN


def _mend(name: str) -> str:
    """The end of a message about a ``name`` that will not do: one that will, or the rule."""
    alike = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    if _will_do(alike):
        return f"; did you mean {alike!r}?"
    return (
        f": it takes lower-case letters and digits, {_LONGEST} at most, words joined by one underscore, a letter "
        f"first, and is neither {' nor '.join(sorted(_TAKEN))}"
    )


def _read_template(source: str) -> str:
    return (resources.files(__package__) / "templates" / f"{source}.template").read_text(encoding="utf-8")


def _fill(text: str, name: str) -> str:
    title = name.replace("_", " ")
    return Template(text).substitute(
        name=name,
        dashed=name.replace("_", "-"),
        title=title[0].upper() + title[1:],
        constant=f"{name.upper()}_V1",
        **UNDECIDED,
    )
