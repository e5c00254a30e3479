"""The feature table: read strictly, or refused with one line that names the column, the row and the remedy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import CORPUS, DataSet, TableFingerprint
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.blocks import find, mean_and_std
from tinyai_registry.lab.contract import MAKERS, check_groups, check_vocabularies
from tinyai_registry.lab.corpora import Corpus, read_corpora, unite
from tinyai_registry.lab.keys import count_distinct, label
from tinyai_registry.lab.table_file import at_hand, join_digests
from tinyai_registry.recipe import Input, OneHot, Recipe, Tensor
from tinyai_registry.text import encodable

# Rows that a model predicts at a time, and the bytes of their tensors.
BATCH_ROWS, BATCH_BYTES = 2**15, 2**24

# The tensors of some rows of a table, by name.
Moments = tuple[float, float, float, float]  # mean, standard deviation (ddof 0), smallest and largest
Fetch = Callable[["Table", NDArray[np.int64]], Mapping[str, NDArray[np.floating]]]


@dataclass(frozen=True)
class Table:
    """The rows that a recipe asks for and the columns that it needs, checked.

    ``frame`` has every column of ``recipe.columns`` and every derived one, and a fresh row number as index. Of several
    files, ``corpus`` says which one a row comes from. Names are pandas' categories of text, or numbers. Features and
    target are float64, and side by side: features in feature order, then the target, in one block of memory. There is
    no null and no NaN in it, but for empty feature cells where the recipe says how they are filled.

    ``fetch`` gives the tensors that no column holds, for some rows at a time; ``folder`` is where the table lies, for
    files that its rows name. ``data`` is what it was read from.
    """

    recipe: Recipe
    frame: pd.DataFrame
    fingerprint: TableFingerprint
    folder: Path = Path()
    fetch: Fetch | None = None
    data: DataSet = field(default_factory=lambda: DataSet({}))

    def __len__(self) -> int:
        return len(self.frame)

    @cached_property
    def features(self) -> NDArray[np.float64]:
        """``[N, F]`` in feature order; the memory is that of ``frame``."""
        order = self.recipe.feature_order
        start = list(self.frame).index(order[0]) if order else 0
        features: NDArray[np.float64] = self.frame.iloc[:, start : start + len(order)].to_numpy(np.float64)
        return features

    @cached_property
    def target(self) -> NDArray[np.float64]:
        """``[N]`` in target units. Raises TypeError where the target is a tensor, which :meth:`targets` gives."""
        if isinstance(self.recipe.target, Tensor):
            raise TypeError(f"the target of {self.recipe.id} is a tensor; ask for the targets of some rows")
        return self.frame[self.recipe.target].to_numpy(np.float64)

    @cached_property
    def groups(self) -> NDArray[np.str_]:
        """The group of each row, ``[N]``."""
        return self.frame[self.recipe.group].to_numpy(str)

    @cached_property
    def corpora(self) -> tuple[str, ...]:
        """The corpora that it has rows of; none where no column says so."""
        return tuple(label(self.frame[CORPUS]).names.tolist()) if CORPUS in self.frame else ()

    def clips(self, rows: NDArray[np.int64]) -> int:
        """How many distinct clips (a clip is told by its corpus, its group and its name) ``rows`` hold."""
        return count_distinct(
            self.frame[_told_by(self.frame, self.recipe)].iloc[rows], _told_by(self.frame, self.recipe)
        )

    def inputs(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """What a model takes for ``rows``: ``{tensor: [n, columns]}``, raw features, and ``[n, *shape]``; float32.

        The tensors of all rows may not fit into memory: ask for one of the ``batches`` at a time.
        """
        known = split_inputs(self.recipe.inputs, self.features[rows].astype(np.float32))
        known |= self._fetch([each for each in self.recipe.inputs if isinstance(each, Tensor)], rows)
        return {each.tensor: known[each.tensor] for each in self.recipe.inputs}

    def targets(self, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """What a model is to give for ``rows``: float64 ``[n]``, or float32 ``[n, *shape]`` where that is a tensor."""
        target = self.recipe.target
        return self._fetch([target], rows)[target.tensor] if isinstance(target, Tensor) else self.target[rows]

    def batches(self, rows: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """``rows`` in parts of at most :data:`BATCH_ROWS`, and of which the tensors together take a few megabytes."""
        size = 4 * sum(math.prod(tensor.shape) for tensor in self.recipe.tensors)
        count = min(BATCH_ROWS, max(1, BATCH_BYTES // size) if size else BATCH_ROWS)
        yield from (rows[start : start + count] for start in range(0, len(rows), count))

    def _fetch(self, tensors: Sequence[Tensor], rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        if not tensors:
            return {}
        if self.fetch is None:
            raise TableError(f"nothing gives the tensors of {self.recipe.id}; its plugin needs tinyai_inputs")
        found = self.fetch(self, rows)
        arrays = {each.tensor: np.ascontiguousarray(found[each.tensor], np.float32) for each in tensors}
        for name, values in arrays.items():
            if not np.isfinite(values).all():
                row = rows[~np.isfinite(values).reshape(len(rows), -1).all(axis=1)][0]
                raise TableError(f"the tensor {name} of {self.recipe.id} has a value that is not finite in row {row}")
        return arrays


def split_inputs(inputs: Sequence[Input | Tensor], features: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Features ``[N, F]`` in feature order, cut into ``{tensor: [N, columns of that tensor]}``."""
    named = [each for each in inputs if isinstance(each, Input)]
    ends = np.cumsum([len(i.columns) for i in named])[:-1]
    parts = np.split(features, ends, axis=1) if named else []
    return {i.tensor: np.ascontiguousarray(part) for i, part in zip(named, parts, strict=True)}


def read_table(
    data: DataSet | Path, recipe: Recipe, fetch: Fetch | None = None, progress: Progress | None = None
) -> Table:
    """The table that ``data`` names, with the rows and columns that ``recipe`` needs and no others.

    ``fetch`` gives the tensors of some of its rows, for a recipe that has any. ``progress`` is told how many columns
    have been read. Raises TableError for whatever the table contract refuses, UrlError if a file that only another
    machine has a copy of cannot be had.
    """
    data = data if isinstance(data, DataSet) else DataSet(data)
    with at_hand(data) as here:
        corpora, frame = read_corpora(here, recipe, progress or Progress())
    frame = unite(corpora, frame, data, recipe)
    check_groups(data, frame, recipe)
    check_vocabularies(data, frame, recipe)
    moments = _moments(frame[recipe.target].to_numpy(np.float64)) if isinstance(recipe.target, str) else (0.0,) * 4
    fingerprint = _fingerprint(data, corpora, frame, recipe, moments)
    table = Table(recipe, frame, fingerprint, data.paths[0].parent, fetch, data)
    return table if isinstance(recipe.target, str) else _look_at_targets(table, recipe.target)


def _told_by(frame: pd.DataFrame, recipe: Recipe) -> list[str]:
    """The columns that tell one clip from another."""
    return list(dict.fromkeys(name for name in (CORPUS, recipe.group, recipe.clip) if name in frame))


def _fingerprint(
    data: DataSet, corpora: Sequence[Corpus], frame: pd.DataFrame, recipe: Recipe, moments: Moments
) -> TableFingerprint:
    statistics = [_describe(frame[name]) for name in recipe.feature_order]
    made_by = {name: next(filter(None, (each.made_by.get(name) for each in corpora)), None) for name in MAKERS}
    return TableFingerprint(
        file=encodable(data.file),
        sha256=join_digests(data, [each.sha256 for each in corpora]),
        rows=sum(each.rows for each in corpora),
        rows_used=len(frame),
        columns=max(each.columns for each in corpora),
        groups=tuple(label(frame[recipe.group]).names.tolist()),
        clips=count_distinct(frame, _told_by(frame, recipe)),
        **made_by,
        feature_means=tuple(mean for mean, _ in statistics),
        feature_stds=tuple(std for _, std in statistics),
        missing_cells=_positive({name: _count_empty(frame[name]) for name in recipe.feature_order}),
        target_mean=moments[0],
        target_std=moments[1],
        target_min=moments[2],
        target_max=moments[3],
        corpora=tuple(each.fingerprint for each in corpora if each.corpus is not None),
        same=data.same,
        origin=corpora[0].origin if len(corpora) == 1 else None,
        unlisted=_positive({name: frame[name].sum() for name in _unknown_slots(recipe)}),
    )


def _describe(column: pd.Series[float]) -> tuple[float, float]:
    """Mean and standard deviation (ddof 0), empty cells filled with the median."""
    values = column.to_numpy(np.float64)
    return mean_and_std(values, float(np.nanmedian(values)) if _count_empty(column) else math.nan)


def _count_empty(column: pd.Series[float]) -> int:
    return find(column.to_numpy(np.float64), np.isnan)[0]


def _moments(values: NDArray[np.float64]) -> Moments:
    return *mean_and_std(values), float(values.min()), float(values.max())


def _look_at_targets(table: Table, target: Tensor) -> Table:
    """``table`` with the moments of all values of its target, which are looked at a batch at a time.

    Raises TableError if one is outside the range that the recipe declares.
    """
    low, high = table.recipe.target_range
    sums, ends = np.zeros(3), [math.inf, -math.inf]
    for rows in table.batches(np.arange(len(table))):
        values = table.targets(rows).astype(np.float64)
        outside = ((values < low) | (values > high)).reshape(len(rows), -1).any(axis=1)
        if outside.any():
            raise TableError(
                f"{table.fingerprint.file}: the tensor {target.tensor} is outside the target range {low:g} to {high:g} "
                f"of {table.recipe.id} in row {rows[outside][0]}; bring it to that scale"
            )
        sums += (values.size, values.sum(), np.square(values).sum())
        ends = [min(ends[0], float(values.min())), max(ends[1], float(values.max()))]
    mean, square = sums[1:] / sums[0]
    std = math.sqrt(max(0.0, square - mean**2))
    found = replace(table.fingerprint, target_mean=float(mean), target_std=std, target_min=ends[0], target_max=ends[1])
    return replace(table, fingerprint=found)


def _unknown_slots(recipe: Recipe) -> list[str]:
    return [each.columns[-1] for each in recipe.derived if isinstance(each, OneHot) and each.unknown]


def _positive(counts: Mapping[str, float]) -> dict[str, int]:
    return {column: int(count) for column, count in counts.items() if count}
