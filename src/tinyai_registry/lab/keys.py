"""The columns that say what a row belongs to: each value as the one text by which everyone calls it."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.lab.blocks import blocks
from tinyai_registry.lab.parquet import MAX_BYTES

# What writers fill text of a fixed width with.
PADDING = "\0"

# Of one column, if every name in it were as long as the longest: numpy keeps names so, in four bytes a character.
MAX_CHARACTERS = MAX_BYTES // 4


def as_text(path: Path, column: str, values: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """``values`` as text, null where there is none: a dictionary of sorted names, each of which it has once.

    Numbers stay numbers: they have one text already, and are sorted as numbers. Raises TableError for bytes that are
    not UTF-8, and for a type of which a value is no name.
    """
    kind = value_type(values)
    if pa.types.is_integer(kind):
        return values.cast(kind)
    if pa.types.is_floating(kind):
        return pc.add(values.cast(pa.float64()), 0.0)  # -0.0, which has another text, becomes 0.0
    try:
        encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        encoded = encoded.unify_dictionaries().combine_chunks()
        raw = _as_bytes(encoded.dictionary).to_pylist()
    except (pa.ArrowException, OverflowError, ValueError) as error:
        raise TableError(f"{path}: column {column} is {kind}, which has no text; convert it to text") from error
    texts = [_text(each) for each in raw]
    for number, text in enumerate(texts):
        if flaw := _flaw(raw[number], text, len(values)):
            row = pc.index(encoded.indices, number).as_py()
            if row >= 0:  # else no row has it
                raise TableError(f"{path}: column {column} in row {row} {flaw}")
    names = sorted({text for text in texts if text is not None})
    places = {name: place for place, name in enumerate(names)}
    codes = pa.array([None if text is None else places[text] for text in texts], pa.int32()).take(encoded.indices)
    return pa.DictionaryArray.from_arrays(codes, pa.array(names, pa.large_string()))


def _flaw(value: object, text: str | None, rows: int) -> str | None:
    if text is None and value is not None:
        return f"is no UTF-8 ({value!r}); convert it to text"
    if text is not None and len(text) * rows > MAX_CHARACTERS:
        return f"has {len(text)} characters, too many in a table of {rows} rows; shorten the names"
    return None


def value_type(values: pa.Array | pa.ChunkedArray) -> pa.DataType:
    """The type of the values, whether or not each is kept once and referred to (a category)."""
    return values.type.value_type if pa.types.is_dictionary(values.type) else values.type


def _as_bytes(values: pa.Array) -> pa.Array:
    """Text as its bytes, of which nobody has checked that they are UTF-8."""
    is_text = pa.types.is_string(values.type) or pa.types.is_large_string(values.type)
    return values.cast(pa.large_binary()) if is_text else values


def _text(value: object) -> str | None:
    """None where there is no value, or its bytes are not UTF-8."""
    if value is None:
        return None
    try:
        return (value.decode() if isinstance(value, bytes) else str(value)).rstrip(PADDING)
    except UnicodeDecodeError:
        return None


@dataclass(frozen=True)
class Labels:
    """A column of names, each kept once: ``names`` are sorted, ``codes``, integers ``[N]``, say which one a row has."""

    names: NDArray[np.str_]
    codes: NDArray[np.integer]

    def are_among(self, names: NDArray[np.str_]) -> NDArray[np.bool_]:
        """For each row, ``[N]``, whether its name is one of ``names``."""
        return _look_up(np.isin(self.names, names), self.codes)

    def of(self, rows: NDArray[np.bool_]) -> NDArray[np.str_]:
        """The names that the rows of the mask have, sorted."""
        return self.names[np.sort(pd.unique(self.codes[rows]))]


def label(column: pd.Series[Any]) -> Labels:
    """The names in ``column``, which has no empty cell, as text."""
    codes, found = _codes(column)
    used = pd.unique(codes)
    names, order = np.unique(np.asarray(found[used]).astype(str), return_inverse=True)
    places = np.zeros(len(found), np.min_scalar_type(len(names)))
    places[used] = order
    return Labels(names, _look_up(places, codes))


def by_name(column: pd.Series[Any], compute: Callable[[pd.Series[Any]], NDArray[Any]]) -> NDArray[Any]:
    """What ``compute`` gives for the values of ``column``, ``[N]``, asked once for each name; 0 where there is none."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return compute(column)
    found = compute(pd.Series(column.cat.categories))
    codes = column.cat.codes.to_numpy()
    return _look_up(np.append(found, found.dtype.type(0)), np.where(codes < 0, codes.dtype.type(len(found)), codes))


def _codes(column: pd.Series[Any]) -> tuple[NDArray[np.integer], pd.Index[Any]]:
    """Which of the values, given beside, each row has; not every one need be there."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy(), column.cat.categories
    codes, found = pd.factorize(column)
    return codes, pd.Index(found)


def _look_up(values: NDArray[Any], places: NDArray[np.integer]) -> NDArray[Any]:
    """``values[places]``; numpy would turn ``places`` into words of eight bytes first."""
    found: NDArray[Any] = pa.array(values).take(pa.array(places)).to_numpy(zero_copy_only=False)
    return found


def count_distinct(frame: pd.DataFrame, columns: Sequence[str]) -> int:
    """How many different rows ``columns`` have."""
    coded = [_codes(frame[column]) for column in columns]
    if math.prod(max(len(names), 1) for _, names in coded) > np.iinfo(np.int64).max:
        return len(frame[list(columns)].drop_duplicates())
    found, end = np.empty(len(frame), np.int64), 0
    for block in blocks(len(frame)):
        together = np.zeros(len(frame.index[block]), np.int64)
        for codes, names in coded:
            together *= len(names)
            together += codes[block]
        different = np.unique(together)
        found[end : end + len(different)] = different
        end += len(different)
    found = found[:end]
    found.sort()
    return int(np.count_nonzero(found[1:] != found[:-1])) + bool(len(found))


def refuse_lookalikes(path: Path, column: str, names: pd.Series[str]) -> None:
    """Raises TableError if two of ``names`` differ in case, blanks or Unicode form alone.

    One source under two names is in training and in test at once, and the score is too good.
    """
    seen: dict[str, str] = {}
    for name in names.unique():
        other = seen.setdefault(fold(name), name)
        if other != name:
            rows = [int(names.index[int((names == each).to_numpy().argmax())]) for each in (other, name)]
            raise TableError(
                f"{path}: column {column} has {other!a} (row {rows[0]}) and {name!a} (row {rows[1]}), which differ in "
                "case, blanks or Unicode form alone; make them one name"
            )


# Characters of other categories that nobody sees: Unicode's default ignorables (DerivedCoreProperties.txt), and the
# blank of Braille.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff]"
)


def fold(name: str) -> str:
    r"""What is left of ``name`` for whoever reads it: no case, single blanks, nothing invisible, one Unicode form.

    >>> fold("\N{FULLWIDTH LATIN CAPITAL LETTER X}\N{ZERO WIDTH SPACE} 1 ") == fold("x 1")
    True
    """
    if name.isascii() and name.isprintable():
        return " ".join(name.split()).casefold()
    composed = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    invisible = ("Cf", "Cc")
    seen = "".join(c for c in composed if c.isspace() or unicodedata.category(c) not in invisible)
    return " ".join(_UNSEEN.sub("", seen).replace("\u0131", "i").replace("i\u0307", "i").split())
