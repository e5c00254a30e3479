"""The feature table: read strictly, or refused with one line that names the column, the row and the remedy."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import TableFingerprint
from tinyai_registry.lab.standardisation import standardise
from tinyai_registry.recipe import Input, Recipe
from tinyai_registry.text import encodable

# Named by some extractors; where present, a table must have been made by one of each.
MAKERS = ("teacher_model", "extractor")


@dataclass(frozen=True)
class Table:
    """The rows of one parquet file and the columns that a recipe needs, checked.

    ``frame`` has every column of ``recipe.columns`` and every derived one, and a fresh row number as index. There is no
    null and no NaN in it, but for empty feature cells where the recipe says how they are filled.
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
        return self.frame[self.recipe.group].to_numpy(str)

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


def digest(path: Path) -> str:
    """SHA-256 of the file, in hex. Raises TableError if it cannot be read."""
    return hashlib.sha256(_bytes(path)).hexdigest()


def read_table(path: Path, recipe: Recipe) -> Table:
    """The table at ``path``, with the columns that ``recipe`` needs and no others.

    Raises TableError for whatever the table contract refuses.
    """
    data = _bytes(path)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        names = file.schema_arrow.names
        _check_present(path, names, recipe)
        makers = [name for name in MAKERS if name in names]
        frame = file.read(columns=list(dict.fromkeys((*recipe.columns, *makers)))).to_pandas(ignore_metadata=True)
    except (pa.ArrowException, OSError) as error:  # from memory: a page that is damaged, not a disk
        raise TableError(f"{path} is no readable parquet file: {_first_line(error)}") from error
    if frame.empty:
        raise TableError(f"{path} has no rows; nothing can be trained from it")
    frame = frame.reset_index(drop=True)
    made_by = {name: _constant(path, frame, name) for name in makers}
    frame = frame.drop(columns=[name for name in makers if name not in recipe.columns])
    _check_keys(path, frame, recipe)
    _derive(path, frame, recipe)
    _check_numbers(path, frame, recipe)
    _check_groups(path, frame, recipe)
    fingerprint = _fingerprint(path, data, frame, recipe, len(names), made_by)
    return Table(recipe, frame, fingerprint)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TableError(f"cannot read the table {path}: {error.strerror}") from error


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0]


def _check_present(path: Path, names: Sequence[str], recipe: Recipe) -> None:
    missing = [name for name in recipe.columns if name not in names]
    if missing:
        raise TableError(
            f"{path} lacks the column {', '.join(missing)} that {recipe.id} needs (it has: {', '.join(names)})"
        )
    twice = [name for name in recipe.columns if list(names).count(name) > 1]
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
    for column in dict.fromkeys((*recipe.key, recipe.group, recipe.clip)):
        null = frame[column].isna().to_numpy()
        if null.any():
            raise TableError(
                f"{path}: column {column} is null in {null.sum()} rows, first in row {null.argmax()}; "
                "a row must say what it belongs to"
            )
        blank = (frame[column].astype(str).str.strip() == "").to_numpy()
        if blank.any():
            raise TableError(f"{path}: column {column} is blank in {blank.sum()} rows, first in row {blank.argmax()}")
    twice = frame.duplicated(list(recipe.key)).to_numpy()
    if twice.any():
        raise TableError(
            f"{path}: {twice.sum()} rows repeat the key ({', '.join(recipe.key)}) of an earlier row, "
            f"first row {twice.argmax()}; drop the repeats"
        )


def _derive(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    for lookup in recipe.derived:
        numbers = frame[lookup.of].map(dict(lookup.values))
        unknown = numbers.isna().to_numpy()
        if unknown.any():
            raise TableError(
                f"{path}: column {lookup.of} has the value {frame[lookup.of][unknown.argmax()]!r} in row "
                f"{unknown.argmax()}, for which {recipe.id} declares no {lookup.column}"
            )
        frame[lookup.column] = numbers.astype(np.float64)


def _check_numbers(path: Path, frame: pd.DataFrame, recipe: Recipe) -> None:
    for column in (*recipe.feature_order, recipe.target):
        values = frame[column]
        if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
            raise TableError(f"{path}: column {column} is {values.dtype}, not numeric; convert it")
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        may_be_empty = recipe.missing == "median" and column != recipe.target
        bad = np.isinf(numbers) if may_be_empty else ~np.isfinite(numbers)
        if bad.any():
            raise TableError(
                f"{path}: column {column} is {'infinite' if may_be_empty else 'NaN, infinite or null'} in "
                f"{bad.sum()} rows, first in row {bad.argmax()}; repair or drop these rows"
            )
        if np.isnan(numbers).all():
            raise TableError(f"{path}: column {column} is empty; a median needs values")


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
    filled = standardise(features).filled(features)
    return TableFingerprint(
        file=encodable(path.name),
        sha256=hashlib.sha256(data).hexdigest(),
        rows=len(frame),
        columns=columns,
        groups=tuple(sorted(frame[recipe.group].astype(str).unique())),
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


def _missing_cells(frame: pd.DataFrame, recipe: Recipe) -> dict[str, int]:
    counts = frame[list(recipe.feature_order)].isna().sum()
    return {str(column): int(count) for column, count in counts.items() if count}
