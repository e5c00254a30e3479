"""A trained MLP as a graph: what it says of itself, and that it says it in the same bytes."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import onnx
import onnxruntime
import pytest

from tinyai_registry.checks import graph
from tinyai_registry.errors import PluginError, VerificationError
from tinyai_registry.lab.export import export_mlps
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.lab.verification import verify
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.recipe import MLP, Ensemble, Input

COLUMNS = ("adm2", "vif_scale0", "vif_scale1", "vif_scale2", "vif_scale3", "motion2")
TWO = (Input("spatial", COLUMNS[:4]), Input("temporal", COLUMNS[4:]))
VARIANTS = {
    "as declared": {},
    "scaler in the graph": {"scaler_in_graph": True},
    "two inputs": {"inputs": TWO},
    "two inputs and the scaler": {"inputs": TWO, "scaler_in_graph": True},
    "relu": {"architecture": MLP((8,), "relu", 0.1)},
    "tanh": {"architecture": MLP((8,), "tanh", 0.1)},
    "squashed": {"architecture": MLP((8,), squash=2.5)},
    "bounded": {"architecture": MLP((8,), bounded=True)},
    "squashed and bounded with the scaler": {
        "architecture": MLP((8, 6), squash=2.5, bounded=True),
        "scaler_in_graph": True,
    },
    "layer-normalised": {"architecture": MLP((8,), layer_norm=True)},
    "squashed and layer-normalised, two inputs": {
        "architecture": MLP((8, 6), "relu", squash=2.5, layer_norm=True, bounded=True),
        "inputs": TWO,
        "scaler_in_graph": True,
    },
    "sigmoid at the output": {"architecture": MLP((8,), output_activation="sigmoid")},
    "softplus at the output": {"architecture": MLP((8,), output_activation="softplus")},
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
    return changed, table, model, export_mlps(changed, [model])[changed.id]


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
    with Inspector() as inspector:
        assert list(graph.flaws(proto.SerializeToString(), load_runtime(), inspector)) == []


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
    assert ({"_scaler_mean", "_scaler_std"} <= weights) is recipe.scaler_in_graph


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
        data = export_mlps(recipe, [other])[recipe.id].SerializeToString(deterministic=True)
        assert data == proto.SerializeToString(deterministic=True)
    assert os.fsencode(tmp_path) not in data


def test_the_graph_carries_no_notes(variant):
    recipe, _, _, proto = variant
    assert (proto.doc_string, proto.graph.doc_string, list(proto.metadata_props)) == ("", "", [])
    assert (proto.producer_name, proto.producer_version) == ("tinyai-registry", "")
    assert proto.graph.name == recipe.id


@pytest.mark.parametrize("models", [[], [object()], "mixed"], ids=["none", "another", "one of each"])
def test_the_exporter_takes_only_the_built_in_model(recipe, trained, models):
    models = [trained[0], object()] if models == "mixed" else models
    with pytest.raises(PluginError, match=r"small_v1: the built-in exporter takes built-in MLPs; .* tinyai_export"):
        export_mlps(recipe, models)


# --- ensembles

ENSEMBLES = {
    "together": {"ensemble": Ensemble(3)},
    "together and separate": {"ensemble": Ensemble(3, separate=True)},
    "with a scaler, two inputs and bounds": {
        "ensemble": Ensemble(2, separate=True),
        "scaler_in_graph": True,
        "inputs": TWO,
        "architecture": MLP((8, 6), "tanh", squash=2.0, bounded=True),
    },
    "layer-normalised": {"ensemble": Ensemble(2), "architecture": MLP((8,), layer_norm=True)},
}


@pytest.fixture(params=ENSEMBLES.values(), ids=ENSEMBLES)
def members(request, recipe, frame, read, all_fits):
    """A recipe of an ensemble, its table, its final models and their graphs."""
    table = read(frame[frame.frame_index % 24 == 0], **request.param)
    models = train_mlps(table.recipe, table, [replace(all_fits[-1], seed=seed) for seed in table.recipe.seeds])
    return table.recipe, table, models, export_mlps(table.recipe, models)


def fed(recipe, table, model):
    raw = table.inputs(np.arange(len(table.target)))
    return raw if recipe.scaler_in_graph else standardised(recipe, model, raw)


def test_the_graph_of_an_ensemble_gives_the_mean_of_its_members(members):
    recipe, table, models, graphs = members
    out = scores(graphs[recipe.id], fed(recipe, table, models[0]))
    raw = table.inputs(np.arange(len(table.target)))
    np.testing.assert_allclose(out, np.mean([model.predict(raw) for model in models], axis=0), rtol=0, atol=1e-3)
    assert np.abs(out - models[0].predict(raw)).max() > 0.01


def test_members_are_graphs_of_their_own_only_where_the_recipe_says_so(members):
    recipe, table, models, graphs = members
    assert tuple(graphs) == (recipe.id, *recipe.member_names)
    raw = table.inputs(np.arange(len(table.target)))
    for name, model in zip(recipe.member_names, models, strict=False):
        out = scores(graphs[name], fed(recipe, table, model))
        np.testing.assert_allclose(out, model.predict(raw), rtol=0, atol=1e-3)


def test_the_runtime_finds_nothing_wrong_with_the_graphs_of_an_ensemble(members):
    recipe, _, _, graphs = members
    for proto in graphs.values():
        with Inspector() as inspector:
            assert list(graph.flaws(proto.SerializeToString(), load_runtime(), inspector)) == []
        assert graph.signature(proto).outputs == {recipe.output: ("N",)}


def test_every_artifact_of_an_ensemble_is_verified_against_the_models_that_it_stands_for(members):
    recipe, table, models, graphs = members
    whole = graphs[recipe.id]
    assert verify(recipe.id, whole, models, table, load_runtime()).parity_max_abs < 0.01
    for one in (models[:1], models[1:]):
        with pytest.raises(VerificationError, match="onnxruntime gives"):
            verify(recipe.id, whole, one, table, load_runtime())
