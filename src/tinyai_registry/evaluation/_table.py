"""Which table a model was judged on, and how far it moved from the one before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

# A column whose standard deviation is below this is taken for a constant.
NEGLIGIBLE_STD = 1e-8


@dataclass(frozen=True)
class TableOrigin:
    """What a table was made from, by its own record: that one's digest, how many logs, and whose."""

    record_sha256: str
    logs: int
    libvmaf: tuple[str, ...]


@dataclass(frozen=True)
class CorpusFingerprint:
    """One of the files of a table; the figures of the target are over the rows used, None where none is."""

    corpus: str
    file: str
    sha256: str
    rows: int
    rows_used: int
    columns: int
    teacher_model: str | None
    extractor: str | None
    target_mean: float | None
    target_min: float | None
    target_max: float | None


@dataclass(frozen=True)
class TableFingerprint:
    """Which table a model was trained on; ``file`` is the name alone, never a path.

    ``sha256``, ``rows`` and ``columns`` are those of the whole file. Of several files, each of which is one of
    ``corpora``, it is the digest of the lines ``<sha256>  <corpus>``, by corpus, as ``sha256sum`` writes them; names
    that are the ``same`` source follow, in a line each. All else is of the ``rows_used``, those that the recipe chose.

    ``feature_means`` and ``feature_stds`` (ddof 0) are over these rows, in feature order, empty cells filled;
    ``missing_cells`` counts those by column, ``unlisted`` the rows whose value a one-hot knows only as unknown.
    ``origin`` is known of a table that says what it was made from.
    """

    file: str
    sha256: str
    rows: int
    rows_used: int
    columns: int
    groups: tuple[str, ...]
    clips: int
    teacher_model: str | None
    extractor: str | None
    missing_cells: Mapping[str, int]
    feature_means: tuple[float, ...]
    feature_stds: tuple[float, ...]
    target_mean: float
    target_std: float
    target_min: float
    target_max: float
    origin: TableOrigin | None = None
    corpora: tuple[CorpusFingerprint, ...] = ()
    same: tuple[tuple[str, ...], ...] = ()
    unlisted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class ColumnDrift:
    """How far one column moved: its mean, in old standard deviations, and new std over old std."""

    column: str
    mean_shift: float
    std_ratio: float


@dataclass(frozen=True)
class Drift:
    """Old table against new: each input, and the target.

    Target ranges are ``(min, max)`` in target units. What the old sidecar does not record of the target is ``None``.
    """

    inputs: tuple[ColumnDrift, ...]
    target: ColumnDrift | None
    target_before: tuple[float, float] | None
    target_now: tuple[float, float]
