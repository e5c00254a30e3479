"""The story of a refresh, told with a plugin that trains in milliseconds."""

from __future__ import annotations

import json


def test_a_very_different_model_is_refreshed_by_the_same_core(tinyai, duo, registry, frame, write_table):
    table = write_table(frame)
    ran = tinyai("refresh", "duo_v1", "--table", table, "--registry", registry, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["status"] == "published"
    assert [fold["group"] for fold in ran.json["evaluation"]["folds"]] == ["fold-1", "fold-2", "fold-3"]
    assert all(fold["mae"] > 0 for fold in ran.json["evaluation"]["folds"])
    assert len(ran.json["gate"]) == 3
    assert sorted(a["path"] for a in ran.json["artifacts"]) == ["duo_v1.onnx", "duo_v1.plain.onnx"]
    sidecar = json.loads((registry / "duo_v1.json").read_text())
    assert sidecar["input_names"] == ["spatial", "temporal"]
    assert sidecar["onnx_has_scaler"] is True
    assert "feature_mean" not in sidecar
    assert tinyai("validate", registry).code == 0


def test_the_second_refresh_changes_nothing(tinyai, duo, registry, frame, write_table, digests):
    table = write_table(frame)
    tinyai("refresh", "duo_v1", "--table", table, "--registry", registry)
    before = digests(registry)
    ran = tinyai("refresh", "duo_v1", "--table", table, "--registry", registry, "--json")
    assert (ran.code, ran.json["status"]) == (0, "up-to-date")
    assert digests(registry) == before
