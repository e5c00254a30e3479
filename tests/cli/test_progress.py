"""What people see of a training: a bar on a terminal, a line for each tenth elsewhere, folds old beside new."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress

import pytest
from rich.console import Console

from tinyai_registry.cli import bar as bars
from tinyai_registry.cli.bar import Bar
from tinyai_registry.cli.judging import Display
from tinyai_registry.evaluation import Fold, Metrics
from tinyai_registry.evaluation.progress import Progress

FOLD = Fold("BigBuckBunny", 960, 8, 0.0, Metrics({"plcc": 0.98765, "srocc": 0.9, "krocc": None, "rmse": 13.3836}))
TRAIN = {"def tinyai_train(recipe, table, fits):": "def tinyai_train(recipe, table, fits, progress):\n    WORK"}


@pytest.fixture
def clock(monkeypatch):
    """A second passes at each look."""
    seconds = iter(range(1000))
    monkeypatch.setattr(bars.time, "monotonic", lambda: float(next(seconds)))


def test_in_a_pipe_each_tenth_is_a_line_with_the_time_that_is_left(clock):
    console = Console(file=io.StringIO(), highlight=False)
    bar = Bar(console, "train")
    for done in (1, 25, 26, 29, 30, 100):
        bar.advance(done, 100)
    bar.close()
    assert console.file.getvalue().splitlines() == ["  train 20 %, 3 s left", "  train 30 %, 5 s left", "  train 100 %"]


def test_on_a_terminal_there_is_a_bar_that_goes_away():
    console = Console(file=io.StringIO(), force_terminal=True, width=80)
    bar = Bar(console, "[bold]protocol x")
    bar.advance(1, 4)
    assert "[bold]protocol x" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", console.file.getvalue())
    assert " 25%" in console.file.getvalue()
    bar.close()
    assert console.file.getvalue().endswith("\x1b[2K")


def test_a_step_that_fails_takes_its_bar_with_it():
    display = Display(quiet=False)
    display.console = Console(file=io.StringIO(), force_terminal=True, width=80)
    with suppress(KeyboardInterrupt), display.step("train"):
        display.advance(1, 2)
        raise KeyboardInterrupt
    assert display.console.file.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in display.console.file.getvalue()  # the cursor is shown again


def test_nothing_is_shown_where_a_document_was_asked_for(capsys):
    display = Display(quiet=True)
    with display.step("train"):
        display.advance(1, 2)
    assert capsys.readouterr().err == ""


def test_a_fold_stands_beside_that_of_the_registered_release_in_eighty_columns(capsys):
    display = Display(quiet=False)
    display.fold(FOLD, {"plcc": 0.9, "srocc": None, "rmse": 8.4273})
    display.fold(FOLD)
    beside, alone = capsys.readouterr().err.splitlines()
    assert beside == "  BigBuckBunny   PLCC 0.9000 → 0.9877  SROCC - → 0.9000  RMSE 8.43 → 13.38"
    assert alone.split()[:3] == ["BigBuckBunny", "960", "rows"]
    assert max(len(beside), len(alone)) <= 80


# --- who reports


class Recorder(Progress):
    def __init__(self):
        super().__init__()
        self.folds = []

    def fold(self, fold, before=None):
        self.folds.append((fold.group, before))


def test_a_plugins_trainer_moves_the_bar_too(tinyai, duo_as, registry, frame, write_table):
    duo_as({old: new.replace("WORK", "progress.advance(1, 2)") for old, new in TRAIN.items()})
    words = ("--table", write_table(frame), "--registry", registry)
    ran = tinyai("refresh", "duo_v1", *words)
    assert ran.code == 0
    assert any(re.fullmatch(r"  train 50 %, \d+ s left", line) for line in ran.err.splitlines())
    assert json.loads(tinyai("refresh", "duo_v1", *words, "--force", "--json").out)["status"] == "published"


def test_the_folds_of_the_registered_release_are_told_with_the_new_ones(refresh, duo, registry, frame, write_table):
    from tinyai_registry.plugins.discovery import discover
    from tinyai_registry.plugins.owner import find_owner
    from tinyai_registry.workflows.refresh import refresh as run
    from tinyai_registry.workflows.starting_point import Request

    table = write_table(frame)
    assert refresh(table).code == 0
    before = json.loads((registry / "duo_v1.json").read_text())["evaluation"]["folds"]
    recorder = Recorder()
    request = Request(registry, table, "tinyai refresh", force=True, dry_run=True)
    run(find_owner(discover(), "duo_v1"), request, recorder)
    assert recorder.folds == [(fold["group"], fold) for fold in before]
