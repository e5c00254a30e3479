"""The files that a table is made of: each read and checked by itself, then put together as one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count, islice
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
from tinyai_registry.evaluation.progress import Progress
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
from tinyai_registry.recipe import Recipe, numeric_sources, sources
from tinyai_registry.text import encodable

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


@dataclass(frozen=True)
class _HalfRead:
    """A file of which it is known which rows are chosen, and what each belongs to; their numbers are yet to be read.

    ``before`` is what the file system said of it when its digest was taken. ``rows`` is the mask of the chosen ones,
    None where all are; ``names`` has what their numbers are checked by, under their row numbers in the file. ``rest``
    are the columns to come.
    """

    file: ParquetColumns
    corpus: str | None
    sha256: str
    before: os.stat_result
    groups: frozenset[str]
    rows: NDArray[np.bool_] | None
    names: pd.DataFrame
    rest: Columns


def read_corpora(data: DataSet, recipe: Recipe, progress: Progress) -> tuple[list[Corpus], pd.DataFrame]:
    """The files of ``data``, and the rows of all of them that ``recipe`` asks for, under fresh row numbers.

    The frame has the names, then the numbers as one block, in the order of ``number_columns``. What says which rows are
    meant, and what they belong to, is read and checked of every file before there is a feature in memory; then each
    file is read into its part of the block. ``progress`` is told how many columns have been read. Raises TableError for
    whatever the table contract refuses of one file.
    """
    files = data.corpora.items() or [(None, path) for path in data.paths]
    tell = _count(progress, sum(len(_asked(corpus, recipe)) for corpus, _ in files))
    begun = [_read_names(path, corpus, recipe, tell) for corpus, path in files]
    names, numbers, end = _stack([frame for _, frame in begun]), number_columns(recipe), 0
    block = np.empty((len(numbers), len(names)))
    corpora: list[Corpus] = []
    while begun:
        one, _ = begun.pop(0)
        begin, end = end, end + len(one.names)
        corpora.append(_read_numbers(one, block[:, begin:end], recipe))
    return corpora, _put_together(names, block, numbers)


def _count(progress: Progress, whole: int) -> Callable[[], None]:
    """Tells ``progress``, each time it is called, that one more column of ``whole`` has been read."""
    done = count(1)
    return lambda: progress.advance(next(done), whole, f"{whole} columns")


def _asked(corpus: str | None, recipe: Recipe) -> list[str]:
    """The columns of a file that ``recipe`` needs; the name of its corpus comes from elsewhere, if it has one."""
    return [name for name in recipe.columns if corpus is None or name != CORPUS]


def _read_names(
    path: Path, corpus: str | None, recipe: Recipe, tell: Callable[[], None]
) -> tuple[_HalfRead, pd.DataFrame]:
    """The file at ``path``, of the corpus ``corpus`` if that is known, and what its chosen rows belong to, checked."""
    sha256, before = file_digest(path), path.stat()
    file = open_parquet(path)
    check_present(path, file.names, recipe, corpus)
    if not file.metadata.num_rows:
        raise TableError(f"{path} has no rows; nothing can be trained from it")
    numbers, telling = number_columns(recipe), telling_columns(recipe)
    extra = [name for name in (*MAKERS, CORPUS) if name in file.names and name not in recipe.columns]
    needed = [*_asked(corpus, recipe), *extra]
    first = [name for name in needed if name not in numbers or name in telling]
    rest = [name for name in needed if name not in first]
    columns = _counted(file.read_each([*first, *rest], [name for name in first if name not in numbers]), recipe, tell)
    everything = _as_frame(path, islice(columns, len(first)), numbers)
    if corpus is not None:
        everything[CORPUS] = pd.Categorical([corpus]).repeat(len(everything))
    groups = frozenset(str(name) for name in everything[recipe.group].unique() if not pd.isna(name))
    rows = _choose(path, everything, recipe)
    names = everything if rows is None else everything[rows]
    if len(names):
        check_keys(path, names, recipe)
    looked_at = {*numbers, *chain.from_iterable(map(sources, recipe.derived)), *MAKERS, CORPUS}
    beside = names[[name for name in names if name in looked_at]]
    about = _HalfRead(file, corpus, sha256, before, groups, rows, beside, columns)
    return about, names.drop(columns=names.columns.intersection([*numbers, *extra]))


def _counted(columns: Columns, recipe: Recipe, tell: Callable[[], None]) -> Columns:
    for name, batches in columns:
        yield name, batches
        if name in recipe.columns:
            tell()


def _read_numbers(one: _HalfRead, block: NDArray[np.float64], recipe: Recipe) -> Corpus:
    """What there is to say of a file of which ``block``, ``[numbers, N]``, takes the numbers; these are checked."""
    path, numbers = one.file.path, number_columns(recipe)
    for name, batches in one.rest:
        row, begin, end = block[numbers.index(name)], 0, 0
        for batch in as_numbers(path, name, batches):
            chosen = batch if one.rows is None else batch[one.rows[begin : begin + len(batch)]]
            row[end : end + len(chosen)] = chosen
            begin, end = begin + len(batch), end + len(chosen)
    for name in one.names.columns.intersection(numbers):
        block[numbers.index(name)] = one.names[name]
    frame = _put_together(one.names, block, numbers)
    if len(frame):
        for name, column in derive(path, frame, recipe):
            block[numbers.index(name)] = column
        check_features(path, frame, recipe)
        if isinstance(recipe.target, str):
            check_target(path, frame, recipe.target, recipe)
    _refuse_changed(path, one.before)
    return _describe(one, frame, recipe)


def _describe(one: _HalfRead, frame: pd.DataFrame, recipe: Recipe) -> Corpus:
    file, record = one.file, one.file.record
    made_by = {name: find_constant(file.path, frame, name) for name in MAKERS if name in frame and len(frame)}
    if record is not None:
        recorded = {"teacher_model": record["teacher_model"], "extractor": extractor(record)}
        made_by |= {name: made_by.get(name) or recorded[name] for name in MAKERS}
    known = None if record is None else origin(record)
    target = _ends(frame[recipe.target]) if isinstance(recipe.target, str) and len(frame) else None
    rows, columns = file.metadata.num_rows, len(file.names)
    return Corpus(file.path, one.corpus, one.sha256, rows, columns, one.groups, len(frame), target, made_by, known)


def number_columns(recipe: Recipe) -> list[str]:
    """Every column of a frame that has numbers to compute with: the features first, in feature order."""
    target = (recipe.target,) if isinstance(recipe.target, str) else ()
    computed_with = chain.from_iterable(map(numeric_sources, recipe.derived))
    derived = chain.from_iterable(each.columns for each in recipe.derived)
    return list(dict.fromkeys((*recipe.feature_order, *target, *computed_with, *derived)))


def telling_columns(recipe: Recipe) -> set[str]:
    """The columns that say what a row belongs to, and whether it is meant."""
    return {*recipe.key, recipe.group, recipe.clip, *recipe.cut_by, *(where.column for where in recipe.rows)}


def _as_frame(path: Path, columns: Columns, numbers: list[str]) -> pd.DataFrame:
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


def _stack(frames: list[pd.DataFrame]) -> pd.DataFrame:
    """``frames`` under each other; of several each column is taken out of them once it is copied."""
    frames = [frame for frame in frames if len(frame)] or frames[:1]
    if len(frames) == 1:
        return frames[0].reset_index(drop=True)
    columns = {name: _under_each_other([frame.pop(name) for frame in frames]) for name in frames[0].columns.astype(str)}
    pa.default_memory_pool().release_unused()
    return pd.DataFrame(columns, copy=False)


def _under_each_other(columns: list[pd.Series[Any]]) -> pd.Series[Any]:
    if all(isinstance(column.dtype, pd.CategoricalDtype) for column in columns):
        return pd.Series(union_categoricals(columns, sort_categories=True))
    return pd.concat(columns, ignore_index=True)


def unite(corpora: Sequence[Corpus], frame: pd.DataFrame, data: DataSet, recipe: Recipe) -> pd.DataFrame:
    """``frame``, the rows of all ``corpora``, with each source under one name.

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
    return make_one(frame, frozenset().union(*(one.groups for one in corpora)), data, recipe)


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
