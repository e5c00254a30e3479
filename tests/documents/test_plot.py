"""The plot of a release: what it shows, of any names and figures, in the same bytes each time."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from tinyai_registry.documents import plot
from tinyai_registry.evaluation import HeldOutRows, Scatter

SVG = "{http://www.w3.org/2000/svg}"
EXAMPLE = Path(__file__).parents[2] / "examples" / "registry" / "fr_regressor_v1.json"


@pytest.fixture
def sidecar():
    return copy.deepcopy(json.loads(EXAMPLE.read_text()))


@pytest.fixture
def held_out(sidecar):
    folds = range(len(sidecar["evaluation"]["folds"]))
    return Scatter(tuple(tuple((10.0 * n, 9.0 * n + k) for n in range(3)) for k in folds))


def texts(drawn: bytes) -> list[str]:
    return [each.text for each in ET.fromstring(drawn).iter(f"{SVG}text")]


def test_every_fold_has_its_points_and_its_figures(sidecar, held_out):
    drawn = plot.draw(sidecar, held_out, [0.99])
    folds = sidecar["evaluation"]["folds"]
    marks = list(ET.fromstring(drawn).iter(f"{SVG}path"))
    assert len(marks) == 2 * len(folds)  # the points, and the key beside the name
    assert len(
        {(each.get("stroke"), plot.SHAPES[n % len(plot.SHAPES)]) for n, each in enumerate(marks[: len(folds)])}
    ) == len(folds)
    assert {fold["group"] for fold in folds} <= set(texts(drawn))
    assert {f"{fold['plcc']:.4g}" for fold in folds} <= set(texts(drawn))
    assert "gate 0.95" in texts(drawn)


GATES = {"mean": (1, 2), "min": (2, 13), "max": (2, 13), "spread": None}


@pytest.mark.parametrize(("aggregate", "lines"), GATES.items())
def test_the_gate_stands_at_what_it_judges_the_mean_or_each_fold(sidecar, held_out, aggregate, lines):
    sidecar["recipe"]["criteria"][0]["aggregate"] = aggregate
    page = ET.fromstring(plot.draw(sidecar, held_out, []))
    [top] = [float(each.get("y")) - 14 for each in page.iter(f"{SVG}text") if each.text == "PLCC"]
    drawn = [each for each in page.iter(f"{SVG}line") if each.get("stroke") == plot.GATE and each.get("stroke-width")]
    spans = [
        (round((float(each.get("y1")) - top - 1) / 20), round((float(each.get("y2")) - top + 1) / 20)) for each in drawn
    ]
    assert spans == ([lines] if lines else [])


AXES = {
    "a share of the range": ([36.2, 99.0], [30, 40, 50, 60, 70, 80, 90, 100]),
    "small numbers": ([0.012, 0.019], [0.012, 0.013, 0.014, 0.015, 0.016, 0.017, 0.018, 0.019]),
    "both signs": ([-3.0, 4.0], [-3, -2, -1, 0, 1, 2, 3, 4]),
    "one number": ([5.0, 5.0], [5, 10]),
    "none": ([], [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]),
}


@pytest.mark.parametrize(("values", "ticks"), AXES.values(), ids=AXES)
def test_an_axis_has_round_numbers_around_what_is_there(values, ticks):
    assert plot._ticks(values) == pytest.approx(ticks)


def test_the_same_release_gives_the_same_bytes(sidecar, held_out):
    assert plot.draw(sidecar, held_out, [0.9, 0.99]) == plot.draw(sidecar, held_out, [0.9, 0.99])


def test_a_large_table_is_thinned_and_says_so(sidecar):
    rows, said = np.arange(1000), np.full(1000, 50.0)
    many = [HeldOutRows(each["group"], rows, said, said, said[None]) for each in sidecar["evaluation"]["folds"]]
    drawn = plot.draw(sidecar, plot.choose(many), [])
    assert "Held-out predictions, every 13th row" in texts(drawn)
    assert len(drawn) < 100_000


@pytest.mark.parametrize(
    "name", ["</text><script>alert(1)</script>", "$x^2$", "\u202egpj", "\x1b[31m", "\ud800", "n" * 500]
)
def test_any_name_of_a_fold_is_words(sidecar, held_out, name):
    sidecar["evaluation"]["folds"][0]["group"] = name
    drawn = plot.draw(sidecar, held_out, [])
    assert {each.tag.removeprefix(SVG) for each in ET.fromstring(drawn).iter()} == {
        "svg",
        "title",
        "rect",
        "text",
        "line",
        "path",
        "circle",
    }
    assert not any(len(text) > 64 for text in texts(drawn))


def test_what_is_undefined_is_said_to_be(sidecar, held_out):
    sidecar["evaluation"]["folds"][0]["plcc"] = None
    assert texts(plot.draw(sidecar, held_out, [])).count("undefined") == 1
    for fold in sidecar["evaluation"]["folds"]:
        fold["plcc"] = None
    assert plot.describe(sidecar) == "Held-out predictions against targets in 11 folds; PLCC is undefined."


def test_a_prediction_beyond_the_range_stays_on_the_page(sidecar, held_out):
    far = Scatter((((1e9, -1e9),), *held_out.folds[1:]))
    path = next(ET.fromstring(plot.draw(sidecar, far, [])).iter(f"{SVG}path")).get("d")
    x, y = map(float, path[1:].split("a")[0].split())
    assert 0 <= x <= plot.WIDTH
    assert 0 <= y <= 1000


def test_the_history_is_drawn_from_the_second_release_on(sidecar, held_out):
    assert "Releases: mean PLCC over folds >= 0.95" not in texts(plot.draw(sidecar, held_out, [0.98]))
    drawn = plot.draw(sidecar, held_out, [0.96, 0.98, 0.97])
    assert "Releases: mean PLCC over folds >= 0.95" in texts(drawn)
    assert len(next(ET.fromstring(drawn).iter(f"{SVG}polyline")).get("points").split()) == 3
    assert {"first 0.9600", "this one 0.9700"} < set(texts(drawn))


def test_drift_has_means_and_spreads_and_marks_what_is_a_caveat(sidecar, held_out):
    moved = [("far", -0.3, 1.0), ("narrow", 0.25, 0.7), ("constant", 0.0, 0.0), ("wide", 0.0, 1.25)]
    inputs = [{"column": c, "mean_shift": shift, "std_ratio": ratio} for c, shift, ratio in moved]
    sidecar["drift"] = {**(sidecar["drift"] or {}), "inputs": inputs}
    page = ET.fromstring(plot.draw(sidecar, held_out, []))
    fills = {each.text: each.get("fill") for each in page.iter(f"{SVG}text")}
    assert fills["dashed: a mean that moved by 0.25; beyond it is a caveat"] == plot.QUIET
    marked = {words for words, fill in fills.items() if fill == plot.GATE and not words.startswith("gate")}
    assert marked == {"-0.30", f"spread {plot.TIMES} 0.70", f"spread {plot.TIMES} 0.00"}
    assert {"+0.25", f"spread {plot.TIMES} 1.00", f"spread {plot.TIMES} 1.25"} < set(fills)
