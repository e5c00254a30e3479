"""The garbage collector rests while much is imported, and is left as it was found."""

from __future__ import annotations

import gc

import pytest

from tinyai_registry.workflows.heavy_imports import uncollected


@pytest.fixture(params=[True, False], ids=["collecting", "resting"])
def collecting(request):
    before = gc.isenabled()
    (gc.enable if request.param else gc.disable)()
    yield request.param
    gc.unfreeze()
    (gc.enable if before else gc.disable)()


def test_the_collector_rests_and_goes_on_as_before(collecting):
    with uncollected():
        assert not gc.isenabled()
        made = [[] for _ in range(100)]
    assert gc.isenabled() is collecting
    assert gc.get_freeze_count() > len(made)


def test_it_goes_on_after_an_import_that_fails(collecting):
    with pytest.raises(ImportError), uncollected():
        raise ImportError
    assert gc.isenabled() is collecting
