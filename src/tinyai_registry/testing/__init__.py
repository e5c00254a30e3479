"""For those who write plugins: fixtures, a small real table, and a conformance suite.

The fixtures are there wherever pytest is (see :mod:`tinyai_registry.testing.fixtures`); the suite is one line (see
:mod:`tinyai_registry.testing.conformance`).
"""

from pathlib import Path

# 480 frames of eleven clips: libvmaf features and the VMAF score. PROVENANCE.md beside it says where it comes from.
SMALL_TABLE = Path(__file__).parent / "vmaf_features.parquet"
