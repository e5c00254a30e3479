"""The files that a table is made of: each read and checked by itself, then put together as one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray
from pandas.api.types import union_categoricals

from tinyai_registry.documents.table_record import extractor, origin
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import CORPUS, CorpusFingerprint, DataSet, TableOrigin
from tinyai_registry.lab.contract import (
    MAKERS,
    as_numbers,
    check_features,
    check_keys,
    check_present,
    check_target,
    find_constant,
)
from tinyai_registry.lab.derived import derive
from tinyai_registry.lab.keys import as_text
from tinyai_registry.lab.parquet import ParquetColumns, open_parquet, whole
from tinyai_registry.lab.rows import choose
from tinyai_registry.lab.sources import make_one
from tinyai_registry.lab.table_file import file_digest
from tinyai_registry.recipe import Recipe, numeric_sources
from tinyai_registry.text import encodable

Tell = Callable[[int, int], None]

# Columns of a file by name, each in batches.
Columns = Iterable[tuple[str, Iterator[pa.Array]]]


@dataclass(frozen=True)
class Corpus:
    """One file of a table, the only one or one of several.

    ``rows`` and ``columns`` count those of the whole file, ``groups`` are all that it has, ``rows_used`` counts the
    rows that the recipe chose; ``target`` are the mean, the smallest and the largest target of these. ``made_by`` has
    what the file says of teacher and extractor, ``origin`` what it was made from, if it says so.
    """

    path: Path
    corpus: str | None
    sha256: str
    rows: int
    columns: int
    groups: frozenset[str]
    rows_used: int
    target: tuple[float, float, float] | None
    made_by: Mapping[str, str | None]
    origin: TableOrigin | None

    @property
    def fingerprint(self) -> CorpusFingerprint:
        """What the sidecar says of it."""
        mean, least, most = self.target or (None, None, None)
        return CorpusFingerprint(
            corpus=str(self.corpus),
            file=encodable(self.path.name),
            sha256=self.sha256,
            rows=self.rows,
            rows_used=self.rows_used,
            columns=self.columns,
            teacher_model=self.made_by.get("teacher_model"),
            extractor=self.made_by.get("extractor"),
            target_mean=mean,
            target_min=least,
            target_max=most,
        )


def read_corpus(
    path: Path, corpus: str | None, recipe: Recipe, tell: Tell | None = None
) -> tuple[Corpus, pd.DataFrame]:
    """The file at ``path``, of which ``corpus`` says what ``recipe`` may ask for by that name, and its chosen rows.

    The frame has the rows under their row numbers in the file: the names, then the numbers as one block, in the order
    of ``number_columns``. ``tell`` is called after each column with how many have been read, and of how many. Raises
    TableError for whatever the table contract refuses of one file.
    """
    sha256, before = file_digest(path), path.stat()
    file = open_parquet(path)
    check_present(path, file.names, recipe, corpus)
    if not file.metadata.num_rows:
        raise TableError(f"{path} has no rows; nothing can be trained from it")
    extra = [name for name in (*MAKERS, CORPUS) if name in file.names and name not in recipe.columns]
    groups, frame = _read_rows(file, corpus, extra, recipe, tell)
    _refuse_changed(path, before)
    made_by = {name: find_constant(path, frame, name) for name in MAKERS if name in frame and len(frame)}
    if file.record is not None:
        recorded = {"teacher_model": file.record["teacher_model"], "extractor": extractor(file.record)}
        made_by |= {name: made_by.get(name) or recorded[name] for name in MAKERS}
    known = None if file.record is None else origin(file.record)
    target = _ends(frame[recipe.target]) if isinstance(recipe.target, str) and len(frame) else None
    rows, columns = file.metadata.num_rows, len(file.names)
    about = Corpus(path, corpus, sha256, rows, columns, groups, len(frame), target, made_by, known)
    return about, frame.drop(columns=extra)


def _read_rows(
    file: ParquetColumns, corpus: str | None, extra: Sequence[str], recipe: Recipe, tell: Tell | None
) -> tuple[frozenset[str], pd.DataFrame]:
    """All groups of ``file``, and its chosen rows, checked.

    What says which rows are meant, and what they belong to, is read and checked before there is a feature in memory.
    """
    path, numbers, telling = file.path, number_columns(recipe), telling_columns(recipe)
    needed = [*(name for name in recipe.columns if corpus is None or name != CORPUS), *extra]
    first = [name for name in needed if name not in numbers or name in telling]
    rest = [name for name in needed if name not in first]
    columns = _counted(
        file.read_each([*first, *rest], [name for name in first if name not in numbers]), len(needed), tell
    )
    everything = _read_names(path, islice(columns, len(first)), numbers)
    if corpus is not None:
        everything[CORPUS] = pd.Categorical([corpus]).repeat(len(everything))
    groups = frozenset(str(name) for name in everything[recipe.group].unique() if not pd.isna(name))
    rows = _choose(path, everything, recipe)
    names = everything if rows is None else everything[rows]
    if len(names):
        check_keys(path, names, recipe)
    block = _read_numbers(path, columns, names, rows, numbers)
    frame = _put_together(names, block, numbers)
    if len(frame):
        for name, column in derive(path, frame, recipe):
            block[numbers.index(name)] = column
        check_features(path, frame, recipe)
        if isinstance(recipe.target, str):
            check_target(path, frame, recipe.target, recipe)
    return groups, frame


def _counted(columns: Columns, count: int, tell: Tell | None) -> Columns:
    for number, column in enumerate(columns, start=1):
        yield column
        if tell is not None:
            tell(number, count)


def number_columns(recipe: Recipe) -> list[str]:
    """Every column of a frame that has numbers to compute with: the features first, in feature order."""
    target = (recipe.target,) if isinstance(recipe.target, str) else ()
    sources = chain.from_iterable(map(numeric_sources, recipe.derived))
    derived = chain.from_iterable(each.columns for each in recipe.derived)
    return list(dict.fromkeys((*recipe.feature_order, *target, *sources, *derived)))


def telling_columns(recipe: Recipe) -> set[str]:
    """The columns that say what a row belongs to, and whether it is meant."""
    return {*recipe.key, recipe.group, recipe.clip, *recipe.cut_by, *(where.column for where in recipe.rows)}


def _read_names(path: Path, columns: Columns, numbers: list[str]) -> pd.DataFrame:
    """``columns``, those of which that are ``numbers`` as doubles, text as categories."""
    made = {
        name: np.concatenate(list(as_numbers(path, name, batches)))
        if name in numbers
        else _as_series(as_text(path, name, whole(batches)))
        for name, batches in columns
    }
    pa.default_memory_pool().release_unused()
    return pd.DataFrame(made, copy=False)


def _as_series(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    frame: pd.DataFrame = pa.table({"": values}).to_pandas(self_destruct=True, ignore_metadata=True)
    return frame[""]


def _read_numbers(
    path: Path, columns: Columns, names: pd.DataFrame, rows: NDArray[np.bool_] | None, numbers: list[str]
) -> NDArray[np.float64]:
    """``[numbers, N]``: of ``columns`` the chosen ``rows``, which ``names`` has; what is derived is yet to come."""
    block = np.empty((len(numbers), len(names)))
    for name, batches in columns:
        row, begin, end = block[numbers.index(name)], 0, 0
        for batch in as_numbers(path, name, batches):
            chosen = batch if rows is None else batch[rows[begin : begin + len(batch)]]
            row[end : end + len(chosen)] = chosen
            begin, end = begin + len(batch), end + len(chosen)
    for name in names.columns.intersection(numbers):
        block[numbers.index(name)] = names[name]
    return block


def _put_together(names: pd.DataFrame, block: NDArray[np.float64], numbers: list[str]) -> pd.DataFrame:
    """``names``, and ``block`` ``[numbers, N]``, as one frame that copies neither."""
    right = pd.DataFrame(block.T, names.index, pd.Index(numbers), copy=False)
    return pd.concat([names.drop(columns=names.columns.intersection(numbers)), right], axis=1)


def _ends(target: pd.Series[float]) -> tuple[float, float, float]:
    values = target.to_numpy(np.float64)
    return float(np.mean(values)), float(np.min(values)), float(np.max(values))


def _refuse_changed(path: Path, before: os.stat_result) -> None:
    now = path.stat()
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
        raise TableError(f"{path} was changed while it was read; try again")


def _choose(path: Path, frame: pd.DataFrame, recipe: Recipe) -> NDArray[np.bool_] | None:
    """The rows for which each condition of ``recipe`` holds; None where it has none."""
    try:
        chosen = [choose(frame, where) for where in recipe.rows]
    except TableError as error:
        raise TableError(f"{path}: {error}") from error
    return np.logical_and.reduce(chosen) if chosen else None


def join(corpora: Sequence[Corpus], frames: list[pd.DataFrame], data: DataSet, recipe: Recipe) -> pd.DataFrame:
    """The rows of all ``corpora``, whose ``frames`` are used up, under fresh row numbers; each source under one name.

    Raises TableError where no row was chosen, the corpora had different teachers or extractors, or a source may stand
    under two names in them.
    """
    used = [one for one in corpora if one.rows_used]
    if not used:
        asked = " and ".join(map(str, recipe.rows))
        raise TableError(f"{data}: there is no row where {asked}, as {recipe.id} asks for; nothing can be trained")
    _refuse_one_file_twice(used)
    for name in MAKERS:
        _refuse_two_makers(name, [one for one in used if one.made_by.get(name) is not None])
    frames[:] = [frame for frame in frames if len(frame)]
    frame = (_stack(frames, recipe) if len(frames) > 1 else frames.pop()).reset_index(drop=True)
    return make_one(frame, frozenset().union(*(one.groups for one in corpora)), data, recipe)


def _stack(frames: list[pd.DataFrame], recipe: Recipe) -> pd.DataFrame:
    """``frames`` under each other; each is given up once its numbers are copied."""
    numbers = number_columns(recipe)
    block, end = np.empty((len(numbers), sum(map(len, frames)))), 0
    names: list[pd.DataFrame] = []
    while frames:
        frame = frames.pop(0)
        border = frame.shape[1] - len(numbers)
        block[:, end : end + len(frame)] = frame.iloc[:, border:].to_numpy(np.float64).T
        names.append(frame.iloc[:, :border])
        end += len(frame)
    columns = {name: _under_each_other([each[name] for each in names]) for name in names[0]}
    return _put_together(pd.DataFrame(columns, pd.RangeIndex(end), copy=False), block, numbers)


def _under_each_other(columns: list[pd.Series[Any]]) -> pd.Series[Any]:
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return pd.Series(union_categoricals(columns, sort_categories=True))
    return pd.concat(columns, ignore_index=True)


def _refuse_one_file_twice(corpora: Sequence[Corpus]) -> None:
    """Its rows would weigh twice, and no key would repeat, as the corpus is a part of it."""
    seen: dict[str, Corpus] = {}
    for one in corpora:
        first = seen.setdefault(one.sha256, one)
        if first is not one:
            raise TableError(
                f"{one.path}: the corpora {first.corpus} and {one.corpus} are one file, byte for byte; drop one of them"
            )


def _refuse_two_makers(column: str, corpora: Sequence[Corpus]) -> None:
    for one in corpora[1:]:
        first = corpora[0]
        if one.made_by[column] != first.made_by[column]:
            raise TableError(
                f"{first.path} has the {column} {first.made_by[column]}, {one.path} has {one.made_by[column]}; a "
                "table has one, so make the corpora with the same"
            )
