"""The digest of held-out predictions, which whoever has them can compute without this package."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
import pytest

from tinyai_registry.evaluation import HeldOutRows
from tinyai_registry.lab.predictions import digest_predictions


def part(rows, predictions):
    said = np.array(predictions, dtype=np.float64)
    return HeldOutRows("group", np.array(rows), np.zeros(len(rows)), said, said[None])


def wanted(*values):
    return hashlib.sha256(struct.pack(f"<{len(values)}d", *values)).hexdigest()


def test_it_is_of_little_endian_doubles_in_row_order():
    assert digest_predictions([part([3, 1], [3.5, 1.5]), part([0, 2], [0.5, 2.5])]) == wanted(0.5, 1.5, 2.5, 3.5)


def test_a_row_that_is_held_out_twice_counts_twice_in_the_order_of_the_parts():
    assert digest_predictions([part([1, 0], [1.0, 0.5]), part([1], [2.0])]) == wanted(0.5, 1.0, 2.0)


@pytest.mark.parametrize("changed", [0.5 + 2**-53, -0.5])
def test_the_last_bit_counts(changed):
    assert digest_predictions([part([0], [changed])]) != wanted(0.5)
