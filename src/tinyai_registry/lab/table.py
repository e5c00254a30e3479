"""The feature table: read strictly, or refused with one line that names the column, the row and the remedy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from tinyai_registry.documents import table_record
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import TableFingerprint
from tinyai_registry.files import sha256_of
from tinyai_registry.lab.derived import derive
from tinyai_registry.lab.keys import as_text, fold, refuse_lookalikes, value_type
from tinyai_registry.lab.parquet import open_parquet
from tinyai_registry.lab.standardisation import standardise
from tinyai_registry.lab.table_file import read_file
from tinyai_registry.recipe import Input, Recipe, numeric_sources
from tinyai_registry.text import encodable

# Named by some extractors; where present, a table must have been made by one of each.
MAKERS = ("teacher_model", "extractor")

# Where present, it says which data set a row comes from; each must be on the scale that the recipe declares.
CORPUS = "corpus"

# Models are fed float32, which ends at 3.4e38. A difference, and a draw ten standard deviations off, must fit too.
LARGEST = 1e37

# A target that fills a hundredth of its range, or never leaves the lowest tenth, is on another scale: of 0 to 100, the
# scales 0 to 1, 1 to 5 and 0 to 10 end there. At the upper end a few hundredths are real: good encodes are alike.
SLIVER, LOWEST_PART = 0.01, 0.1


@dataclass(frozen=True)
class Table:
    """The rows of one parquet file and the columns that a recipe needs, checked.

    ``frame`` has every column of ``recipe.columns`` and every derived one, and a fresh row number as index. Features
    and target are float64, what else is no number is text. There is no null and no NaN in it, but for empty feature
    cells where the recipe says how they are filled.
    """

    recipe: Recipe
    frame: pd.DataFrame
    fingerprint: TableFingerprint

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """``[N, F]`` in feature order."""
        return self.frame[list(self.recipe.feature_order)].to_numpy(np.float64)

    @cached_property
    def target(self) -> NDArray[np.float64]:
        """``[N]`` in target units."""
        return self.frame[self.recipe.target].to_numpy(np.float64)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The group of each row, ``[N]``."""
        return _groups(self.frame, self.recipe)

    def clips(self, rows: NDArray[np.int64]) -> int:
        """How many distinct clips (a clip is told by its group and its name) ``rows`` hold."""
        names = [self.recipe.group, self.recipe.clip]
        return len(self.frame.iloc[rows][list(dict.fromkeys(names))].drop_duplicates())

    def inputs(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Raw features of ``rows`` as a model takes them: ``{tensor: [n, columns]}``, float32."""
        return split_inputs(self.recipe.inputs, self.features[rows].astype(np.float32))


def split_inputs(inputs: Sequence[Input], features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Features ``[N, F]`` in feature order, cut into ``{tensor: [N, columns of that tensor]}``."""
    ends = np.cumsum([len(i.columns) for i in inputs])[:-1]
    parts = np.split(features, ends, axis=1)
    return {i.tensor: np.ascontiguousarray(part) for i, part in zip(inputs, parts, strict=True)}


def read_table(path: Path, recipe: Recipe) -> Table:
    """The table at ``path``, with the columns that ``recipe`` needs and no others.

    Raises TableError for whatever the table contract refuses.
    """
    data = read_file(path)
    file = open_parquet(path, data)
    _check_present(path, file.names, recipe)
    extra = [name for name in (*MAKERS, CORPUS) if name in file.names and name not in recipe.columns]
    numbers = {*recipe.feature_order, recipe.target, *chain.from_iterable(map(numeric_sources, recipe.derived))}
    columns = [*recipe.columns, *extra]
    read = file.read(columns, text=[name for name in columns if name not in numbers])
    if not read.num_rows:
        raise TableError(f"{path} has no rows; nothing can be trained from it")
    converted = {n: (_as_numbers if n in numbers else as_text)(path, n, read[n]) for n in columns}
    everything = pa.table(converted).to_pandas(ignore_metadata=True)
    frame = everything.drop(columns=extra)
    _check_keys(path, frame, recipe)
    derive(path, frame, recipe)
    _check_features(path, frame, recipe)
    _check_target(path, everything, recipe)
    _check_groups(path, frame, recipe)
    made_by = {name: _constant(path, everything, name) for name in MAKERS if name in everything}
    fingerprint = _fingerprint(path, data, frame, recipe, len(file.names), made_by)
    return Table(recipe, frame, _with_origin(fingerprint, file.record))


def _groups(frame: pd.DataFrame, recipe: Recipe) -> NDArray[np.str_]:
    return frame[recipe.group].to_numpy(str)


def _as_numbers(path: Path, column: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = value_type(values)
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise TableError(f"{path}: column {column} is {kind}, not numeric; convert it")
    return values.cast(kind).cast(pa.float64(), safe=False)


def _check_present(path: Path, names: Sequence[str], recipe: Recipe) -> None:
    missing = [name for name in recipe.columns if name not in names]
    if missing:
        raise TableError(
            f"{path} lacks the column {', '.join(missing)} that {recipe.id} needs (it has: {', '.join(names)})"
        )
    twice = [name for name in (*recipe.columns, *MAKERS, CORPUS) if list(names).count(name) > 1]
    if twice:
        raise TableError(f"{path} has two columns called {twice[0]}; drop one")


def _constant(path: Path, frame: pd.DataFrame, column: str) -> str | None:
    values = frame[column].unique()
    if len(values) != 1:
        shown = ", ".join(str(value) for value in values[:3])
        raise TableError(
            f"{path}: column {column} has {len(values)} values ({shown}); a table has one, so split it by {column}"
        )
    return None if pd.isna(values[0]) else str(values[0])


def _check_keys(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    for column in dict.fromkeys((*recipe.key, recipe.group, recipe.clip, *recipe.cut_by)):
        names = frame[column]
        null = names.isna().to_numpy()
        if null.any():
            raise TableError(
                f"{path}: column {column} is null in {null.sum()} rows, first in row {null.argmax()}; "
                "a row must say what it belongs to"
            )
        if pd.api.types.is_numeric_dtype(names):
            continue
        blank = names.isin([name for name in names.unique() if not fold(name)]).to_numpy()
        if blank.any():
            raise TableError(
                f"{path}: column {column} is blank in {blank.sum()} rows, first in row {blank.argmax()}; "
                "a row must say what it belongs to"
            )
        refuse_lookalikes(path, column, names)
    twice = frame.duplicated(list(recipe.key)).to_numpy()
    if twice.any():
        raise TableError(
            f"{path}: {twice.sum()} rows repeat the key ({', '.join(recipe.key)}) of an earlier row, "
            f"first row {twice.argmax()}; drop the repeats"
        )


def _check_features(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    for column in recipe.feature_order:
        numbers = frame[column].to_numpy(np.float64)
        _check_finite(path, column, numbers, may_be_empty=recipe.missing == "median")
        if np.isnan(numbers).all():
            raise TableError(f"{path}: column {column} is empty; a median needs values")


def _check_finite(path: Path, column: str, numbers: NDArray[np.float64], *, may_be_empty: bool = False) -> None:
    bad = np.isinf(numbers) if may_be_empty else ~np.isfinite(numbers)
    if bad.any():
        raise TableError(
            f"{path}: column {column} is {'infinite' if may_be_empty else 'NaN, infinite or null'} in "
            f"{bad.sum()} rows, first in row {bad.argmax()}; repair or drop these rows"
        )
    large = np.abs(numbers) > LARGEST
    if large.any():
        raise TableError(
            f"{path}: column {column} is {numbers[large][0]:g} in row {large.argmax()}, too large for a model that "
            f"is fed float32 (at most {LARGEST:g}); repair or drop this row"
        )


def _check_target(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    """Raises TableError unless the target is on the scale that the recipe declares, corpus by corpus."""
    column, (low, high) = recipe.target, recipe.target_range
    target = frame[column].to_numpy(np.float64)
    _check_finite(path, column, target)
    outside = (target < low) | (target > high)
    if outside.any():
        raise TableError(
            f"{path}: column {column} is outside the target range {low:g} to {high:g} of {recipe.id} in "
            f"{outside.sum()} rows, first in row {outside.argmax()} ({target[outside][0]:g}); bring it to that scale, "
            "or drop these rows"
        )
    corpora = frame.groupby(CORPUS, dropna=False).indices if CORPUS in frame else {"": np.arange(len(frame))}
    for corpus, members in corpora.items():
        rows = np.asarray(members)
        least, most = rows[target[rows].argmin()], rows[target[rows].argmax()]
        width, top = target[most] - target[least], target[most] - low
        if width <= SLIVER * (high - low) or top <= LOWEST_PART * (high - low):
            where = f" of the corpus {corpus}" if CORPUS in frame else ""
            raise TableError(
                f"{path}: column {column}{where} lies between {target[least]:g} (row {least}) and {target[most]:g} "
                f"(row {most}), a sliver of the target range {low:g} to {high:g} of {recipe.id}; "
                "if it is on another scale, bring it to that one"
            )


def _check_groups(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    groups = frame[recipe.group].unique()
    if len(groups) == 1:
        raise TableError(
            f"{path}: column {recipe.group} has the one group {groups[0]}; holding one out takes two or more"
        )


def _fingerprint(
    path: Path,
    data: bytes,
    frame: pd.DataFrame,
    recipe: Recipe,
    columns: int,
    made_by: Mapping[str, str | None],
) -> TableFingerprint:
    target = frame[recipe.target].to_numpy(np.float64)
    clips = frame[list(dict.fromkeys((recipe.group, recipe.clip)))].drop_duplicates()
    features = frame[list(recipe.feature_order)].to_numpy(np.float64)
    filled = standardise(features).fill_empty(features)
    return TableFingerprint(
        file=encodable(path.name),
        sha256=sha256_of(data),
        rows=len(frame),
        columns=columns,
        groups=tuple(np.unique(_groups(frame, recipe)).tolist()),
        clips=len(clips),
        teacher_model=made_by.get("teacher_model"),
        extractor=made_by.get("extractor"),
        feature_means=tuple(filled.mean(axis=0).tolist()),
        feature_stds=tuple(filled.std(axis=0).tolist()),
        missing_cells=_missing_cells(frame, recipe),
        target_mean=float(target.mean()),
        target_std=float(target.std()),
        target_min=float(target.min()),
        target_max=float(target.max()),
    )


def _with_origin(fingerprint: TableFingerprint, record: table_record.Record | None) -> TableFingerprint:
    if record is None:
        return fingerprint
    return replace(
        fingerprint,
        origin=table_record.origin(record),
        teacher_model=fingerprint.teacher_model or record["teacher_model"],
        extractor=fingerprint.extractor or table_record.extractor(record),
    )


def _missing_cells(frame: pd.DataFrame, recipe: Recipe) -> dict[str, int]:
    counts = frame[list(recipe.feature_order)].isna().sum()
    return {str(column): int(count) for column, count in counts.items() if count}
