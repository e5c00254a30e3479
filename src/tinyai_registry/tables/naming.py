"""libvmaf's names and the columns that they become; which they are is data, ``libvmaf_names.json``.

``float_ssim`` and its like keep their prefix: ``ssim`` is what another extractor writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path


def name_columns(names: Iterable[str]) -> dict[str, str]:
    """The column that each of libvmaf's ``names`` becomes.

    A name of the table loses its prefix, with or without options behind it (``integer_adm2_egl_1``), unless two of
    ``names`` would become one column: then both stay as they are.

    >>> name_columns(["integer_adm2", "integer_motion2_force_0", "float_ssim", "vmaf"])
    {'integer_adm2': 'adm2', 'integer_motion2_force_0': 'motion2_force_0', 'float_ssim': 'float_ssim', 'vmaf': 'vmaf'}
    >>> name_columns(["adm2", "integer_adm2"])
    {'adm2': 'adm2', 'integer_adm2': 'integer_adm2'}
    """
    columns = {name: _column(name) for name in names}
    taken = list(columns.values())
    return {name: name if taken.count(column) > 1 else column for name, column in columns.items()}


@cache
def _column(name: str) -> str:
    known = _known()
    if name in known:
        return known[name]
    beginnings = [each for each in known if name.startswith(f"{each}_")]
    longest = max(beginnings, key=len, default="")
    return f"{known[longest]}{name[len(longest) :]}" if longest else name


@cache
def _known() -> Mapping[str, str]:
    text = Path(__file__).with_name("libvmaf_names.json").read_text(encoding="utf-8")
    return {name: column for column, names in json.loads(text).items() for name in names}
