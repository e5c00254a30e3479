"""What the quick engine takes, the judge takes too: else a broken document would pass unseen."""

from __future__ import annotations

import json

import pytest
from bases import BASES, MODEL
from hypothesis import example, given
from hypothesis import strategies as st
from mutations import spoilt_tree, unhurried

from tinyai_registry.documents import schema

DOCUMENTS = {
    "registry": BASES["packaged"]()["registry.json"],
    "sidecar": BASES["plain"]()[f"{MODEL}.json"],
    "sidecar-packaged": BASES["packaged"]()[f"{MODEL}.json"],
}


@pytest.mark.parametrize("name", DOCUMENTS)
@unhurried
@given(data=st.data())
def test_what_the_quick_engine_takes_the_judge_takes(name, data):
    spoilt = DOCUMENTS[name]
    for _ in range(data.draw(st.integers(1, 3))):
        spoilt = spoilt_tree(data.draw, spoilt)
    document = json.loads(spoilt)
    engines = schema.engines(name)
    if engines.is_valid(document):
        assert list(engines.judge.iter_errors(document)) == []


@pytest.mark.parametrize("key", ["id", "onnx", "sha256", "license", "opset", "kind"])
@unhurried
@given(st.text() | st.integers() | st.floats() | st.from_regex(r"[0-9a-z_.-]+(\.onnx)?\n?") | st.booleans())
@example(17.0)
@example(10**300)
@example("0" * 64 + "\n")
@example("\ud800")
@example("\U0001f642" * 64)
def test_so_it_does_with_any_value_of_a_row(key, value):
    document = json.loads(DOCUMENTS["registry"])
    document["models"][0][key] = value
    engines = schema.engines("registry")
    if engines.is_valid(document):
        assert list(engines.judge.iter_errors(document)) == []
