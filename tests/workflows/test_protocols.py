"""Protocols that others work at: the figures are those of one process, whoever does it and whatever happens to him."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import hostile
import pytest

from tinyai_registry import Protocol, RepeatedHoldout
from tinyai_registry.documents.report import report
from tinyai_registry.errors import EngineError, TableError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.table import read_table
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.owner import find_owner
from tinyai_registry.workflows.evaluate import evaluate
from tinyai_registry.workflows.judging import protocols
from tinyai_registry.workflows.judging.portion import Portion, basis_of, open_predictions, predict_portion
from tinyai_registry.workflows.judging.protocols import evaluate_protocols
from tinyai_registry.workflows.workers.engine import Engine

AGAIN = {
    "    decision=": '    protocols=(Protocol("again", RepeatedHoldout(5, test=0.3)),),\n    decision=',
    "Recipe, hookimpl": "Protocol, Recipe, RepeatedHoldout, hookimpl",
}
TWO = Engine(jobs=2)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Where predictions lie meanwhile. Each portion has two models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(protocols, "FITS", 2)
    return tmp_path / "cache" / "tinyai-registry"


@pytest.fixture
def data(duo_as, frame, write_table):
    duo_as(AGAIN)
    return write_table(frame)


class Watching(Progress):
    """Notes what it is told of models, and hands it to ``then``."""

    def __init__(self, then=lambda _: None):
        super().__init__()
        self.told, self.then = [], then

    def advance(self, done, total, of=""):
        if of == "6 models":
            self.told.append((done, total))
            self.then(done)


def run(data, engine=None, progress=None):
    return evaluate(find_owner(discover(), "duo_v1"), data, progress or Progress(), "again", engine)


def said(outcome):
    """Everything that a protocol comes to, and a digest of all predictions."""
    return report(outcome, {}), outcome.protocols[0].evaluation.predictions_sha256


def test_any_number_of_processes_and_dask_give_the_bits_of_one(data, cache):
    here = said(run(data))
    assert here[1] is not None
    for engine in (Engine(jobs=1), TWO, Engine(jobs=5), Engine("dask", jobs=1)):
        assert said(run(data, engine)) == here, engine
    assert list(cache.iterdir()) == []


def test_the_real_ratings_give_the_same_through_portions(shared, cache):
    owner = find_owner(discover(), "konvid_mos_v1")
    table = read_table(shared / "data" / "konvid_1k_videval.parquet", owner.recipe)
    few = [Protocol("few", RepeatedHoldout(2, test=0.2), mapping="logistic4")]
    [here], [apart] = (evaluate_protocols(owner, table, few, Progress(), engine) for engine in (None, TWO))
    assert apart.evaluation.predictions_sha256 == here.evaluation.predictions_sha256
    assert (apart.evaluation.folds, apart.evaluation.in_sample) == (here.evaluation.folds, here.evaluation.in_sample)


def test_progress_counts_models(data):
    watching = Watching()
    run(data, TWO, watching)
    assert watching.told == [(2, 6), (4, 6), (6, 6)]


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(data, cache, monkeypatch):
    here = said(run(data))
    monkeypatch.setattr(protocols, "predict_portion", hostile.predict_or_die_once)
    assert said(run(data, TWO)) == here
    assert [path.name for path in cache.iterdir()] == ["killed"]


def test_what_was_finished_is_kept_and_taken_up(data, cache, monkeypatch):
    here = said(run(data))
    with monkeypatch.context() as patched:
        patched.setattr(protocols, "predict_portion", hostile.predict_first_and_die)
        kept = [finished(data, cache) for _ in range(2)]
    assert kept[0] == kept[1]
    assert said(run(data, TWO)) == here
    assert list(cache.iterdir()) == []


def finished(data, cache):
    """Which file is left of a run in which all but the first portion kill their workers, and when it was written."""
    with pytest.raises(EngineError, match=r"workers died 3 times .* What was finished is kept"):
        run(data, TWO)
    [kept] = cache.glob("*/*.npz")
    return kept.stat().st_ino, kept.stat().st_mtime_ns


def test_an_interruption_leaves_no_part(data, cache):
    def stop(_):
        assert list(cache.glob("*/*.npz"))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(data, TWO, Watching(stop))
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("end", [None, KeyboardInterrupt, EngineError])
def test_one_that_ends_leaves_what_another_of_the_same_is_still_at(data, cache, end):
    here = said(run(data))
    others = []

    def meanwhile(_):
        if end is not None:
            raise end

    def let_another_run(done):
        if done == 2:
            with pytest.raises(end) if end else nullcontext():
                others.append(said(run(data, TWO, Watching(meanwhile))))

    assert said(run(data, TWO, Watching(let_another_run))) == here
    assert others == ([] if end else [here])
    assert list(cache.iterdir()) == []


@pytest.fixture
def portion(data, tmp_path):
    """The first two models of the protocol, as they go to a worker."""
    owner = find_owner(discover(), "duo_v1")
    table = read_table(data, owner.recipe)
    return Portion(basis_of(owner, table), owner.recipe.protocols[0].scheme, (0, 1), 1, str(tmp_path))


def test_a_worker_with_other_tools_refuses(portion):
    tools = tuple((name, "0.1" if name == "numpy" else version) for name, version in portion.basis.tools)
    with pytest.raises(EngineError, match=r"a worker has .* where numpy is to be 0\.1"):
        predict_portion(replace(portion, basis=replace(portion.basis, tools=tools)))


def test_a_worker_with_another_recipe_refuses(portion):
    with pytest.raises(EngineError, match="a worker has another recipe of duo_v1"):
        predict_portion(replace(portion, basis=replace(portion.basis, recipe="0" * 64)))


def test_a_table_that_was_changed_is_refused_where_it_is_read(portion, data, frame):
    frame.iloc[:-1].to_parquet(data)
    with pytest.raises(TableError, match="was changed while models were trained"):
        predict_portion(portion)


def test_a_worker_that_does_not_see_the_cache_says_so(portion, tmp_path):
    with pytest.raises(EngineError, match=r"a worker cannot write into .*/elsewhere: No such file"):
        predict_portion(replace(portion, folder=str(tmp_path / "elsewhere")))


def test_a_part_that_was_tampered_with_is_not_merged(data, monkeypatch):
    def spoil(portion):
        written = predict_portion(portion)
        return replace(written, sha256="0" * 64)

    monkeypatch.setattr(protocols, "predict_portion", spoil)
    monkeypatch.setattr(protocols, "FITS", 100)
    with pytest.raises(EngineError, match="is not what its worker has written"):
        run(data, Engine(jobs=1))


def test_a_refresh_by_several_publishes_what_one_process_would(tinyai, data, tmp_path):
    published = []
    for name, more in {"one": (), "two": ("--jobs", 2)}.items():
        root = tmp_path / name
        assert tinyai("init", root).code == 0
        ran = tinyai("refresh", "duo_v1", "--table", data, "--registry", root, *more)
        assert ran.code == 0, ran.err
        published.append(root)
    one, two = (json.loads((root / "duo_v1.json").read_text()) for root in published)
    assert two["protocols"] == one["protocols"]
    assert (published[1] / "duo_v1.onnx").read_bytes() == (published[0] / "duo_v1.onnx").read_bytes()


def test_a_file_that_is_none_of_ours_is_named():
    with pytest.raises(EngineError, match=r"x\.npz is broken; remove it"):
        open_predictions(Path("x.npz"), b"PK")


def test_from_the_command_line(tinyai, data):
    words = ("evaluate", "duo_v1", "--table", data, "--protocol", "again", "--json")
    here, apart = (tinyai(*words, *more).json for more in ((), ("--jobs", 2)))
    assert apart["protocols"] == here["protocols"]
