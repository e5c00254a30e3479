"""Names under which the target runtime can log a model: they become XML attributes, JSON keys and CSV columns."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path

_ID = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
# The runtime escapes nothing of a name.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")


def name_flaw(name: str) -> str | None:
    """Why the runtime cannot log scores under ``name``; None if it can.

    >>> name_flaw("fr_regressor_v1")
    >>> name_flaw("3d_v1")
    'it is not a letter followed by letters, digits and underscores'
    >>> name_flaw("vmaf")
    'libvmaf logs a score or a feature under that name'
    """
    if not _NAME.match(name):
        return "it is not a letter followed by letters, digits and underscores"
    return "libvmaf logs a score or a feature under that name" if name.casefold() in _taken() else None


def id_flaw(name: str) -> str | None:
    """Why ``name`` cannot be the id of a model; None if it can.

    >>> id_flaw("Bend_v1")
    'it is not a lower-case letter followed by lower-case letters, digits and underscores, at most 64 in all'
    """
    if not _ID.match(name):
        return "it is not a lower-case letter followed by lower-case letters, digits and underscores, at most 64 in all"
    return name_flaw(name)


@cache
def _taken() -> frozenset[str]:
    file = Path(__file__).with_name("libvmaf_names.toml")  # importlib.resources takes as long to import as click
    families = tomllib.loads(file.read_text(encoding="utf-8")).values()
    return frozenset(name for family in families for name in family)
