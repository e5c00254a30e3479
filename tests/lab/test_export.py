"""A trained MLP as a graph: what it says of itself, and that it says it in the same bytes."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from tinyai_registry.checks import graph
from tinyai_registry.checks.runtime import load_runtime
from tinyai_registry.errors import PluginError
from tinyai_registry.lab.export import export_mlp
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.recipe import MLP, Input

COLUMNS = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
TWO = (Input("spatial", COLUMNS[:4]), Input("temporal", COLUMNS[4:]))
VARIANTS = {
    "as declared": {},
    "scaler in the graph": {"scaler_in_graph": True},
    "two inputs": {"inputs": TWO},
    "two inputs and the scaler": {"inputs": TWO, "scaler_in_graph": True},
    "relu": {"architecture": MLP((8,), "relu", 0.1)},
    "three layers": {"architecture": MLP((8, 6, 4))},
    "another opset": {"opset": 20},
    "another output": {"output": "mos"},
}
SCALER = {"Sub", "Div"}


@pytest.fixture(params=VARIANTS.values(), ids=VARIANTS)
def variant(request, recipe, frame, read, all_fits):
    """A recipe, its table, its final model and the graph of that."""
    changed = replace(recipe, **request.param)
    table = read(frame[frame.frame_index % 24 == 0], **request.param)
    [model] = train_mlps(changed, table, all_fits[-1:])
    return changed, table, model, export_mlp(changed, [model])


def scores(proto, feed):
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    [out] = session.run(None, feed)
    return out


def standardised(recipe, model, raw):
    """What the caller feeds to a graph without a scaler, computed by hand from the model's mean and std."""
    fed, start = {}, 0
    for i in recipe.inputs:
        part = slice(start, start + len(i.columns))
        mean, std = model.standardisation.mean[part], model.standardisation.std[part]
        fed[i.tensor] = ((raw[i.tensor] - mean) / std).astype(np.float32)
        start = part.stop
    return fed


def test_the_runtime_finds_nothing_wrong_with_the_graph(variant):
    *_, proto = variant
    assert list(graph.findings(proto.SerializeToString(), load_runtime())) == []


def test_opset_inputs_and_outputs_are_those_of_the_recipe(variant):
    recipe, _, _, proto = variant
    found = graph.signature(proto)
    assert found.opset == recipe.opset
    assert list(found.inputs.items()) == [(i.tensor, ("N", len(i.columns))) for i in recipe.inputs]
    assert found.outputs == {recipe.output: ("N",)}
    assert len(proto.opset_import) == 1


def test_the_graph_does_what_the_model_does(variant):
    recipe, table, model, proto = variant
    for rows in (np.arange(len(table.target)), np.array([3])):
        raw = table.inputs(rows)
        feed = raw if recipe.scaler_in_graph else standardised(recipe, model, raw)
        out = scores(proto, feed)
        assert (out.dtype, out.shape) == (np.float32, (len(rows),))
        np.testing.assert_allclose(out, model.predict(raw), rtol=0, atol=1e-3)


def test_the_graph_has_a_scaler_only_if_the_recipe_says_so(variant):
    recipe, _, _, proto = variant
    assert ({node.op_type for node in proto.graph.node} >= SCALER) is recipe.scaler_in_graph
    weights = {tensor.name for tensor in proto.graph.initializer}
    assert ({"feature_mean", "feature_std"} <= weights) is recipe.scaler_in_graph


def test_every_weight_is_inside_and_used(variant):
    *_, proto = variant
    assert not any(onnx.external_data_helper.uses_external_data(t) for t in proto.graph.initializer)
    used = {name for node in proto.graph.node for name in node.input}
    assert {tensor.name for tensor in proto.graph.initializer} <= used
    assert len(proto.graph.initializer) == len({tensor.name for tensor in proto.graph.initializer})


def test_the_bytes_depend_on_neither_the_call_nor_the_place(variant, all_fits, tmp_path, monkeypatch):
    recipe, table, model, proto = variant
    monkeypatch.chdir(tmp_path)
    [again] = train_mlps(recipe, table, all_fits[-1:])
    for other in (model, again):
        data = export_mlp(recipe, [other]).SerializeToString(deterministic=True)
        assert data == proto.SerializeToString(deterministic=True)
    assert os.fsencode(tmp_path) not in data


def test_the_graph_carries_no_notes(variant):
    recipe, _, _, proto = variant
    assert (proto.doc_string, proto.graph.doc_string, list(proto.metadata_props)) == ("", "", [])
    assert (proto.producer_name, proto.producer_version) == ("tinyai-registry", "")
    assert proto.graph.name == recipe.id


def test_the_exporter_takes_exactly_one_model(recipe, trained):
    for models in ([], trained[:2]):
        with pytest.raises(PluginError, match="small_v1: the built-in exporter takes one built-in MLP"):
            export_mlp(recipe, models)


def test_the_exporter_takes_only_the_built_in_model(recipe):
    with pytest.raises(PluginError, match="brings its own tinyai_export"):
        export_mlp(recipe, [object()])
