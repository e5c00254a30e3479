"""What the C loaders read: predicted for every text, and held against what strict JSON means by it."""

from __future__ import annotations

import json
import math
import struct
import tomllib
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents.c_reader import Reading, interpret, misread, read
from tinyai_registry.onnxfile.runtime import load_runtime, runtime_names

LIBVMAF, VMAFX = load_runtime("libvmaf"), load_runtime("vmafx")
CASES = tomllib.loads(Path(__file__).with_name("c_reader.toml").read_text(encoding="utf-8"))["case"]
# What the recorded readings call the fields.
NAMES = {"features": "feature_order", "mean": "feature_mean", "std": "feature_std"}


def fields(reading):
    """As plain values, in which -0.0 is not 0.0."""
    return None if reading is None else {name: repr(value) for name, value in asdict(reading).items()}


@pytest.mark.parametrize("runtime", [LIBVMAF, VMAFX], ids=lambda runtime: runtime.name)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["why"])
def test_a_text_is_read_as_the_loader_reads_it(case, runtime):
    said = {name: tuple(v) if isinstance(v, list) else v for name, v in case.get(runtime.name, {}).items()}
    expected = None if runtime.name in case.get("refused", []) else Reading(**said)
    assert fields(read(case["text"], runtime)) == fields(expected)


def recorded(said):
    """The fields of a recorded reading, its figures as the float32 that their texts stand for."""
    if said is None:
        return None
    return {NAMES.get(name, name): repr(_plain(name, value)) for name, value in said.items()}


def _plain(name, value):
    if name in {"mean", "std"}:
        return tuple(
            math.inf if text == "inf" else struct.unpack("f", struct.pack("f", float(text)))[0] for text in value
        )
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize(("version", "runtime"), [("snapshot", LIBVMAF), ("vmafx", VMAFX)])
def test_every_recorded_text_is_read_as_the_loader_has_read_it(shared, version, runtime):
    lines = (shared / "c-reader" / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(lines) >= 400
    wrong = []
    for number, case in enumerate(map(json.loads, lines)):
        wanted, here = recorded(case[version]), fields(read(case["text"], runtime))
        if here is None or wanted is None:
            wrong += [number] if here is not wanted else []
        elif {name: here[name] for name in wanted} != wanted:
            wrong.append(number)
    assert wrong == []


@pytest.mark.parametrize("name", runtime_names())
def test_a_text_over_the_limit_is_refused_whole(name):
    runtime = load_runtime(name)
    whole = '{"kind": "nr"}'.ljust(runtime.sidecar.max_bytes)
    assert read(whole, runtime) == Reading(kind="nr")
    assert read(whole + " ", runtime) is None
    assert [each.message for each in misread(whole + " ", runtime)] == ["the C reader takes at most 1048576 bytes"]


@pytest.mark.parametrize("name", runtime_names())
@pytest.mark.parametrize("case", [case for case in CASES if case["text"].startswith("{")], ids=lambda case: case["why"])
def test_something_is_misread_where_the_reading_is_not_what_strict_json_means(case, name):
    found = misread(case["text"], load_runtime(name))
    assert bool(found) == (name in case.get("misread", [])), found


MISREAD = {
    "a value that equals a key": (
        LIBVMAF,
        '{\n"title": "name",\n"kind": "nr", "name": "m"}',
        "takes line 3 for the key 'name'",
    ),
    "a nested key": (VMAFX, '{"card": {"name": "inner"}, "name": "outer"}', "takes line 1 for the key 'name'"),
    "a key that is only nested": (VMAFX, '{"card": {"name": "inner"}}', "takes line 1 for the key 'name'"),
    "a nested list of features": (VMAFX, '{"a": {"features": ["x"]}}', "takes line 1 for the key 'features'"),
    "an escaped key": (VMAFX, '{"\\u006bind": "nr"}', "does not find the key 'kind'"),
    "an escape in a name": (VMAFX, '{"name": "h\\u00f6he"}', "knows no escapes, and the value of 'name' has one"),
    "an escape in a list": (
        VMAFX,
        '{"features": ["h\\u00f6he"]}',
        "knows no escapes, and the value of 'features' has one",
    ),
    "a broken opset": (VMAFX, '{"onnx_opset": 17.5}', "takes 17 for 'onnx_opset', which is 17.5"),
    "a subnormal mean": (
        VMAFX,
        '{"feature_order": ["a", "b"], "feature_mean": [1, 1e-320], "feature_std": [1, 1]}',
        "feature_mean[1] is 9.99989e-321, which is no float32: the C reader reads none of the list",
    ),
    "a mean below any double": (
        VMAFX,
        '{"feature_order": ["a"], "feature_mean": [1e-400], "feature_std": [1]}',
        "feature_mean has a figure below any double: the C reader reads none of the list",
    ),
    "a vanishing std": (
        VMAFX,
        '{"feature_order": ["a"], "feature_mean": [1], "feature_std": [1e-50]}',
        "feature_std[0] is 1e-50, which is no float32: the C reader takes 0 for it",
    ),
    "a mean that is too large": (
        VMAFX,
        '{"features": ["a"], "input_mean": [1e39], "input_std": [1]}',
        "input_mean[0] is 1e+39, which is no float32: the C reader takes inf for it",
    ),
    "a quote that breaks the list": (
        VMAFX,
        '{"feature_order": ["a\\"b"], "feature_mean": [1], "feature_std": [1]}',
        "knows no escapes, and the value of 'feature_order' has one",
    ),
}


@pytest.mark.parametrize(("runtime", "text", "says"), MISREAD.values(), ids=MISREAD)
def test_what_is_misread_is_said_once(runtime, text, says):
    [found] = misread(text, runtime)
    assert found.message.endswith(says)
    assert found.mend


HARMLESS = {
    "a value that equals a key, to the newer": (VMAFX, '{"title": "name", "kind": "nr", "name": "m"}'),
    "lists, to the older, which does not read them": (
        LIBVMAF,
        '{"feature_order": ["h\\u00f6he"], "feature_std": [1e-50]}',
    ),
    "a nested key of the same value": (VMAFX, '{"card": {"kind": "nr"}, "kind": "nr"}'),
    "a list beyond its limit": (VMAFX, json.dumps({"encoder_vocab": ["\N{SNOWMAN}"] * 33})),
    "figures that float32 rounds": (
        VMAFX,
        '{"features": ["a"], "input_mean": [0.1], "input_std": [3.3333333333333335]}',
    ),
}


@pytest.mark.parametrize(("runtime", "text"), HARMLESS.values(), ids=HARMLESS)
def test_what_changes_nothing_is_no_misreading(runtime, text):
    assert misread(text, runtime) == []


FIGURES = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
WORDS = st.text(max_size=4) | st.sampled_from(sorted(VMAFX.sidecar.words))
VALUES = st.recursive(
    st.none() | st.booleans() | FIGURES | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
)


def names(reading):
    """What has to be the same to the letter; float32 rounds figures."""
    return reading and (reading.kind, reading.name, reading.feature_order, reading.encoder_vocab, reading.quant_mode)


@given(st.dictionaries(WORDS, VALUES, max_size=6), st.sampled_from([LIBVMAF, VMAFX]), st.booleans())
def test_of_any_document_something_is_misread_or_it_is_read_as_it_is_meant(document, runtime, escapes):
    text = json.dumps(document, ensure_ascii=escapes)
    here, meant = read(text, runtime), interpret(document, runtime)
    if misread(text, runtime) == []:
        assert (here is None) == (meant is None)
        assert here is None or (here.kind, here.name, here.feature_order) == (
            meant.kind,
            meant.name,
            meant.feature_order,
        )
    else:
        assert fields(here) != fields(meant)
