"""How the tests of the store say how much they have tried."""

from __future__ import annotations

import pytest

from tinyai_registry.workflows import validate


@pytest.fixture(autouse=True)
def _impatient(monkeypatch):
    """Where a writer died, nothing is waited for that will not come."""
    monkeypatch.setattr(validate, "PAUSE", 0.001)


@pytest.fixture
def tell(record_property):
    """Prints a line at the end of the session, whichever process the test ran in."""
    return lambda line: record_property("told", line)
