"""Lists in columns, on terminals that are wide enough and on those that are not; members of ensembles; reasons."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tinyai_registry.cli.columns import align
from tinyai_registry.cli.commands.log import _lines as log_lines
from tinyai_registry.cli.commands.status import _lines as status_lines
from tinyai_registry.documents.headline import Headline, Score
from tinyai_registry.release import Account
from tinyai_registry.store.log import Entry
from tinyai_registry.workflows.status import Standing

ROWS = [("id", "license"), ("fr_regressor_v2_ensemble_v1_seed0", "BSD-3-Clause-Plus-Patent"), ("smoke_v0", "MIT")]


def test_a_pipe_gets_every_word_whole():
    head, long, short = align(ROWS)
    assert long == "fr_regressor_v2_ensemble_v1_seed0  BSD-3-Clause-Plus-Patent"
    assert head.index("license") == long.index("BSD") == short.index("MIT")


@pytest.mark.parametrize(
    ("room", "line"),
    [
        (59, "fr_regressor_v2_ensemble_v1_seed0  BSD-3-Clause-Plus-Patent"),
        (50, "fr_regressor_v2_ensemble_v1_seed0  BSD-3-Clause-P…"),
        (40, "fr_regressor_v…semble_v1_seed0  BSD-3-C…"),
        (5, "fr_…eed0  BSD-3-C…"),
    ],
)
def test_a_narrow_terminal_cuts_the_last_column_and_then_the_middle_of_the_widest(room, line):
    assert list(align(ROWS, room))[1] == line


def standing(model: str, state: str = "up-to-date", **more) -> Standing:
    known = Headline("2026-11-26T08:59:58Z", Score("plcc", 0.99368), "production", None)
    return Standing(model, state, (), (), known, more.get("signature"), more.get("member_of"))


def test_members_of_an_ensemble_go_with_it_unless_they_stand_otherwise():
    found = [
        standing("whole_v1_seed2", "damaged", member_of="whole_v1"),
        standing("whole_v1", signature="void"),
        *(standing(f"whole_v1_seed{seed}", member_of="whole_v1") for seed in range(2)),
    ]
    assert [line.split()[:2] for line in status_lines(found, (), None)][1:] == [
        ["damaged", "whole_v1_seed2"],
        ["up-to-date", "whole_v1"],
        ["with", "its"],
        ["the", "signature"],
        ["1", "damaged,"],
    ]
    assert "    with its 2 members" in list(status_lines(found, (), None))


def test_what_a_model_has_beside_its_stage_has_a_column_of_its_own():
    plain, twin = (
        standing("a_v1"),
        replace(standing("b_v1", signature="named"), headline=Headline(None, None, None, "static")),
    )
    head, first, second, _ = status_lines([plain, twin], (), None)
    assert head.split() == ["state", "model", "score", "released", "stage", "also"]
    assert first.split()[-1] == "production"
    assert second.split()[-4:] == ["-", "-", "int8,", "signed"]
    assert next(iter(status_lines([plain], (), None))).split()[-1] == "stage"


COMPLETE = [
    {"criterion": "every group held out once (11 folds)", "value": 11.0, "passed": True},
    {"criterion": "every seed evaluated (5 seeds)", "value": 4.0, "passed": False},
]
SCORED = [
    {"criterion": "mean PLCC over seeds >= 0.95", "value": 0.99274, "passed": True},
    {"criterion": "spread PLCC over seeds <= 0.005", "value": 0.0061, "passed": False},
]


@pytest.mark.parametrize(
    ("action", "gate", "told"),
    [
        ("publish", COMPLETE + SCORED, ["    passed: mean PLCC over seeds >= 0.95: 0.9927"]),
        ("publish", COMPLETE[:1], []),
        (
            "refuse",
            COMPLETE + SCORED,
            [
                "    refused: every seed evaluated (5 seeds): 4",
                "    refused: spread PLCC over seeds <= 0.005: 0.0061",
            ],
        ),
    ],
)
def test_a_history_says_why_with_figures(action, gate, told):
    account = Account("2026-01-02T03:04:05Z", "somebody", gate=tuple(gate))
    entry = Entry(1, "whole_v1", action, None, account, {}, ())
    assert list(log_lines(entry))[1:-1] == told
