"""The one JSON document of refresh, evaluate and the metrics file."""

from __future__ import annotations

import pytest

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.report import report
from tinyai_registry.release import Outcome

KEYS = {
    *("model", "status", "table", "evaluation", "in_sample", "gate", "artifact", "artifacts"),
    *("previous", "shipped", "drift", "caveats", "seconds", "withdrawn", "unsigned", "recorded", "protocols"),
}


@pytest.fixture
def outcomes(judgement, previous, drift, sidecar) -> dict[str, Outcome]:
    withdrawn = ("tone_v1.int8.onnx",)
    return {
        "published": Outcome("tone_v1", "published", judgement, sidecar, withdrawn),
        "dry-run": Outcome("tone_v1", "dry-run", judgement, sidecar, withdrawn),
        "up-to-date": Outcome("tone_v1", "up-to-date", sidecar=sidecar),
        "refused": Outcome("tone_v1", "refused", judgement, previous=previous, drift=drift),
        "evaluated": Outcome("tone_v1", "evaluated", judgement),
    }


STATUSES = ("published", "dry-run", "up-to-date", "refused", "evaluated")


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_the_same_keys(outcomes, status):
    document = report(outcomes[status], {"train": 1.23456})
    assert set(document) == KEYS
    assert (document["model"], document["status"]) == ("tone_v1", status)
    assert document["seconds"] == {"train": 1.235}
    strict_json.dumps(document)


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_has_the_evaluation_the_gate_and_the_caveats(outcomes, status):
    document = report(outcomes[status], {})
    assert set(document["evaluation"]["folds"][0]) == {
        *("group", "rows", "clips", "plcc", "srocc", "krocc", "rmse", "tied_targets"),
    }
    assert set(document["evaluation"]["summary"]) == {"plcc", "srocc", "krocc", "rmse"}
    assert set(document["evaluation"]["summary"]["plcc"]) == {"mean", "std", "min", "max", "median", "spread"}
    assert set(document["gate"][0]) == {"criterion", "value", "passed"}
    assert set(document["caveats"][0]) == {"code", "message"}
    assert document["in_sample"]["plcc"] == 0.9
    assert document["table"]["groups"] == ["hill", "lake"]


@pytest.mark.parametrize("status", STATUSES)
def test_the_artifact_is_there_exactly_where_there_is_a_release(outcomes, status):
    document = report(outcomes[status], {})
    if status in {"refused", "evaluated"}:
        assert (document["artifact"], document["artifacts"]) == (None, [])
    else:
        assert set(document["artifact"]) == {"path", "sha256", "bytes", "opset", "parity_max_abs", "test_vector"}
        assert document["artifacts"] == [document["artifact"]]


def test_an_up_to_date_release_answers_like_the_refresh_that_made_it(outcomes):
    made, found = report(outcomes["published"], {}), report(outcomes["up-to-date"], {})
    differing = {key for key in KEYS if made[key] != found[key]}
    assert differing == {"status", "withdrawn"}
