"""What people see of a training: a bar on a terminal, a line for each tenth elsewhere, folds old beside new."""

from __future__ import annotations

import io
import json
import re
from contextlib import suppress

import pytest
from rich.console import Console

from tinyai_registry.cli import steps
from tinyai_registry.cli.judging import Display
from tinyai_registry.cli.steps import Steps
from tinyai_registry.errors import TinyaiError
from tinyai_registry.evaluation import Fold, Metrics
from tinyai_registry.evaluation.progress import Progress

FOLD = Fold("BigBuckBunny", 960, 8, 0.0, Metrics({"plcc": 0.98765, "srocc": 0.9, "krocc": None, "rmse": 13.3836}))
TRAIN = {"def tinyai_train(recipe, table, fits):": "def tinyai_train(recipe, table, fits, progress):\n    WORK"}


@pytest.fixture
def clock(monkeypatch):
    """A second passes at each look."""
    seconds = iter(range(1000))
    monkeypatch.setattr(steps.time, "monotonic", lambda: float(next(seconds)))


@pytest.fixture
def terminal(monkeypatch):
    """Steps that are shown on a terminal of eighty columns; ``terminal.console.file`` has what was written there."""
    shown = Display(quiet=False)
    shown.console = Console(file=io.StringIO(), force_terminal=True, width=80)
    monkeypatch.setattr(steps.sys.stderr, "isatty", lambda: True, raising=False)
    return shown


def plain(display):
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", display.console.file.getvalue())


def test_in_a_pipe_each_tenth_is_a_line_with_the_time_that_is_left(clock, capsys):
    display = Steps(quiet=False)
    with display.step("train"):
        for done in (1, 25, 26, 29, 30):
            display.advance(done, 100)
        display.advance(100, 100, "4 fits")
    assert capsys.readouterr().err.splitlines() == [
        "  train 20 %, 6 s left",
        "  train 30 %, 12 s left",
        "  train 100 % of 4 fits",
    ]


def test_on_a_terminal_there_is_a_bar_that_goes_away(clock, terminal):
    with terminal.step("[bold]protocol x"):
        terminal.advance(1, 4, "110 fits and [b]more")
        assert re.search(r"\[bold\]protocol x \S+ +25% of 110 fits and \[b\]more", plain(terminal))
    assert terminal.console.file.getvalue().endswith("\x1b[2K")


def test_a_bar_with_many_words_fits_into_eighty_columns(clock, terminal):
    with terminal.step("protocol videval_20_repeats"):
        terminal.advance(1, 4, "1000 fits \N{MULTIPLICATION SIGN} 200 epochs")
        terminal.advance(2, 4, "1000 fits \N{MULTIPLICATION SIGN} 200 epochs")
    shown = [line for line in re.split(r"[\r\n]", plain(terminal)) if "%" in line]
    assert max(map(len, shown)) <= 80
    assert "1000 fits" in shown[-1]


def test_a_caveat_hangs_below_its_mark_on_a_terminal_and_is_one_line_elsewhere(terminal):
    words = "RedMaples: " + "the fold has few rows and says little; " * 6 + "::error::x"
    pipe = Display(quiet=False)
    pipe.console = Console(file=io.StringIO(), width=80)
    for display in (terminal, pipe):
        display._line(words, ("caveat ", "yellow"))
    first, *others = plain(terminal).splitlines()
    assert first.startswith("caveat  RedMaples: the fold")
    assert others
    assert all(line.startswith(" " * 8) and line[8] != " " and len(line) <= 80 for line in others)
    assert not any(line.lstrip().startswith("::") for line in others)
    assert plain(pipe) == f"caveat  {words}\n"


def test_what_is_over_soon_and_what_moves_too_often_is_not_drawn(monkeypatch, capsys):
    seconds = iter([0.0, 0.4, 0.6, 0.65, 0.71, 0.72])
    monkeypatch.setattr(steps.time, "monotonic", lambda: next(seconds))
    display = Steps(quiet=False)
    with display.step("train"):
        for done in (1, 2, 3, 4, 10):
            display.advance(done, 10)
    assert [line.split(",")[0] for line in capsys.readouterr().err.splitlines()] == [
        "  train 20 %",
        "  train 40 %",
        "  train 100 %",
    ]


def test_a_step_that_fails_takes_its_bar_with_it(clock, terminal):
    with suppress(KeyboardInterrupt), terminal.step("train"):
        terminal.advance(1, 2)
        raise KeyboardInterrupt
    assert terminal.console.file.getvalue().endswith("\x1b[2K")
    assert "\x1b[?25h" in terminal.console.file.getvalue()  # the cursor is shown again


def test_nothing_is_shown_where_a_document_was_asked_for(clock, capsys):
    display = Display(quiet=True)
    with display.step("train"):
        display.advance(1, 2)
    assert capsys.readouterr().err == ""


def test_each_of_some_pieces_is_done_when_the_next_is_asked_for():
    recorder = Recorder()
    assert list(recorder.each(["a", "b"], "letters")) == ["a", "b"]
    assert recorder.advances == [(1, 2, "letters"), (2, 2, "letters")]


def test_a_fold_stands_beside_that_of_the_registered_release_in_eighty_columns(capsys):
    display = Display(quiet=False)
    display.fold(FOLD, {"plcc": 0.9, "srocc": None, "rmse": 8.4273})
    display.fold(FOLD, {"plcc": 1.0, "srocc": 0.9, "rmse": 0.94052})
    display.fold(FOLD)
    beside, small, alone = capsys.readouterr().err.splitlines()
    assert beside == "  BigBuckBunny   PLCC 0.9000 → 0.9877  SROCC - → 0.9000  RMSE 8.43 → 13.38"
    assert small.endswith("RMSE 0.94 → 13.38")
    assert alone.split()[:3] == ["BigBuckBunny", "960", "rows"]
    assert max(len(beside), len(alone)) <= 80


# --- who reports


class Recorder(Progress):
    def __init__(self):
        super().__init__()
        self.folds, self.advances, self.begun = [], [], []

    def begin(self, name):
        self.begun.append(name)

    def advance(self, done, total, of=""):
        self.advances.append((done, total, of))

    def fold(self, fold, before=None):
        self.folds.append((fold.group, before))


def test_a_plugins_trainer_moves_the_bar_too(clock, tinyai, duo_as, registry, frame, write_table):
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
    from tinyai_registry.workflows.refreshing.starting_point import Request

    table = write_table(frame)
    assert refresh(table).code == 0
    before = json.loads((registry / "duo_v1.json").read_text())["evaluation"]["folds"]
    recorder = Recorder()
    request = Request(registry, table, "tinyai refresh", force=True, dry_run=True)
    run(find_owner(discover(), "duo_v1"), request, recorder)
    assert recorder.folds == [(fold["group"], fold) for fold in before]
    assert recorder.advances[-1] == (2, 2, "the graphs")


def test_a_fold_is_told_before_the_next_one_is_judged(monkeypatch, duo, frame, write_table):
    from tinyai_registry.lab import metrics
    from tinyai_registry.plugins.discovery import discover
    from tinyai_registry.plugins.owner import find_owner
    from tinyai_registry.workflows.evaluate import train
    from tinyai_registry.workflows.judging.cross_validation import evaluate_folds

    owner, happened = find_owner(discover(), "duo_v1"), []
    trained = train(owner, write_table(frame), Progress())

    def judge(prediction, target):
        happened.append("judged")
        return metrics.standard_metrics(prediction, target)

    evaluate_folds(owner, trained, judge, lambda fold: happened.append(fold.group))
    groups = [split.group for split in trained.plan.splits]
    assert happened == [word for group in groups for word in ("judged", group)]


def test_reading_tells_of_columns_and_hashing_of_bytes(duo, frame, write_table):
    from tinyai_registry.evaluation import DataSet
    from tinyai_registry.lab.table import read_table
    from tinyai_registry.lab.table_file import digest
    from tinyai_registry.plugins.discovery import discover

    path = write_table(frame)
    two, recipe = DataSet({"one": path, "two": path}), discover().owner("duo_v1")[1]
    hashing, reading = Recorder(), Recorder()
    digest(two, hashing)
    with suppress(TinyaiError):  # the two hold the same rows
        read_table(two, recipe, progress=reading)
    size = 2 * path.stat().st_size
    assert hashing.advances == [(size // 2, size, "0.2 MB"), (size, size, "0.2 MB")]
    columns = len(reading.advances) // 2
    assert reading.advances == [(k + 1, 2 * columns, f"{2 * columns} columns") for k in range(2 * columns)]
