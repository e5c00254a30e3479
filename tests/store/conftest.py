"""How the tests of the store say how much they have tried."""

from __future__ import annotations

import pytest


@pytest.fixture
def tell(record_property):
    """Prints a line at the end of the session, whichever process the test ran in."""
    return lambda line: record_property("told", line)
