"""The story of a difference: what came to a table and what went from it, and how far each column and group moved."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tinyai_registry.errors import TableError
from tinyai_registry.evaluation import ColumnDrift
from tinyai_registry.evaluation.drift import measure_shift
from tinyai_registry.lab.keys import as_text
from tinyai_registry.lab.parquet import ParquetColumns, open_parquet
from tinyai_registry.lab.table_file import read_file

FRAME_INDEX = "frame_index"


@dataclass(frozen=True)
class Change:
    """What only the new table has, and what only the old one had, sorted."""

    came: tuple[str, ...]
    went: tuple[str, ...]


@dataclass(frozen=True)
class GroupDrift:
    """How far a group that both tables have moved, column by column, in standard deviations of the whole old table.

    ``rows`` are those of the old table and of the new one.
    """

    group: str
    rows: tuple[int, int]
    columns: tuple[ColumnDrift, ...]

    @property
    def farthest(self) -> ColumnDrift:
        """The column whose mean moved most."""
        return max(self.columns, key=lambda moved: abs(moved.mean_shift))


@dataclass(frozen=True)
class TableDifference:
    """Old table against new; ``drift`` is over all rows, ``by_group`` has the group that moved most first."""

    rows: tuple[int, int]
    columns: Change
    groups: Change
    clips: Change
    drift: tuple[ColumnDrift, ...]
    by_group: tuple[GroupDrift, ...]


def diff(old: Path, new: Path, group: str, clip: str, columns: Collection[str] = ()) -> TableDifference:
    """What differs between the tables at ``old`` and ``new``; ``group`` and ``clip`` are columns of both.

    Drift is that of ``columns``, or of every numeric column that both have if there is none. Only a column at a time is
    in memory. Raises TableError if one of the tables, or one of these columns, is missing.
    """
    before, now = _Side(_open(old), group, clip), _Side(_open(new), group, clip)
    both = [name for name in before.numeric if name in now.numeric and name not in {FRAME_INDEX, group, clip}]
    shared = [name for name in both if not columns or name in columns]
    overall, by_group = [], dict[str, list[ColumnDrift]]()
    held = [name for name in before.groups if name in now.groups]
    for column in shared:
        one, other = before.statistics(column), now.statistics(column)
        overall.append(measure_shift(column, one.whole, other.whole))
        for name in held:
            mean, std = one.by_group[name], other.by_group[name]
            by_group.setdefault(name, []).append(_within(column, one.whole, mean, std))
    moved = [GroupDrift(g, (before.groups[g], now.groups[g]), tuple(drifts)) for g, drifts in by_group.items()]
    return TableDifference(
        rows=(before.rows, now.rows),
        columns=_change(before.file.names, now.file.names),
        groups=_change(before.groups, now.groups),
        clips=_change(before.clips, now.clips),
        drift=tuple(overall),
        by_group=tuple(sorted(moved, key=lambda each: (-abs(each.farthest.mean_shift), each.group))),
    )


def _within(column: str, whole: tuple[float, float], old: tuple[float, float], new: tuple[float, float]) -> ColumnDrift:
    """The drift of a group: its mean by the spread of the whole old table, its own spread by what it was."""
    shift = measure_shift(column, (old[0], whole[1]), new).mean_shift
    return ColumnDrift(column, shift, measure_shift(column, old, new).std_ratio)


@dataclass(frozen=True)
class _Statistics:
    """Mean and standard deviation (ddof 0) of a column, over all rows and by group; empty cells are left out."""

    whole: tuple[float, float]
    by_group: Mapping[str, tuple[float, float]]


@dataclass(frozen=True)
class _Side:
    """One of the two tables."""

    file: ParquetColumns
    group: str
    clip: str

    @property
    def rows(self) -> int:
        return int(self.file.metadata.num_rows)

    @property
    def numeric(self) -> list[str]:
        return [
            field.name
            for field in self.file.schema
            if pa.types.is_integer(field.type) or pa.types.is_floating(field.type) or pa.types.is_decimal(field.type)
        ]

    @cached_property
    def groups(self) -> dict[str, int]:
        """How many rows each has."""
        counts = np.bincount(self._codes[0], minlength=len(self._codes[1])).tolist()
        return dict(zip(self._codes[1], counts, strict=True))

    @cached_property
    def clips(self) -> set[str]:
        """The names of clips, each behind that of its group."""
        columns = {name: self._texts(name) for name in (self.group, self.clip)}
        pairs = pa.table(columns).group_by(list(columns)).aggregate([])
        return {"/".join(map(str, row.values())) for row in pairs.to_pylist()}

    def statistics(self, column: str) -> _Statistics:
        values = self.file.read([column], text=()).column(0).cast(pa.float64(), safe=False)
        numbers: NDArray[np.float64] = values.to_numpy()
        codes, names = self._codes
        known = np.isfinite(numbers)
        numbers, codes = numbers[known], codes[known]
        counts = np.bincount(codes, minlength=len(names))
        with np.errstate(invalid="ignore", divide="ignore"):  # a group without any value has no mean
            means = np.bincount(codes, numbers, len(names)) / counts
            stds = np.sqrt(np.bincount(codes, (numbers - means[codes]) ** 2, len(names)) / counts)
        pairs = zip(means.tolist(), stds.tolist(), strict=True)
        return _Statistics(_whole(numbers), dict(zip(names, pairs, strict=True)))

    @cached_property
    def _codes(self) -> tuple[NDArray[np.int64], list[str]]:
        encoded = pc.dictionary_encode(self._texts(self.group))
        encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
        return encoded.indices.to_numpy().astype(np.int64), [str(name) for name in encoded.dictionary.to_pylist()]

    def _texts(self, name: str) -> pa.Array:
        if name not in self.file.names:
            raise TableError(f"{self.file.path} has no column {name} (it has: {', '.join(self.file.names)})")
        texts = as_text(self.file.path, name, self.file.read([name], text=[name]).column(0))
        if texts.null_count:
            raise TableError(f"{self.file.path}: column {name} is null in {texts.null_count} rows; name every row's")
        return texts


def _whole(numbers: NDArray[np.float64]) -> tuple[float, float]:
    return (float(numbers.mean()), float(numbers.std())) if len(numbers) else (float("nan"), float("nan"))


def _open(path: Path) -> ParquetColumns:
    return open_parquet(path, read_file(path))


def _change(old: Iterable[str], new: Iterable[str]) -> Change:
    before, now = set(old), set(new)
    return Change(tuple(sorted(now - before)), tuple(sorted(before - now)))
