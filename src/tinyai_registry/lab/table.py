"""The feature table: read strictly, or refused with one line that names the column, the row and the remedy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tinyai_registry.evaluation import CORPUS, DataSet, TableFingerprint
from tinyai_registry.lab.contract import MAKERS, check_groups, check_vocabularies
from tinyai_registry.lab.corpora import Corpus, join, read_corpus
from tinyai_registry.lab.keys import count_distinct
from tinyai_registry.lab.table_file import join_digests
from tinyai_registry.recipe import Input, OneHot, Recipe
from tinyai_registry.text import encodable


@dataclass(frozen=True)
class Table:
    """The rows that a recipe asks for and the columns that it needs, checked.

    ``frame`` has every column of ``recipe.columns`` and every derived one, and a fresh row number as index. Of several
    files, ``corpus`` says which one a row comes from. Features and target are float64, what else is no number is text.
    There is no null and no NaN in it, but for empty feature cells where the recipe says how they are filled.
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

    @cached_property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that it has rows of; none where no column says so."""
        return tuple(np.unique(self.frame[CORPUS].to_numpy(str)).tolist()) if CORPUS in self.frame else ()

    def clips(self, rows: NDArray[np.int64]) -> int:
        """How many distinct clips (a clip is told by its corpus, its group and its name) ``rows`` hold."""
        return count_distinct(
            self.frame[_told_by(self.frame, self.recipe)].iloc[rows], _told_by(self.frame, self.recipe)
        )

    def inputs(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Raw features of ``rows`` as a model takes them: ``{tensor: [n, columns]}``, float32."""
        return split_inputs(self.recipe.inputs, self.features[rows].astype(np.float32))


def split_inputs(inputs: Sequence[Input], features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Features ``[N, F]`` in feature order, cut into ``{tensor: [N, columns of that tensor]}``."""
    ends = np.cumsum([len(i.columns) for i in inputs])[:-1]
    parts = np.split(features, ends, axis=1)
    return {i.tensor: np.ascontiguousarray(part) for i, part in zip(inputs, parts, strict=True)}


def read_table(data: DataSet | Path, recipe: Recipe) -> Table:
    """The table that ``data`` names, with the rows and columns that ``recipe`` needs and no others.

    Raises TableError for whatever the table contract refuses.
    """
    data = data if isinstance(data, DataSet) else DataSet(data)
    files = data.corpora.items() or [(None, path) for path in data.paths]
    corpora = [read_corpus(path, corpus, recipe) for corpus, path in files]
    frame = join(corpora, data, recipe)
    check_groups(data, frame, recipe)
    check_vocabularies(data, frame, recipe)
    return Table(recipe, frame, _fingerprint(data, corpora, frame, recipe))


def _told_by(frame: pd.DataFrame, recipe: Recipe) -> list[str]:
    """The columns that tell one clip from another."""
    return list(dict.fromkeys(name for name in (CORPUS, recipe.group, recipe.clip) if name in frame))


def _fingerprint(data: DataSet, corpora: Sequence[Corpus], frame: pd.DataFrame, recipe: Recipe) -> TableFingerprint:
    target = frame[recipe.target].to_numpy(np.float64)
    statistics = [_describe(frame[name].to_numpy(np.float64)) for name in recipe.feature_order]
    made_by = {name: next(filter(None, (each.made_by.get(name) for each in corpora)), None) for name in MAKERS}
    return TableFingerprint(
        file=encodable(data.file),
        sha256=join_digests(data, [each.sha256 for each in corpora]),
        rows=sum(each.rows for each in corpora),
        rows_used=len(frame),
        columns=max(each.columns for each in corpora),
        groups=tuple(np.unique(frame[recipe.group].drop_duplicates().to_numpy(str)).tolist()),
        clips=count_distinct(frame, _told_by(frame, recipe)),
        **made_by,
        feature_means=tuple(mean for mean, _ in statistics),
        feature_stds=tuple(std for _, std in statistics),
        missing_cells=_positive(frame[list(recipe.feature_order)].isna().sum()),
        target_mean=float(target.mean()),
        target_std=float(target.std()),
        target_min=float(target.min()),
        target_max=float(target.max()),
        corpora=tuple(each.fingerprint(recipe) for each in corpora if each.corpus is not None),
        same=data.same,
        origin=corpora[0].origin if len(corpora) == 1 else None,
        unlisted=_positive(frame[_unknown_slots(recipe)].sum()),
    )


def _describe(column: NDArray[np.float64]) -> tuple[float, float]:
    """Mean and standard deviation (ddof 0), empty cells filled with the median."""
    empty = np.isnan(column)
    filled = np.where(empty, np.nanmedian(column), column) if empty.any() else column
    return float(filled.mean()), float(filled.std())


def _unknown_slots(recipe: Recipe) -> list[str]:
    return [each.columns[-1] for each in recipe.derived if isinstance(each, OneHot) and each.unknown]


def _positive(counts: pd.Series[int]) -> dict[str, int]:
    return {str(column): int(count) for column, count in counts.items() if count}
