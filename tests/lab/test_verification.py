"""Nothing is published that does not do what the trained model does."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import onnxsim
import pytest
from onnx import TensorProto, helper, numpy_helper

from tinyai_registry.errors import VerificationError
from tinyai_registry.lab import verification
from tinyai_registry.lab.export import export_mlps
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.recipe import Input

RUNTIME = load_runtime("libvmaf")


@pytest.fixture
def model(trained):
    return trained[-1]


@pytest.fixture
def proto(recipe, model):
    return export_mlps(recipe, [model])[recipe.id]


@pytest.fixture
def verify(model, table):
    """Verifies ``proto`` as the artifact of the final model."""

    def of(proto, model=model, table=table):
        return verification.verify("small_v1", proto, [model], table, RUNTIME)

    return of


def weights(proto, name):
    return next(tensor for tensor in proto.graph.initializer if tensor.name == name)


def rewrite(proto, name, change):
    tensor = weights(proto, name)
    tensor.CopyFrom(numpy_helper.from_array(change(numpy_helper.to_array(tensor)), name))


def times_minus_three(proto):
    for tensor in proto.graph.initializer:
        if tensor.name.endswith(("_weight", "_bias")):
            rewrite(proto, tensor.name, lambda values: values * np.float32(-3))


def swap_columns(proto):
    rewrite(proto, "_layer1_weight", lambda values: values[[1, 0, 2, 3, 4, 5]])


def reverse_units(proto):
    rewrite(proto, "_layer2_bias", lambda values: values[::-1].copy())


def nudge(proto):
    rewrite(proto, "_layer3_bias", lambda values: values + np.float32(0.02))


def nan_output(proto):
    rewrite(proto, "_layer3_bias", lambda values: values * np.float32("nan"))


def infinite_output(proto):
    rewrite(proto, "_layer3_bias", lambda values: values + np.float32("inf"))


def another_opset(proto):
    proto.opset_import[0].version = 18


def renamed_input(proto):
    proto.graph.input[0].name = "input"
    proto.graph.node[0].input[0] = "input"


def renamed_output(proto):
    proto.graph.output[0].name = "mos"
    proto.graph.node[-1].output[0] = "mos"


def one_more_output(proto):
    proto.graph.output.append(helper.make_tensor_value_info("_layer1", TensorProto.FLOAT, ["N", 12]))


def column_output(proto):
    """``[N, 1]`` in place of ``[N]``."""
    proto.graph.node.pop()
    proto.graph.node[-1].output[0] = "score"
    del proto.graph.output[:]
    proto.graph.output.append(helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N", 1]))


def one_score_for_all(proto):
    """One mean score, however many rows are fed."""
    proto.graph.node[-1].output[0] = "scores"
    proto.graph.node.append(helper.make_node("ReduceMean", ["scores"], ["score"], keepdims=1))
    proto.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1


def fixed_batch(proto):
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 257


def five_columns(proto):
    rewrite(proto, "_layer1_weight", lambda values: values[:5].copy())
    proto.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 5


def double_input(proto):
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.DOUBLE
    proto.graph.node.insert(0, helper.make_node("Cast", ["features"], ["narrow"], to=TensorProto.FLOAT))
    proto.graph.node[1].input[0] = "narrow"


def operator_off_the_list(proto):
    proto.graph.node[-1].output[0] = "plain"
    proto.graph.node.append(helper.make_node("Floor", ["plain"], ["score"]))


def broken_graph(proto):
    proto.graph.node[1].input[0] = "nothing_that_exists"


def no_longer_standardised(proto):
    """A scaler in the graph, fed with rows that the caller has standardised already."""
    proto.graph.node.insert(0, helper.make_node("Div", ["features", "two"], ["halved"]))
    proto.graph.node[1].input[0] = "halved"
    proto.graph.initializer.append(numpy_helper.from_array(np.float32(2), "two"))


REFUSED = {
    "weights times -3": (times_minus_three, r"onnxruntime gives .* where the model gives .* \(row \d+ of 257\)"),
    "swapped columns": (swap_columns, "onnxruntime gives"),
    "biases in reverse": (reverse_units, "onnxruntime gives"),
    "a bias that is off by two parity tolerances": (nudge, "they may differ by 0.01"),
    "a second scaler": (no_longer_standardised, "onnxruntime gives"),
    "an output of NaN": (nan_output, "onnxruntime gives nan"),
    "an infinite output": (infinite_output, "onnxruntime gives inf"),
    "another opset": (another_opset, "opset 18, but the recipe says 17"),
    "a renamed input": (renamed_input, r"inputs \['input'\], but the recipe says \['features'\]"),
    "a renamed output": (renamed_output, r"outputs .*mos.*, not score \[N\]"),
    "one more output": (one_more_output, r"outputs .*layer1.*, not score \[N\]"),
    "an output of columns": (column_output, r"outputs .*, not score \[N\]"),
    "one score for all rows": (one_score_for_all, r"output \(1,\), the model gives \(257,\)"),
    "a fixed batch": (fixed_batch, "input features .*257"),
    "a missing column": (five_columns, r"input features is \['N', 5\], not \[N, 6\]"),
    "an input of another type": (double_input, "input features is of type DOUBLE, which libvmaf does not feed"),
    "an operator that the runtime lacks": (operator_off_the_list, "operator Floor is not one that libvmaf takes"),
    "a graph that does not hold together": (broken_graph, "onnx.checker"),
}


@pytest.mark.parametrize(("spoil", "message"), REFUSED.values(), ids=REFUSED)
def test_a_graph_with_this_is_refused(proto, verify, spoil, message):
    verify(proto)
    spoil(proto)
    with pytest.raises(VerificationError, match=message) as refused:
        verify(proto)
    assert str(refused.value).startswith("artifact small_v1: ")
    assert "\n" not in str(refused.value)


def test_a_difference_within_the_tolerance_is_recorded(proto, verify):
    exact = verify(proto).parity_max_abs
    rewrite(proto, "_layer3_bias", lambda values: values + np.float32(0.005))
    assert exact < 0.001
    assert verify(proto).parity_max_abs == pytest.approx(0.005, abs=0.001)


def test_the_tolerance_is_a_share_of_the_target_range(proto, verify, table):
    rewrite(proto, "_layer3_bias", lambda values: values + np.float32(0.005))
    narrow = replace(table, recipe=replace(table.recipe, target_range=(0.0, 10.0)))
    with pytest.raises(VerificationError, match=r"they may differ by 0\.001"):
        verify(proto, table=narrow)


def test_the_artifact_says_what_was_read_back_from_its_bytes(proto, verify):
    artifact = verify(proto)
    assert (artifact.path, artifact.opset) == ("small_v1.onnx", 17)
    assert onnx.load_model_from_string(artifact.data).opset_import[0].version == 17


def test_the_same_graph_becomes_the_same_bytes(proto, verify):
    assert verify(proto).data == verify(proto).data


def test_two_inputs_and_a_scaler_in_the_graph_are_fed_raw(recipe, frame, read, all_fits, verify):
    columns = recipe.feature_order
    changes = {
        "inputs": (Input("spatial", columns[:4]), Input("temporal", columns[4:])),
        "scaler_in_graph": True,
    }
    two, table = replace(recipe, **changes), read(frame[frame.frame_index % 24 == 0], **changes)
    [model] = train_mlps(two, table, all_fits[-1:])
    proto = export_mlps(two, [model])[two.id]
    assert verify(proto, model, table).parity_max_abs < 0.01
    proto.graph.node[0].input[:] = ["temporal", "spatial"]
    with pytest.raises(VerificationError, match="onnxruntime gives"):
        verify(proto, model, table)


def test_a_scaler_that_nobody_applies_is_refused(proto, verify, model):
    class WithoutStandardisation:
        standardisation = None
        predict = model.predict

    with pytest.raises(VerificationError, match=r"leaves the scaler out .* has no standardisation"):
        verify(proto, WithoutStandardisation())


@pytest.fixture
def asked(proto, verify, model):
    """Every batch of raw features that verification asked the trained model about."""
    batches = []

    class Spy:
        standardisation = model.standardisation

        def predict(self, inputs):
            batches.append(inputs["features"])
            return model.predict(inputs)

    verify(proto, Spy())
    return batches


def known(table, rows):
    """Whether every one of ``rows`` is a row of the table."""
    rows_of_table = {row.tobytes() for row in table.inputs(np.arange(len(table.target)))["features"]}
    return all(row.tobytes() in rows_of_table for row in rows)


def test_parity_is_asked_at_batch_one_and_odd_on_table_rows_and_drawn_ones(asked, table):
    assert {(len(rows), known(table, rows)) for rows in asked} == {
        (1, True),
        (1, False),
        (257, True),
        (257, False),
        (5, True),
    }
    assert not any((rows == 0).all() for rows in asked)


def test_drawn_rows_are_standard_normal_where_the_model_is_standardised(asked, table, model):
    drawn = next(rows for rows in asked if len(rows) == 257 and not known(table, rows))
    z = (drawn - model.standardisation.mean) / model.standardisation.std
    assert np.abs(z.mean(axis=0)).max() < 0.3
    assert np.abs(z.std(axis=0) - 1).max() < 0.2


# --- the test vector


def run(data, inputs):
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    return session.run(["score"], {name: np.array(values, np.float32) for name, values in inputs.items()})[0]


def test_the_test_vector_is_what_the_published_bytes_give_for_what_they_are_fed(proto, verify, table):
    artifact = verify(proto)
    vector = artifact.vector
    assert np.array_equal(run(artifact.data, vector.inputs), np.float32(vector.outputs["score"]))
    assert vector.tolerance == 1e-4 * 100


def test_the_test_vector_goes_evenly_from_the_lowest_target_to_the_highest(proto, verify, table, model):
    fed = np.array(verify(proto).vector.inputs["features"])
    standardised = model.standardisation.apply(table.features.astype(np.float32))
    rows = [int(np.flatnonzero((standardised == row.astype(np.float32)).all(axis=1))[0]) for row in fed]
    targets = np.sort(table.target)
    assert table.target[rows].tolist() == [targets[k] for k in (0, 119, 239, 359, 479)]


def test_the_test_vector_has_no_more_decimals_than_float32_needs(proto, verify):
    vector = verify(proto).vector
    numbers = [*np.ravel(vector.inputs["features"]).tolist(), *vector.outputs["score"]]
    assert max(len(repr(number).lstrip("-").replace(".", "").strip("0").partition("e")[0]) for number in numbers) <= 9


def test_the_test_vector_is_the_same_in_whatever_order_the_rows_come_and_where_targets_tie(
    frame, read, recipe, model, verify
):
    rows = frame[frame.frame_index % 24 == 0]
    rows = rows.assign(vmaf=np.where(rows.frame_index % 48 == 0, 50.0, 60.0))
    proto = export_mlps(recipe, [model])[recipe.id]
    first, second = (verify(proto, table=read(each)).vector.inputs for each in (rows, rows[::-1]))
    assert first == second


def test_a_table_of_two_rows_makes_a_test_vector_of_two(frame, read, proto, verify):
    two = read(frame.iloc[[0, -1]].assign(vmaf=[20.0, 80.0]))
    assert len(verify(proto, table=two).vector.outputs["score"]) == 2


def test_a_scaler_in_the_graph_makes_a_raw_test_vector_and_empty_cells_are_filled(
    recipe, frame, read, all_fits, verify
):
    columns = recipe.feature_order
    changes = {
        "inputs": (Input("spatial", columns[:4]), Input("temporal", columns[4:])),
        "scaler_in_graph": True,
        "missing": "median",
    }
    rows = frame[frame.frame_index % 24 == 0]
    table = read(rows.assign(motion2=rows.motion2.where(rows.frame_index % 48 > 0)), **changes)
    [model] = train_mlps(table.recipe, table, all_fits[-1:])
    artifact = verify(export_mlps(table.recipe, [model])[recipe.id], model, table)
    fed = artifact.vector.inputs
    assert list(fed) == ["spatial", "temporal"]
    known = {row.tobytes() for row in table.inputs(np.arange(len(table.target)))["spatial"]}
    assert {row.tobytes() for row in np.float32(fed["spatial"])} <= known
    motion = np.float32(fed["temporal"])[:, 1]
    assert np.float32(table.fingerprint.feature_means[5]) in motion
    assert set(motion) <= {*np.float32(rows.motion2), np.float32(table.fingerprint.feature_means[5])}
    assert np.array_equal(run(artifact.data, fed), np.float32(artifact.vector.outputs["score"]))


# --- onnxsim


@pytest.fixture
def foreign(proto):
    """What a plugin's own exporter wrote: that of the built-in is not handed to onnxsim."""
    proto.producer_name = "some exporter"
    return proto


@pytest.fixture
def simplify(monkeypatch):
    """Makes onnxsim return what ``change`` leaves of a copy of the graph."""

    def to(change):
        def simplified(proto, **_):
            copy = onnx.ModelProto()
            copy.CopyFrom(proto)
            return change(copy) or copy, True

        monkeypatch.setattr(onnxsim, "simplify", simplified)

    return to


def shorter(proto):
    """The same numbers in fewer bytes."""
    proto.graph.name = "g"
    proto.producer_name = ""


def shorter_but(spoil):
    def change(proto):
        shorter(proto)
        spoil(proto)

    return change


def a_thousandth_more(proto):
    rewrite(proto, "_layer3_bias", lambda values: values + np.float32(0.001))


def squeezed_by_einsum(proto):
    """The same numbers by an operator that onnxruntime has and the target runtime has not."""
    proto.graph.initializer.remove(weights(proto, "_last_axis"))
    proto.graph.node.pop()
    proto.graph.node.append(helper.make_node("Einsum", ["_layer3"], ["score"], equation="ij->i"))


def with_a_long_note(proto):
    proto.metadata_props.add(key="note", value="x" * 100)


def test_a_simplified_graph_that_is_equal_and_smaller_is_kept(foreign, verify, simplify):
    simplify(shorter)
    artifact = verify(foreign)
    assert len(artifact.data) < len(foreign.SerializeToString(deterministic=True))
    assert onnx.load_model_from_string(artifact.data).graph.name == "g"


WORSE = {
    "whose numbers are wrong": shorter_but(times_minus_three),
    "whose numbers are almost right": shorter_but(a_thousandth_more),
    "that gives NaN": shorter_but(nan_output),
    "that is larger": with_a_long_note,
    "that does not load": shorter_but(broken_graph),
    "that is empty": lambda _: onnx.ModelProto(),
    "that has another input": shorter_but(renamed_input),
    "that has another output": shorter_but(renamed_output),
    "that needs what the runtime lacks": shorter_but(squeezed_by_einsum),
    "of another opset": shorter_but(another_opset),
}


@pytest.mark.parametrize("change", WORSE.values(), ids=WORSE)
def test_a_simplified_graph_is_dropped(foreign, verify, simplify, change):
    simplify(change)
    assert verify(foreign).data == foreign.SerializeToString(deterministic=True)


def test_a_graph_of_the_built_in_exporter_is_left_alone(proto, verify, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxsim", None)  # an import of it fails
    assert verify(proto).data == proto.SerializeToString(deterministic=True)


def test_a_simplifier_that_fails_is_done_without(foreign, verify, monkeypatch):
    def fail(*_, **__):
        raise RuntimeError("a shape that onnxsim cannot infer")

    monkeypatch.setattr(onnxsim, "simplify", fail)
    assert verify(foreign).data == foreign.SerializeToString(deterministic=True)


def test_a_batch_of_one_that_the_runtime_would_feed_is_not_what_the_recipe_says(proto, verify):
    proto.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1
    proto.graph.output[0].type.tensor_type.shape.dim[0].dim_value = 1
    with pytest.raises(VerificationError, match=r"artifact small_v1: input features is \[1, 6\], not \[N, 6\]"):
        verify(proto)
