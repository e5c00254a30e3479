"""The files that a table is made of: each read and checked by itself, then put together as one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

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
from tinyai_registry.lab.parquet import open_parquet
from tinyai_registry.lab.rows import choose
from tinyai_registry.lab.sources import make_one
from tinyai_registry.lab.table_file import file_digest
from tinyai_registry.recipe import Recipe, numeric_sources
from tinyai_registry.text import encodable

Tell = Callable[[int, int], None]


@dataclass(frozen=True)
class Corpus:
    """One file of a table, the only one or one of several.

    ``frame`` has the rows that the recipe chose, under their row numbers in the file. ``rows`` and ``columns`` count
    those of the whole file, and ``groups`` are all that it has; ``made_by`` has what it says of teacher and extractor,
    ``origin`` what it was made from, if it says so.
    """

    path: Path
    corpus: str | None
    sha256: str
    rows: int
    columns: int
    groups: frozenset[str]
    frame: pd.DataFrame
    made_by: Mapping[str, str | None]
    origin: TableOrigin | None

    def fingerprint(self, recipe: Recipe) -> CorpusFingerprint:
        """What the sidecar says of it."""
        target = self.frame[recipe.target].to_numpy(np.float64) if isinstance(recipe.target, str) else ()
        return CorpusFingerprint(
            corpus=str(self.corpus),
            file=encodable(self.path.name),
            sha256=self.sha256,
            rows=self.rows,
            rows_used=len(self.frame),
            columns=self.columns,
            teacher_model=self.made_by.get("teacher_model"),
            extractor=self.made_by.get("extractor"),
            target_mean=float(np.mean(target)) if len(target) else None,
            target_min=float(np.min(target)) if len(target) else None,
            target_max=float(np.max(target)) if len(target) else None,
        )


def read_corpus(path: Path, corpus: str | None, recipe: Recipe, tell: Tell | None = None) -> Corpus:
    """The file at ``path``, of which ``corpus`` says what ``recipe`` may ask for by that name.

    ``tell`` is called after each column with how many have been read, and of how many. Raises TableError for whatever
    the table contract refuses of one file.
    """
    sha256, before = file_digest(path), path.stat()
    file = open_parquet(path)
    check_present(path, file.names, recipe, corpus)
    needed = [name for name in recipe.columns if corpus is None or name != CORPUS]
    extra = [name for name in (*MAKERS, CORPUS) if name in file.names and name not in needed]
    target = {recipe.target} if isinstance(recipe.target, str) else set()
    numbers = {*recipe.feature_order, *target, *chain.from_iterable(map(numeric_sources, recipe.derived))}
    columns = [*needed, *extra]
    if not file.metadata.num_rows:
        raise TableError(f"{path} has no rows; nothing can be trained from it")
    read = file.read_each(columns, text=[name for name in columns if name not in numbers])
    converted = {}
    for name, values in read:
        converted[name] = _as_series((as_numbers if name in numbers else as_text)(path, name, values))
        if tell is not None:
            tell(len(converted), len(columns))
    everything = pd.DataFrame(converted, copy=False)
    _refuse_changed(path, before)
    if corpus is not None:
        everything[CORPUS] = corpus
    chosen = _choose(path, everything, recipe)
    frame = chosen.drop(columns=extra)
    if len(frame):
        check_keys(path, frame, recipe)
        derive(path, frame, recipe)
        check_features(path, frame, recipe)
        if isinstance(recipe.target, str):
            check_target(path, chosen, recipe.target, recipe)
    made_by = {name: find_constant(path, chosen, name) for name in MAKERS if name in chosen and len(chosen)}
    if file.record is not None:
        recorded = {"teacher_model": file.record["teacher_model"], "extractor": extractor(file.record)}
        made_by |= {name: made_by.get(name) or recorded[name] for name in MAKERS}
    known = None if file.record is None else origin(file.record)
    groups = frozenset(str(name) for name in everything[recipe.group].unique() if not pd.isna(name))
    return Corpus(path, corpus, sha256, len(everything), len(file.names), groups, frame, made_by, known)


def _as_series(values: pa.Array | pa.ChunkedArray) -> pd.Series[Any]:
    """``values`` in memory once: Arrow's are given up as they are converted."""
    frame: pd.DataFrame = pa.table({"": values}).to_pandas(self_destruct=True, ignore_metadata=True)
    pa.default_memory_pool().release_unused()
    return frame[""]


def _refuse_changed(path: Path, before: os.stat_result) -> None:
    now = path.stat()
    if (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
        raise TableError(f"{path} was changed while it was read; try again")


def _choose(path: Path, frame: pd.DataFrame, recipe: Recipe) -> pd.DataFrame:
    """The rows for which each condition of ``recipe`` holds, in a frame of their own."""
    for where in recipe.rows:
        try:
            frame = frame[choose(frame, where)]
        except TableError as error:
            raise TableError(f"{path}: {error}") from error
    return frame.copy() if recipe.rows else frame


def join(corpora: Sequence[Corpus], data: DataSet, recipe: Recipe) -> pd.DataFrame:
    """The rows of all ``corpora`` under fresh row numbers, each source under one name.

    Raises TableError where no row was chosen, the corpora had different teachers or extractors, or a source may stand
    under two names in them.
    """
    used = [one for one in corpora if len(one.frame)]
    if not used:
        asked = " and ".join(map(str, recipe.rows))
        raise TableError(f"{data}: there is no row where {asked}, as {recipe.id} asks for; nothing can be trained")
    for name in MAKERS:
        _refuse_two_makers(name, [one for one in used if one.made_by.get(name) is not None])
    frame = pd.concat([one.frame for one in used], ignore_index=True) if len(used) > 1 else used[0].frame
    frame = frame.reset_index(drop=True)
    return make_one(frame, frozenset().union(*(one.groups for one in corpora)), data, recipe)


def _refuse_two_makers(column: str, corpora: Sequence[Corpus]) -> None:
    for one in corpora[1:]:
        first = corpora[0]
        if one.made_by[column] != first.made_by[column]:
            raise TableError(
                f"{first.path} has the {column} {first.made_by[column]}, {one.path} has {one.made_by[column]}; a "
                "table has one, so make the corpora with the same"
            )
