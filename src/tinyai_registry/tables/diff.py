"""The story of a difference: what came to a table and what went from it, and how far each column and group moved."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
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
from tinyai_registry.evaluation.progress import Progress
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
class Rows:
    """How many the tables have; ``came`` and ``went`` count by group, clip and frame, whatever else is in a row."""

    old: int
    new: int
    came: int
    went: int


@dataclass(frozen=True)
class Unmeasured:
    """Why there is no drift of a column that both tables have, overall or in one group."""

    column: str
    why: str


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
    """Old table against new; ``drift`` is over all rows, ``by_group`` has the group that moved most first.

    A column whose drift is undefined stands in ``unmeasured`` instead, and a group without any is not listed.
    """

    rows: Rows
    columns: Change
    groups: Change
    clips: Change
    drift: tuple[ColumnDrift, ...]
    by_group: tuple[GroupDrift, ...]
    unmeasured: tuple[Unmeasured, ...]


def diff(
    old: Path, new: Path, group: str, clip: str, progress: Progress, columns: Collection[str] = ()
) -> TableDifference:
    """What differs between the tables at ``old`` and ``new``; ``group`` and ``clip`` are columns of both.

    Drift is that of ``columns``, or of every numeric column that both have if there is none. Beside what tells rows
    apart, only a column at a time is in memory. Raises TableError if one of the tables, or one of these columns, is
    missing.
    """
    before, now = _Side(_open(old), group, clip), _Side(_open(new), group, clip)
    drift, by_group, unmeasured = list[ColumnDrift](), dict[str, list[ColumnDrift]](), list[Unmeasured]()
    shared = _shared(before, now, columns)
    with progress.step("compare columns"):
        measured = [
            each for column in progress.each(shared, f"{len(shared)} columns") for each in _measure(column, before, now)
        ]
    for name, found in measured:
        if isinstance(found, Unmeasured):
            unmeasured.append(found)
        elif name is None:
            drift.append(found)
        else:
            by_group.setdefault(name, []).append(found)
    moved = [GroupDrift(g, (before.groups[g], now.groups[g]), tuple(drifts)) for g, drifts in by_group.items()]
    return TableDifference(
        rows=_count_rows(before, now),
        columns=_change(before.file.names, now.file.names),
        groups=_change(before.groups, now.groups),
        clips=_change(before.clips, now.clips),
        drift=tuple(drift),
        by_group=tuple(sorted(moved, key=lambda each: (-abs(each.farthest.mean_shift), each.group))),
        unmeasured=tuple(unmeasured),
    )


def _shared(before: _Side, now: _Side, columns: Collection[str]) -> list[str]:
    """The columns that both have, that tell no rows apart, and that are numbers in one of them at least."""
    apart = {FRAME_INDEX, before.group, before.clip}
    both = [name for name in before.file.names if name in now.file.names and name not in apart]
    return [
        name
        for name in both
        if (not columns or name in columns) and (_is_number(before.kind(name)) or _is_number(now.kind(name)))
    ]


def _measure(column: str, before: _Side, now: _Side) -> Iterator[tuple[str | None, ColumnDrift | Unmeasured]]:
    """How far ``column`` moved, over all rows (None) and in each group, or why that is not known."""
    kinds = before.kind(column), now.kind(column)
    if not all(map(_is_number, kinds)):
        yield None, Unmeasured(column, f"it was {kinds[0]}, and is {kinds[1]} now")
        return
    one, other = before.statistics(column), now.statistics(column)
    yield None, _known(measure_shift(column, one.whole, other.whole), "no finite mean in one of the tables")
    if not all(map(math.isfinite, (*one.whole, *other.whole))):
        return
    for name in [each for each in before.groups if each in now.groups]:
        moved = _within(column, one.whole, one.by_group[name], other.by_group[name])
        yield name, _known(moved, f"no finite mean of the group {name} in one of the tables")


def _known(moved: ColumnDrift, otherwise: str) -> ColumnDrift | Unmeasured:
    is_known = math.isfinite(moved.mean_shift) and math.isfinite(moved.std_ratio)
    return moved if is_known else Unmeasured(moved.column, otherwise)


def _within(column: str, whole: tuple[float, float], old: tuple[float, float], new: tuple[float, float]) -> ColumnDrift:
    """The drift of a group: its mean by the spread of the whole old table, its own spread by what it was."""
    shift = measure_shift(column, (old[0], whole[1]), new).mean_shift
    return ColumnDrift(column, shift, measure_shift(column, old, new).std_ratio)


def _count_rows(before: _Side, now: _Side) -> Rows:
    """A row that is there twice counts twice."""
    total = before.rows + now.rows
    told_apart = np.zeros(total, np.int64)
    for pair in zip(before.keys(now), now.keys(before), strict=True):
        codes = _encode(pair)
        told_apart = np.unique(told_apart * (codes.max(initial=0) + 1) + codes, return_inverse=True)[1]
    many = told_apart.max(initial=-1) + 1
    there, here = (np.bincount(part, minlength=many) for part in np.split(told_apart, [before.rows]))
    more = here - there
    return Rows(before.rows, now.rows, int(more[more > 0].sum()), int(-more[more < 0].sum()))


def _encode(pair: Sequence[pa.Array | pa.ChunkedArray]) -> NDArray[np.int64]:
    """A number for each value of two columns, one after the other: the same for the same value."""
    kinds = {each.type for each in pair}
    common = kinds.pop() if len(kinds) == 1 else pa.float64() if all(map(_is_number, kinds)) else pa.large_string()
    chunks = [chunk for each in pair for chunk in pa.chunked_array(each.cast(common)).chunks]
    encoded = pc.dictionary_encode(pa.chunked_array(chunks, common), null_encoding="encode").combine_chunks()
    indices: NDArray[np.int64] = encoded.indices.to_numpy().astype(np.int64)
    return indices


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

    def kind(self, column: str) -> pa.DataType:
        return self.file.schema.field(column).type

    def keys(self, other: _Side) -> Iterator[pa.Array | pa.ChunkedArray]:
        """The columns that tell rows of both apart: group, clip and, if both have it, the number of the frame."""
        yield self._texts(self.group)
        yield self._texts(self.clip)
        if FRAME_INDEX in self.file.names and FRAME_INDEX in other.file.names:
            yield as_text(self.file.path, FRAME_INDEX, self.file.read([FRAME_INDEX], text=()).column(0))

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
        with np.errstate(all="ignore"):  # a group without any value has no mean, and values may be too large for one
            means = np.bincount(codes, numbers, len(names)) / counts
            stds = np.sqrt(np.bincount(codes, (numbers - means[codes]) ** 2, len(names)) / counts)
            whole = _whole(numbers)
        pairs = zip(means.tolist(), stds.tolist(), strict=True)
        return _Statistics(whole, dict(zip(names, pairs, strict=True)))

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


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _whole(numbers: NDArray[np.float64]) -> tuple[float, float]:
    return (float(numbers.mean()), float(numbers.std())) if len(numbers) else (float("nan"), float("nan"))


def _open(path: Path) -> ParquetColumns:
    return open_parquet(path, read_file(path))


def _change(old: Iterable[str], new: Iterable[str]) -> Change:
    before, now = set(old), set(new)
    return Change(tuple(sorted(now - before)), tuple(sorted(before - now)))
