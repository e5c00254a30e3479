"""The columns that say what a row belongs to: each value as the one text by which everyone calls it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.lab.parquet import MAX_BYTES

# What writers fill text of a fixed width with.
PADDING = "\0"

# Of one column, if every name in it were as long as the longest: numpy keeps names so, in four bytes a character.
MAX_CHARACTERS = MAX_BYTES // 4


def as_text(path: Path, column: str, values: pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """``values`` as text, null where there is none.

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
    return pa.array(texts, pa.large_string()).take(encoded.indices)  # as pandas keeps it


def _flaw(value: object, text: str | None, rows: int) -> str | None:
    if text is None and value is not None:
        return f"is no UTF-8 ({value!r}); convert it to text"
    if text is not None and len(text) * rows > MAX_CHARACTERS:
        return f"has {len(text)} characters, too many in a table of {rows} rows; shorten the names"
    return None


def value_type(values: pa.ChunkedArray) -> pa.DataType:
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
    """A column of names, each kept once: ``names`` are sorted, ``codes``, int32 ``[N]``, say which one a row has."""

    names: NDArray[np.str_]
    codes: NDArray[np.int32]

    def are_among(self, names: NDArray[np.str_]) -> NDArray[np.bool_]:
        """For each row, ``[N]``, whether its name is one of ``names``."""
        among: NDArray[np.bool_] = np.isin(self.names, names)[self.codes]
        return among


def label(column: pd.Series[Any]) -> Labels:
    """The names in ``column``, which has no empty cell, as text."""
    codes, found = pd.factorize(column)
    names, order = np.unique(np.asarray(found).astype(str), return_inverse=True)
    return Labels(names, order.astype(np.int32)[codes])


def count_distinct(frame: pd.DataFrame, columns: Sequence[str]) -> int:
    """How many different rows ``columns`` have; it takes three words of memory for a row."""
    together, values = np.zeros(len(frame), np.int64), 1
    for column in columns:
        codes, names = pd.factorize(frame[column])
        if values * max(len(names), 1) > np.iinfo(np.int64).max:
            return len(frame[list(columns)].drop_duplicates())
        together *= len(names)
        together += codes
        values *= max(len(names), 1)
    together.sort()
    return int(np.count_nonzero(together[1:] != together[:-1])) + bool(len(together))


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
