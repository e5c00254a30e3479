"""Writes the ``tinyai.toml`` of a new project, filled from the template beside this module."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path
from string import Template

from tinyai_registry.documents.config import NAME, Config
from tinyai_registry.errors import ScaffoldError
from tinyai_registry.files import write_new

TEMPLATE = "settings.toml.template"


def write_settings(registry: Path, config: Config) -> Path | None:
    """Write a ``tinyai.toml`` that names the folder ``registry``; return it.

    None where the project has one already, or where the registry lies outside the project. Raises ScaffoldError if it
    cannot be written.
    """
    file, within = config.root / NAME, registry.resolve()
    if file.exists() or not within.is_relative_to(config.root.resolve()):
        return None
    template = (resources.files(__package__) / "templates" / TEMPLATE).read_text(encoding="utf-8")
    text = Template(template).substitute(registry=_quote(within.relative_to(config.root.resolve()).as_posix()))
    try:
        write_new(file, text.encode())
    except OSError as error:
        raise ScaffoldError(f"the registry was made, but not {file}: {error.strerror}") from error
    return file


def _quote(text: str) -> str:
    """``text`` as a string of TOML: JSON's, but for the one character that TOML wants escaped and JSON does not."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
