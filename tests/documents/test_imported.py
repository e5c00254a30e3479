"""An imported sidecar says all that the old one said, what the files know better, and nothing that nobody said."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyai_registry.documents import c_reader, imported, strict_json
from tinyai_registry.documents.dialects import CURRENT, dialect
from tinyai_registry.documents.imported import Facts
from tinyai_registry.documents.row import merge
from tinyai_registry.documents.schema import violations
from tinyai_registry.onnxfile.runtime import known_runtimes

ROW = {"id": "old_v1", "kind": "nr", "onnx": "old.onnx", "sha256": "a" * 64, "license": "MIT", "opset": 17}
FILE = {"path": "old.onnx", "sha256": "a" * 64, "bytes": 9, "opset": 18}
FACTS = Facts(18, ("x", "z"), ("y",), standardises=False, artifacts=(FILE,))
SCALES = Facts(18, ("x",), ("y",), standardises=True, artifacts=(FILE,))
RUN = {"kind": "nr", "name": "old", "onnx_opset": 17, "input_name": "x", "output_name": "y"}
PACKED = {"kind": "nr", "id": "old_v1", "onnx": "old.onnx", "opset": 17, "sha256": "a" * 64}
VECTORS = {"features": ["a", "b"], "input_mean": [1.0, 2.0], "input_std": [3.0, 4.0]}

# Words that no reader knows, and values that may be nested.
WORDS = st.text(string.ascii_lowercase, min_size=1, max_size=6).map(lambda word: f"x_{word}")
NUMBERS = st.floats(1e-3, 1e3)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=6,
)
ALIKE = {"feature_order": "features", "feature_mean": "input_mean", "feature_std": "input_std"}


@st.composite
def sidecars(draw):
    """Of either dialect, with vectors under either name or none, and what nobody has heard of."""
    document = dict(draw(st.sampled_from([RUN, PACKED])))
    width = draw(st.integers(0, 3))
    if width:
        vectors = {
            "feature_order": [f"f{n}" for n in range(width)],
            "feature_mean": draw(st.lists(NUMBERS, min_size=width, max_size=width)),
            "feature_std": draw(st.lists(NUMBERS, min_size=width, max_size=width)),
        }
        document |= {ALIKE[key] if draw(st.booleans()) else key: value for key, value in vectors.items()}
    document |= draw(st.fixed_dictionaries({}, optional={"notes": WORDS, "training": st.dictionaries(WORDS, VALUES)}))
    return {**document, **draw(st.dictionaries(WORDS, VALUES, max_size=4))}


@given(sidecars(), st.sampled_from([FACTS, SCALES]), st.booleans())
def test_whatever_was_said_survives_and_the_result_is_one_of_todays(old, facts, row_has_notes):
    row = {**ROW, "notes": "the row's"} if row_has_notes else ROW
    new = imported.compose(old, row, facts)
    assert list(violations("sidecar", new)) == []
    assert [c_reader.misread(strict_json.dumps(new), runtime) for runtime in known_runtimes()] == [[], []]
    assert dialect(new) == CURRENT
    assert (new["opset"], new["input_names"], new["output_names"]) == (18, list(facts.inputs), list(facts.outputs))
    legacy = new.get("legacy", {})
    for key, value in old.items():
        same = {key, next((ours for ours, theirs in ALIKE.items() if theirs == key), key)}
        kept = [new.get(each) for each in same] + [legacy.get(each) for each in (key, f"was_{key}")]
        assert value in kept or key in {"opset", "onnx_opset", "input_name"}, key
    told = {key for key in ("feature_mean", "feature_std") if {key, ALIKE[key]} & set(old)}
    assert {"feature_mean", "feature_std"} & set(new) == (set() if facts.standardises else told)
    assert new.get("onnx_has_scaler") == (True if facts.standardises else False if told else None)


@given(sidecars())
def test_nothing_is_invented(old):
    new = imported.compose(old, ROW, FACTS)
    assert set(new.get("legacy", {})) <= {*old, *(f"was_{key}" for key in old)}
    assert set(new) - set(old) <= {
        *("schema_version", "imported_from", "id", "name", "onnx", "sha256", "opset", "onnx_opset", "input_name"),
        *("input_names", "output_name", "output_names", "notes", "license", "artifacts", "legacy", "onnx_has_scaler"),
        *ALIKE,
    }


def test_what_the_c_reader_would_take_for_its_own_is_renamed_under_legacy():
    new = imported.compose({**PACKED, **VECTORS}, ROW, SCALES)
    assert new["feature_order"] == ["a", "b"]
    assert new["legacy"] == {"was_input_mean": [1.0, 2.0], "was_input_std": [3.0, 4.0]}


def test_a_graph_that_the_old_sidecar_says_scales_is_not_scaled_again():
    new = imported.compose({**PACKED, **VECTORS, "onnx_has_scaler": True}, ROW, FACTS)
    assert new["onnx_has_scaler"] is True
    assert "feature_mean" not in new


def test_the_row_has_the_last_word_on_notes_and_licence_and_the_old_ones_are_kept():
    old = {**PACKED, "notes": "old words", "license": "ISC"}
    new = imported.compose(old, {**ROW, "notes": "new words"}, FACTS)
    assert (new["notes"], new["license"]) == ("new words", "MIT")
    assert new["legacy"] == {"license": "ISC", "notes": "old words"}
    bare = {key: value for key, value in ROW.items() if key != "license"}
    assert imported.compose(old, bare, FACTS)["license"] == "ISC"
    assert imported.compose(old, bare, FACTS)["notes"] == "old words"
    assert "legacy" not in imported.compose(old, bare, FACTS)


def test_of_two_words_for_one_thing_the_c_readers_first_choice_counts():
    old = {**PACKED, **VECTORS, "feature_order": ["c", "d"], "onnx_has_scaler": False}
    new = imported.compose(old, ROW, FACTS)
    assert new["feature_order"] == ["c", "d"]
    assert new["legacy"] == {"was_features": ["a", "b"]}
    assert list(imported.corrections(old, {}, new)) == ["opset 17 -> 18, as the graph has it"]


def test_without_a_licence_there_is_none():
    new = imported.compose(RUN, {key: value for key, value in ROW.items() if key != "license"}, FACTS)
    assert [str(each) for each in violations("sidecar", new)] == ["/: lacks license"]


def test_the_twin_is_told_by_row_and_sidecar_alike():
    twin = {"quant_mode": "dynamic", "int8_sha256": "b" * 64}
    for old, row in (({**PACKED, **twin}, ROW), (PACKED, {**ROW, **twin})):
        new = imported.compose(old, row, FACTS)
        assert twin.items() <= new.items()
        assert twin.items() <= merge(row, new).items()


def test_what_the_graph_knows_better_is_told():
    old = {**RUN, "input_name": "w", "notes": "old", "onnx_has_scaler": False, **VECTORS}
    row = {**ROW, "notes": "new"}
    assert list(imported.corrections(old, row, imported.compose(old, row, SCALES))) == [
        "onnx_opset 17 -> 18, as the graph has it",
        "input_name w -> x, as the graph has it",
        "onnx_has_scaler False -> True, as the graph has it",
        "opset of the row 17 -> 18, as the graph has it",
        "the graph standardises, so no caller may: input_mean, input_std kept under legacy",
        "notes are those of the row; the sidecar's own kept under legacy",
    ]


EVIDENCE = ("evaluation", "gate", "table", "recipe", "recipe_fingerprint", "provenance", "card", "member_of")


@pytest.mark.parametrize("key", EVIDENCE)
def test_evidence_has_no_place_in_it(sidecar, key):
    new = imported.compose(PACKED, ROW, FACTS)
    found = [str(each) for each in violations("sidecar", {**new, key: sidecar.get(key, "x_v1")})]
    assert found == [f"/{key}: has no place in an imported sidecar"]


@pytest.mark.parametrize("key", ["artifacts", "input_names", "license", "notes", "onnx_opset", "schema_version"])
def test_how_to_call_the_model_is_asked_for(key):
    new = imported.compose(PACKED, ROW, FACTS)
    del new[key]
    assert [str(each) for each in violations("sidecar", new)] == [f"/: lacks {key}"]


def test_a_sidecar_of_ours_does_not_pass_for_an_imported_one_by_saying_so(sidecar):
    found = {each.pointer for each in violations("sidecar", {**sidecar, "imported_from": "packaged"})}
    assert {"/gate", "/evaluation", "/recipe", "/recipe_fingerprint", "/table"} <= found


def test_how_a_codec_becomes_figures_is_kept_where_the_runtime_reads_it():
    codec = {"codec_preset_norm": "constant", "codec_preset_value": 0.5, "codec_crf_norm": "minmax"}
    codec |= {"codec_crf_min": 19, "codec_crf_max": 37}
    new = imported.compose({**PACKED, **codec}, ROW, FACTS)
    assert list(violations("sidecar", new)) == []
    assert codec.items() <= new.items()
