"""The same work through ``dask.distributed``, on a real cluster of processes."""

from __future__ import annotations

import threading
import time

import pytest
import work

from tinyai_registry.errors import EngineError
from tinyai_registry.tables import build as building
from tinyai_registry.workflows.workers import cluster
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import ATTEMPTS, carry_out

distributed = pytest.importorskip("distributed")

# What a cluster does while it comes up and goes down is its own business.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def engine(cluster) -> Engine:
    return Engine("dask", scheduler=cluster.scheduler_address)


def test_the_same_logs_give_the_same_bytes(build, write_logs, cluster):
    manifest = write_logs(80)
    here, _, _ = build(manifest, output="here.parquet")
    dask, _, _ = build(manifest, "--engine", "dask", "--scheduler", cluster.scheduler_address, output="dask.parquet")
    assert dask.read_bytes() == here.read_bytes()


def test_a_worker_that_is_killed_in_the_middle_changes_nothing(build, write_logs, cluster, tmp_path, monkeypatch):
    manifest = write_logs(80)
    here, _, _ = build(manifest, output="here.parquet")
    monkeypatch.setattr(building, "write_part", work.write_part_and_die_once)
    words = ("--engine", "dask", "--scheduler", cluster.scheduler_address)
    dask, _, _ = build(manifest, *words, output="dask.parquet")
    assert (tmp_path / "killed").exists()
    assert dask.read_bytes() == here.read_bytes()


def test_results_come_in_the_order_of_the_items(engine):
    told: list[int] = []
    assert carry_out(engine, work.square, range(20), told.append) == [n * n for n in range(20)]
    assert told == list(range(1, 21))


def test_what_the_work_raises_is_raised(engine):
    with pytest.raises(ValueError, match="two"):
        carry_out(engine, work.fail, range(5), lambda _: None)


def test_work_whose_worker_dies_is_done_again(engine, tmp_path):
    places = [tmp_path / name for name in ("a", "b", "dies", "c")]
    assert carry_out(engine, work.die_once, places, lambda _: None) == ["a", "b", "dies", "c"]


def test_work_that_kills_its_workers_each_time_is_given_up(engine):
    with pytest.raises(EngineError, match=f"workers died {ATTEMPTS} times at the same part of the work, 0 of 1"):
        carry_out(engine, work.die, [1], lambda _: None)


def test_what_kills_its_workers_each_time_can_be_left_to_the_caller(engine):
    done = carry_out(engine, work.die_of_two, range(4), lambda _: None, lost=lambda item: -item)
    assert done == [0, 1, -2, 3]


def test_a_cluster_of_our_own_comes_and_goes(tmp_path):
    assert carry_out(Engine("dask", jobs=1), work.square, [1, 2, 3], lambda _: None) == [1, 4, 9]


def test_a_scheduler_that_was_never_there_is_one_line(tinyai, write_logs, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE", 0.5)
    output = tmp_path / "t.parquet"
    words = ("--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    ran = tinyai("table", "build", "--manifest", write_logs(3), "-o", output, *words)
    assert ran.code == 2
    assert ran.err.startswith("tinyai: no scheduler answers at tcp://127.0.0.1:9; ")
    assert len(ran.err.splitlines()) == 1
    assert not output.exists()


@pytest.mark.parametrize("scheduler", ["nonsense", "", "tcp://", "tcp://host", "host:port"])
def test_what_is_no_address_of_a_scheduler_is_refused_at_once(tinyai, write_logs, tmp_path, scheduler):
    words = ("--engine", "dask", "--scheduler", scheduler)
    ran = tinyai("table", "build", "--manifest", write_logs(2), "-o", tmp_path / "t.parquet", *words)
    assert ran.code == 2
    assert ran.err == f"tinyai: --scheduler {scheduler!r} is no address; write HOST:PORT or tcp://HOST:PORT\n"


def test_a_scheduler_that_goes_away_is_said_and_what_was_finished_is_kept(monkeypatch):
    scheduler = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", silence_logs=50
    )
    told: list[int] = []

    def tell(done: int) -> None:
        told.append(done)
        if done == 1:
            threading.Thread(target=scheduler.close, daemon=True).start()

    start = time.monotonic()
    with pytest.raises(EngineError, match=r"the scheduler at .* went away; what was finished is kept"):
        carry_out(Engine("dask", scheduler=scheduler.scheduler_address), work.sleep, [0.0, 20.0, 20.0], tell)
    assert told[:1] == [1]
    assert time.monotonic() - start < 19
