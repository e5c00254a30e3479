"""The table contract: what a file must hold, or is refused with one line that names the column, the row and the remedy.

The index of each frame here has the row numbers of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import CORPUS
from tinyai_registry.lab.blocks import blocks, find
from tinyai_registry.lab.keys import count_distinct, fold, refuse_lookalikes, value_type
from tinyai_registry.lab.standardisation import LARGEST
from tinyai_registry.recipe import OneHot, Recipe, numeric_sources
from tinyai_registry.text import enumerate_names

# Named by some extractors; where present, a table must have been made by one of each.
MAKERS = ("teacher_model", "extractor")

# A target that fills a hundredth of its range, or never leaves the lowest tenth, is on another scale: of 0 to 100, the
# scales 0 to 1, 1 to 5 and 0 to 10 end there. At the upper end a few hundredths are real: good encodes are alike.
SLIVER, LOWEST_PART = 0.01, 0.1


def as_numbers(path: Path, column: str, batches: Iterable[pa.Array]) -> Iterator[NDArray[np.float64]]:
    """Each of ``batches`` as float64, NaN where there is no value. Raises TableError if they are no numbers."""
    for batch in batches:
        kind = value_type(batch)
        if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
            raise TableError(f"{path}: column {column} is {kind}, not numeric; convert it")
        yield batch.cast(kind).cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def check_present(path: Path, names: Sequence[str], recipe: Recipe, corpus: str | None = None) -> None:
    """Raises TableError if a column that ``recipe`` needs is not there, or is there twice.

    ``corpus`` is what the data set calls the file; its own column of that kind would say it again.
    """
    if corpus is not None and CORPUS in names:
        raise TableError(f"{path} has a column {CORPUS} of its own, and tinyai.toml calls it {corpus}; drop the column")
    missing = [name for name in recipe.columns if name not in names and (corpus is None or name != CORPUS)]
    if missing:
        raise TableError(
            f"{path} lacks the {enumerate_names('column', missing)} that {recipe.id} needs (it has: {', '.join(names)})"
        )
    twice = [name for name in (*recipe.columns, *MAKERS, CORPUS) if list(names).count(name) > 1]
    if twice:
        raise TableError(f"{path} has two columns called {twice[0]}; drop one")


def find_constant(path: Path, frame: pd.DataFrame, column: str) -> str | None:
    """The one value that ``column`` has, as text. Raises TableError if it has several."""
    values = frame[column].unique()
    if len(values) != 1:
        shown = ", ".join(str(value) for value in values[:3])
        raise TableError(
            f"{path}: column {column} has {len(values)} values ({shown}); a table has one, so split it by {column}"
        )
    return None if pd.isna(values[0]) else str(values[0])


def check_keys(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    """Raises TableError unless every row says what it belongs to, and no two rows have one key."""
    for column in dict.fromkeys((*recipe.key, recipe.group, recipe.clip, *recipe.cut_by)):
        names = frame[column]
        null = names.isna().to_numpy()
        if null.any():
            raise TableError(
                f"{path}: column {column} is null in {null.sum()} rows, first in row {_first(frame, null)}; "
                "a row must say what it belongs to"
            )
        if pd.api.types.is_numeric_dtype(names):
            continue
        blank = names.isin([name for name in names.unique() if not fold(name)]).to_numpy()
        if blank.any():
            raise TableError(
                f"{path}: column {column} is blank in {blank.sum()} rows, first in row {_first(frame, blank)}; "
                "a row must say what it belongs to"
            )
        refuse_lookalikes(path, column, names)
    if count_distinct(frame, recipe.key) < len(frame):
        twice = frame.duplicated(list(recipe.key)).to_numpy()
        raise TableError(
            f"{path}: {twice.sum()} rows repeat the key ({', '.join(recipe.key)}) of an earlier row, "
            f"first row {_first(frame, twice)}; drop the repeats"
        )


def check_features(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    """Raises TableError unless every feature of ``recipe``, and what it is derived from, is a number that fits."""
    sources = chain.from_iterable(map(numeric_sources, recipe.derived))
    for column in dict.fromkeys((*sources, *recipe.feature_order)):
        _check_finite(path, column, frame[column], may_be_empty=recipe.missing == "median")
        if find(frame[column].to_numpy(np.float64), np.isnan)[0] == len(frame):
            raise TableError(f"{path}: column {column} is empty; a median needs values")


def _check_finite(path: Path, column: str, values: pd.Series[float], *, may_be_empty: bool = False) -> None:
    numbers = values.to_numpy(np.float64)
    bad, first = find(numbers, np.isinf if may_be_empty else lambda block: ~np.isfinite(block))
    if bad:
        raise TableError(
            f"{path}: column {column} is {'infinite' if may_be_empty else 'NaN, infinite or null'} in "
            f"{bad} rows, first in row {values.index[first]}; repair or drop these rows"
        )
    large, first = find(numbers, lambda block: np.abs(block) > LARGEST)
    if large:
        raise TableError(
            f"{path}: column {column} is {numbers[first]:g} in row {values.index[first]}, too large for a model "
            f"that is fed float32 (at most {LARGEST:g}); repair or drop this row"
        )


def check_target(path: Path, frame: pd.DataFrame, column: str, recipe: Recipe) -> None:
    """Raises TableError unless the target ``column`` is on the scale that the recipe declares, corpus by corpus."""
    low, high = recipe.target_range
    target = frame[column].to_numpy(np.float64)
    _check_finite(path, column, frame[column])
    outside, first = find(target, lambda block: (block < low) | (block > high))
    if outside:
        raise TableError(
            f"{path}: column {column} is outside the target range {low:g} to {high:g} of {recipe.id} in "
            f"{outside} rows, first in row {frame.index[first]} ({target[first]:g}); bring it to that scale, or drop "
            "these rows"
        )
    for corpus, least, most in _ends(frame, column):
        if most - least <= SLIVER * (high - low) or most - low <= LOWEST_PART * (high - low):
            where = f" of the corpus {corpus}" if CORPUS in frame else ""
            its = frame[column][frame[CORPUS] == corpus] if CORPUS in frame else frame[column]
            rows = [_first(its, its.to_numpy() == end) for end in (least, most)]
            raise TableError(
                f"{path}: column {column}{where} lies between {least:g} (row {rows[0]}) and "
                f"{most:g} (row {rows[1]}), a sliver of the target range {low:g} to {high:g} of "
                f"{recipe.id}; if it is on another scale, bring it to that one"
            )


def _ends(frame: pd.DataFrame, column: str) -> Iterator[tuple[object, float, float]]:
    """The smallest and the largest value of ``column`` in each corpus that rows name; in all rows where none can."""
    if CORPUS not in frame:
        yield "", frame[column].to_numpy().min(), frame[column].to_numpy().max()
        return
    parts = [
        frame[column].iloc[block].groupby(frame[CORPUS].iloc[block], observed=True).agg(["min", "max"])
        for block in blocks(len(frame))
    ]
    ends = pd.concat(parts).groupby(level=0, observed=True).agg({"min": "min", "max": "max"})
    yield from ends.itertuples(name=None)


def check_groups(where: object, frame: pd.DataFrame, recipe: Recipe) -> None:
    """Raises TableError if there is one group alone."""
    groups = frame[recipe.group].unique()
    if len(groups) == 1:
        raise TableError(
            f"{where}: column {recipe.group} has the one group {groups[0]}; holding one out takes two or more"
        )


def check_vocabularies(where: object, frame: pd.DataFrame, recipe: Recipe) -> None:
    """Raises TableError if a one-hot would know no row: the table must call its values otherwise."""
    for one_hot in recipe.derived:
        if isinstance(one_hot, OneHot) and one_hot.unknown and frame[one_hot.columns[-1]].all():
            found = ", ".join(map(str, frame[one_hot.of].unique()[:5]))
            raise TableError(
                f"{where}: column {one_hot.of} has {found}, and {recipe.id} lists {', '.join(one_hot.values)}; every "
                "row would be unknown, so call them by one name"
            )


def _first(rows: pd.DataFrame | pd.Series[Any], mask: NDArray[np.bool_]) -> int:
    """The row number, in the file, of the first row of the mask."""
    return int(rows.index[int(mask.argmax())])
