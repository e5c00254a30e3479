"""A model is loaded and run as it was published, and nothing that it does reaches the others."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from tinyai_registry.documents.parts import artifact_document
from tinyai_registry.lab import trial
from tinyai_registry.lab.export import export_mlps
from tinyai_registry.lab.inference import open_session
from tinyai_registry.lab.trial import Trial, run_models
from tinyai_registry.lab.verification import verify
from tinyai_registry.onnxfile.runtime import load_runtime

POINTER = "/artifacts/0/test_vector"


@pytest.fixture(scope="module")
def published(recipe, trained, table):
    """A published file and its sidecar, as far as it says how to try the file."""
    artifact = verify("small_v1", export_mlps(recipe, trained[-1:])[recipe.id], trained[-1:], table, load_runtime())
    return artifact.data, {"artifacts": [artifact_document(artifact)]}


def found(*models, **more):
    """Every flaw: file, code, pointer, message."""
    return [
        (name, flaw.rule.code, flaw.pointer, flaw.message)
        for name, flaw in run_models((Trial(*each) for each in models), **more)
    ]


def graph(text):
    opset = '<ir_version: 8, opset_import: ["": 17]>'
    return onnx.parser.parse_model(f"{opset} g {text}").SerializeToString()


def spoilt(data, change):
    proto = onnx.load_model_from_string(data)
    for tensor in proto.graph.initializer:
        if tensor.data_type == onnx.TensorProto.FLOAT and tensor.name.endswith(("_weight", "_bias")):
            tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), tensor.name))
    return proto.SerializeToString()


def test_a_published_model_gives_its_numbers(published):
    data, sidecar = published
    assert found(("small_v1.onnx", data, sidecar)) == []


# --- what it gives


def test_weights_times_minus_three_are_found_at_the_worst_row(published):
    data, sidecar = published
    other = spoilt(data, lambda values: values * np.float32(-3))
    [each] = sidecar["artifacts"][0]["test_vector"]["inputs"]
    [got] = open_session(other).run(None, {each["tensor"]: np.array(each["values"], np.float32)})
    expected = np.array(sidecar["artifacts"][0]["test_vector"]["outputs"][0]["values"])
    row = int(np.abs(got - expected).argmax())
    numbers = f"{got[row]:g}, published was {expected[row]:g}; they may differ by 0.01"
    told = f"row {row} of its test vector gives score {numbers}"
    assert found(("small_v1.onnx", other, sidecar)) == [("small_v1.onnx", "TAI902", POINTER, told)]


@pytest.mark.parametrize(("off", "codes"), [(0.009, []), (-0.009, []), (0.02, ["TAI902"]), (-0.02, ["TAI902"])])
def test_the_tolerance_is_that_of_the_test_vector(published, off, codes):
    data, sidecar = copy.deepcopy(published)
    sidecar["artifacts"][0]["test_vector"]["outputs"][0]["values"][3] += off
    flaws = found(("small_v1.onnx", data, sidecar))
    assert [code for _, code, _, _ in flaws] == codes
    assert all(message.startswith("row 3 of") for *_, message in flaws)


NOT_FINITE = {"NaN": np.nan, "infinite": np.inf}


@pytest.mark.parametrize("number", NOT_FINITE.values(), ids=NOT_FINITE)
def test_an_output_that_is_no_number_is_found_with_a_test_vector_and_without(published, number):
    data, sidecar = published
    other = spoilt(data, lambda values: values + np.float32(number))
    flaws = found(("small_v1.onnx", other, sidecar), ("small_v1.onnx", other, None))
    assert [(code, pointer) for _, code, pointer, _ in flaws] == [("TAI904", POINTER), ("TAI903", "")]
    assert "score is nan on" in flaws[0][3]
    assert flaws[1][3].endswith(f"; score is {number}")


def _narrow(vector):
    vector["inputs"][0]["values"] = [row[:5] for row in vector["inputs"][0]["values"]]


def _fewer(vector):
    vector["outputs"][0]["values"].pop()


VECTORS = {
    "too few columns": (_narrow, "it does not run on its test vector: InvalidArgument: Got invalid dimensions"),
    "rows of unequal length": (
        lambda v: v["inputs"][0]["values"][2].pop(),
        "it does not run on its test vector: Value",
    ),
    "fewer outputs than rows": (_fewer, "score has the shape [5], published was [4]"),
    "an input of another name": (lambda v: v["inputs"][0].update(tensor="x"), "it does not run on its test vector: "),
    "an output of another name": (lambda v: v["outputs"][0].update(tensor="y"), "it does not run on its test vector: "),
    "a giant number": (lambda v: v["inputs"][0]["values"][0].append(10**400), "it does not run on its test vector: "),
    "no tolerance": (lambda v: v.pop("tolerance"), "it does not run on its test vector: KeyError: 'tolerance'"),
}


@pytest.mark.parametrize(("spoil", "told"), VECTORS.values(), ids=VECTORS)
def test_a_test_vector_that_does_not_fit_is_found(published, spoil, told):
    data, sidecar = copy.deepcopy(published)
    spoil(sidecar["artifacts"][0]["test_vector"])
    [(_, code, pointer, message)] = found(("small_v1.onnx", data, sidecar))
    assert (code, pointer) == ("TAI902", POINTER)
    assert message.startswith(told)


# --- without a test vector

NO_VECTOR = {
    "no sidecar": None,
    "a sidecar without artifacts": {"kind": "fr"},
    "one for another file": {"artifacts": [{"path": "other.onnx", "test_vector": {}}]},
    "one from before there were any": {"artifacts": [{"path": "small_v1.onnx"}]},
    "a sidecar that its schema refuses": {"artifacts": [7]},
}


@pytest.mark.parametrize("sidecar", NO_VECTOR.values(), ids=NO_VECTOR)
def test_a_model_without_a_test_vector_is_run_on_random_input(published, sidecar):
    [(_, code, pointer, message)] = found(("small_v1.onnx", published[0], sidecar))
    assert (code, pointer) == ("TAI903", "")
    assert "it was loaded and run" in message


INPUTS = {
    "pictures of open size": "(float[1, 3, h, w] x) => (float[1, 1, 1, 1] y) { y = ReduceMean(x) }",
    "no dimension": "(float x) => (float y) { y = Identity(x) }",
    "every type": """(double[N] d, float16[N] h, int64[N] i, uint8[N] u, bool[N] b, string[N] s)
        => (double[N] y, string[N] z)
        { y = Identity(d) a = Identity(h) e = Identity(i) f = Identity(u) g = Identity(b) z = Identity(s) }""",
    "an index": "(int64[N] i) => (float[N] y) <float[1] t = {7}> { y = Gather(t, i) }",
    "a root of what is not negative": "(float[N, 6] x) => (float[N, 6] y) { y = Sqrt(x) }",
}


@pytest.mark.parametrize("text", INPUTS.values(), ids=INPUTS)
def test_random_input_is_made_for(text):
    [(_, code, _, message)] = found(("x.onnx", graph(text), None))
    assert code == "TAI903"
    assert message.endswith("no number held against another")


OPEN = "(float[N, f] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}> { y = MatMul(x, w) }"
UNSUITED = {
    "sizes that it does not declare": (OPEN, "it does not run on random input: "),
    "a shape that is an input": (
        "(float[N, 3] x, int64[2] s) => (float[A, B] y) { y = Expand(x, s) }",
        "it does not run on random input: ",
    ),
    "an index that begins at one": (
        "(int64[N] i) => (float[N] y) <float[2] t = {7, 8}, int64[1] one = {3}> { j = Sub(i, one) y = Gather(t, j) }",
        "it does not run on random input: ",
    ),
    "a logarithm of what begins at five": (
        "(float[N, 3] x) => (float[N, 3] y) <float five = {5}> { z = Sub(x, five) y = Log(z) }",
        "no number held against another; y is nan",
    ),
    "a division by what is never zero": (
        "(int64[N] i) => (float[N] y) { x = Cast <to = 1> (i) y = Reciprocal(x) }",
        "no number held against another; y is inf",
    ),
    "nothing that is empty": (
        "(float[N, 3] x) => (float[0] y) <int64[1] z = {0}> { y = ConstantOfShape(z) }",
        "no number held against another; y is empty",
    ),
}


@pytest.mark.parametrize(("text", "told"), UNSUITED.values(), ids=UNSUITED)
def test_that_our_numbers_do_not_suit_a_model_is_no_error_of_the_model(text, told):
    [(_, code, pointer, message)] = found(("x.onnx", graph(text), None))
    assert (code, pointer) == ("TAI903", "")
    assert told in message


UNSOUND = {
    "that does not take the size that it declares": (
        "(float[N, 3] x) => (float[N, 1] y) <float[2, 1] w = {1, 2}> { a = Identity(x) y = MatMul(a, w) }",
        "TAI901",
    ),
    "that asks for more memory than there is": (
        "(float[N, 1] x) => (float[1, 1] y) <int64[2] s = {1, 1400000000}> { e = Expand(x, s) y = ReduceSum(e) }",
        "TAI905",
    ),
    "of giant input": ("(float[1, 1, 1000000, 1000000] x) => (float[1, 1, 1, 1] y) { y = ReduceMean(x) }", "TAI905"),
    "that throws dice": (
        "(float[N, 64] x) => (float[N, 64] y) <float r = {0.5}, bool t = {1}> { y = Dropout(x, r, t) }",
        "TAI906",
    ),
    "that adds noise": (
        "(float[N, 64] x) => (float[N, 64] y) { n = RandomNormalLike(x) y = Add(x, n) }",
        "TAI906",
    ),
}


@pytest.mark.parametrize(("text", "code"), UNSOUND.values(), ids=UNSOUND)
def test_a_model_is_refused(text, code):
    assert found(("x.onnx", graph(text), None))[-1][1] == code


def test_a_model_with_a_test_vector_is_run_twice_too():
    text = "(float[N, 64] x) => (float[N, 64] y) <float r = {0.5}, bool t = {1}> { y = Dropout(x, r, t) }"
    rows = np.zeros((2, 64)).tolist()
    vector = {"inputs": [{"tensor": "x", "values": rows}], "outputs": [{"tensor": "y", "values": rows}]}
    zeros = {"artifacts": [{"path": "x.onnx", "test_vector": {**vector, "tolerance": 5.0}}]}
    assert found(("x.onnx", graph(text), zeros)) == []  # dice that are thrown over nothing
    vector["inputs"][0]["values"] = np.ones((2, 64)).tolist()
    [(_, code, pointer, message)] = found(("x.onnx", graph(text), zeros))
    assert (code, pointer) == ("TAI906", POINTER)
    assert message == "y is another the second time that it is run on its test vector"


# --- what does not load


def _with_an_endless_name(data):
    proto = onnx.load_model_from_string(data)
    proto.graph.node[0].op_type = "two\nlines" * 100
    return proto.SerializeToString()


def _external(data, location="weights.data"):
    proto = onnx.load_model_from_string(data)
    tensor = next(each for each in proto.graph.initializer if each.name == "_layer1_weight")
    onnx.external_data_helper.set_external_data(tensor, location)
    Path(location).write_bytes(tensor.raw_data)
    tensor.ClearField("raw_data")
    return proto.SerializeToString()


def test_weights_beside_the_file_are_run_where_their_bytes_are_given(published, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data, sidecar = published
    other = _external(data)
    weights = Path("weights.data").read_bytes()
    Path("weights.data").unlink()
    told = [
        [(code, message[:14]) for _, code, _, message in found(("small_v1.onnx", other, sidecar, beside))]
        for beside in (
            {"weights.data": weights},
            {"weights.data": weights[::-1]},
            {"weights.data": weights[:-4]},
            {"other.data": weights},
        )
    ]
    assert told[0] == []
    assert [code for [(code, _)] in told[1:]] == ["TAI902", "TAI901", "TAI907"]
    assert told[3][0][1] == "not tried: no "


BROKEN = {
    "an operator that there is not": (
        lambda _: graph("(float[N] x) => (float[N] y) { y = Frobnicate(x) }"),
        "TAI901",
        "InvalidGraph: This is an invalid model. ",
    ),
    "an operator with an endless name": (_with_an_endless_name, "TAI901", "InvalidGraph: "),
    "empty": (lambda _: b"", "TAI907", "not tried: not an ONNX file: it has no graph"),
    "truncated": (lambda data: data[: len(data) // 2], "TAI907", "not tried: not an ONNX file: "),
    "no ONNX": (lambda _: b"<html>", "TAI907", "not tried: not an ONNX file: "),
    "of very many parts": (lambda _: b"\x3a\x80\x80\x40" + b"\x0a\x00" * 2**19, "TAI907", "not tried: its nodes"),
    "weights in another file": (
        _external,
        "TAI907",
        "not tried: no digest covers the weights outside the file: _layer1_weight",
    ),
}


@pytest.mark.parametrize(("spoil", "code", "told"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_does_not_load_is_one_line(published, tmp_path, monkeypatch, spoil, code, told):
    monkeypatch.chdir(tmp_path)  # onnxruntime looks for weights here
    data, sidecar = published
    [(_, found_code, _, message)] = found(("small_v1.onnx", spoil(data), sidecar))
    assert found_code == code
    assert message.startswith(told)
    assert "\n" not in message
    assert len(message) <= 300


def test_a_model_in_the_runtimes_own_format_is_not_what_was_checked(published, tmp_path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.save_model_format", "ORT")
    options.optimized_model_filepath = str(tmp_path / "x.ort")
    onnxruntime.InferenceSession(published[0], options, providers=["CPUExecutionProvider"])
    own = (tmp_path / "x.ort").read_bytes()
    assert onnxruntime.InferenceSession(own, providers=["CPUExecutionProvider"])
    with pytest.raises(Exception, match="protobuf"):
        open_session(own)


# --- one model and the others

SPIN = """(float[N, 2] x) => (float[N, 2] y) <int64 n = {9223372036854775807}, bool t = {1}> {
    y = Loop(n, t, x) <body = b (int64 i, bool c, float[N, 2] a) => (bool d, float[N, 2] e) {
        d = Identity(c)  e = Add(a, a)
    }>
}"""


def test_a_model_that_never_ends_is_stopped_and_the_next_one_is_run(published):
    data, sidecar = published
    models = [("spin.onnx", graph(SPIN), None), ("small_v1.onnx", data, sidecar), ("x.onnx", b"", None)]
    spun, empty = found(*models, seconds=3)
    assert spun == ("spin.onnx", "TAI905", "", "the process that ran it was stopped after 3 s")
    assert empty[:2] == ("x.onnx", "TAI907")


DEADLY = """
import os
from tinyai_registry.lab import inference

def answer(question):
    if b"deadly" in question[1]:
        os.abort()
    return [("TAI000", "no such code", "")] if b"liar" in question[1] else inference.answer(question)
"""


def test_a_model_that_kills_its_process_kills_no_other(published, tmp_path, monkeypatch):
    """As it may by a fault in the runtime; one that takes the process over may say anything."""
    deadly = tmp_path / "deadly.py"
    deadly.write_text(DEADLY)
    monkeypatch.setattr(trial, "_ANSWERER", deadly)
    data, sidecar = published
    names = ("deadly.onnx", "small_v1.onnx", "liar.onnx", "deadly.onnx")
    assert found(*((name, data, sidecar) for name in names)) == [
        ("deadly.onnx", "TAI905", "", "the process that ran it died of SIGABRT"),
        ("liar.onnx", "TAI905", "", "the process that ran it gave an answer that makes no sense"),
        ("deadly.onnx", "TAI905", "", "the process that ran it died of SIGABRT"),
    ]


def test_nothing_is_printed(capfd):
    found(("x.onnx", graph(OPEN), None), ("y.onnx", b"x" * 99, None))
    assert capfd.readouterr() == ("", "")


def test_the_real_registrys_models_load_and_run_or_say_why_not(shared):
    folder = shared / "real-registry"
    rows = json.loads((folder / "registry.json").read_text())["models"]
    models = [
        (path.name, path.read_bytes(), json.loads((folder / f"{stem}.json").read_text()))
        for stem in (row["onnx"].removesuffix(".onnx") for row in rows)
        for path in sorted(folder.glob(f"{stem}*.onnx"))
    ]
    flaws = found(*models)
    assert len(models) == 13
    assert [name for name, *_ in flaws] == [name for name, *_ in models]
    assert [(name, message) for name, code, _, message in flaws if code != "TAI903"] == [
        (
            "fr_regressor_v1.onnx",
            "not tried: no digest covers the weights outside the file: net.0.weight, net.3.weight",
        )
    ]
    assert all("it was loaded and run" in message for _, code, _, message in flaws if code == "TAI903")
