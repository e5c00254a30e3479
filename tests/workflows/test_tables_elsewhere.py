"""A worker on another machine does not see the copy that was made here of a table behind a URL: it fetches its own."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import hostile
import pytest

from tinyai_registry import Protocol, RepeatedHoldout
from tinyai_registry.documents.config import TableSetting
from tinyai_registry.documents.url import UrlError
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.table import read_table
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.plugins.owner import find_owner
from tinyai_registry.release import Candidate
from tinyai_registry.workflows.judging import protocols
from tinyai_registry.workflows.judging.portion import Portion, basis_of, predict_portion
from tinyai_registry.workflows.judging.protocols import evaluate_protocols
from tinyai_registry.workflows.refreshing.starting_point import Request
from tinyai_registry.workflows.refreshing.task import Failure, Task, work_on
from tinyai_registry.workflows.workers.engine import Engine

fsspec = pytest.importorskip("fsspec")

AGAIN = Protocol("again", RepeatedHoldout(2, test=0.3))


@pytest.fixture
def behind(tmp_path):
    """Puts a file behind a URL that says who may read it; returns the URL, and how it is told of."""
    memory = fsspec.filesystem("memory")

    def put(path: Path) -> tuple[str, str]:
        place = f"{tmp_path.name}/{path.name}"
        memory.pipe(f"/me:word@{place}", path.read_bytes())
        return f"memory://me:word@{place}", f"memory://{place}"

    yield put
    memory.store.clear()


@pytest.fixture
def owner(duo, installed, monkeypatch):
    monkeypatch.setenv("TINYAI_BLOCK_PLUGINS", installed)
    return find_owner(discover(), "duo_v1")


def elsewhere(data):
    """As a machine has it that does not see our files."""
    return data.moved(lambda path: path.parent / "elsewhere" / path.name if path in data.urls else path)


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder for temporary files, of its own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def portion_of(owner, tmp_path):
    """The portion of a protocol that a machine elsewhere gets of a table."""

    def cut(data) -> Portion:
        basis = basis_of(owner, read_table(data, owner.recipe))
        return Portion(replace(basis, data=elsewhere(basis.data)), AGAIN.scheme, (0, 1, 2), 1, str(tmp_path))

    return cut


def test_a_portion_is_the_same_and_no_copy_is_left(portion_of, frame, write_table, behind, tmp_path, temporary):
    path = write_table(frame)
    here = predict_portion(portion_of(TableSetting(str(path)).fetch()))
    (tmp_path / here.file).unlink()
    there = portion_of(TableSetting(behind(path)[0]).fetch())
    before = sorted(temporary.rglob("*"))
    assert predict_portion(there) == here
    assert sorted(temporary.rglob("*")) == before


def test_of_several_files_those_are_fetched_that_are_not_seen(portion_of, frame, write_table, behind, tmp_path):
    sources = sorted(frame.source.unique())
    rows = {"a": frame[frame.source.isin(sources[:6])], "b": frame[frame.source.isin(sources[6:])]}
    paths = {name: write_table(each.reset_index(drop=True), f"{name}.parquet") for name, each in rows.items()}
    here = predict_portion(portion_of(TableSetting({name: str(path) for name, path in paths.items()}).fetch()))
    (tmp_path / here.file).unlink()
    there = {"a": str(paths["a"]), "b": behind(paths["b"])[0]}
    assert predict_portion(portion_of(TableSetting(there).fetch())) == here


def test_other_bytes_behind_the_url_are_refused_where_they_are_read(portion_of, frame, write_table, behind):
    url, told = behind(write_table(frame))
    there = portion_of(TableSetting(url).fetch())
    behind(write_table(frame.iloc[:-1]))
    with pytest.raises(TableError) as refused:
        predict_portion(there)
    assert str(refused.value) == (f"{told} was changed while models were trained, or a worker sees another; try again")


def test_where_nothing_is_any_more_is_one_line(portion_of, frame, write_table, behind):
    url, told = behind(write_table(frame))
    there = portion_of(TableSetting(url).fetch())
    assert "word" not in repr(there)
    fsspec.filesystem("memory").store.clear()
    with pytest.raises(UrlError) as refused:
        predict_portion(there)
    assert str(refused.value) == f"{told} cannot be fetched: it is not there"


def test_workers_of_dask_fetch_it(owner, frame, write_table, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    table = read_table(TableSetting(write_table(frame).as_uri()).fetch(), owner.recipe)
    [here] = evaluate_protocols(owner, table, [AGAIN], Progress())
    monkeypatch.setattr(protocols, "predict_portion", hostile.predict_elsewhere)
    [there] = evaluate_protocols(owner, table, [AGAIN], Progress(), Engine("dask", jobs=1))
    assert there.evaluation.predictions_sha256 == here.evaluation.predictions_sha256


def test_a_model_is_made_from_it_and_other_bytes_are_refused(owner, registry, frame, write_table, behind):
    path = write_table(frame)
    url, told = behind(path)
    data = TableSetting(url).fetch()
    sha256 = read_table(data, owner.recipe).fingerprint.sha256
    plugin = owner.plugin.distribution, owner.plugin.version
    request = Request(registry, path, "tinyai refresh duo_v1", sha256=sha256)
    task = Task(owner.recipe, request, plugin, (), (), None, None, 1)
    there = replace(task, request=replace(request, table=elsewhere(data)))
    made, same = work_on(task), work_on(there)
    assert isinstance(made, Candidate)
    assert isinstance(same, Candidate)
    assert [each.data for each in same.artifacts] == [each.data for each in made.artifacts]
    assert same.judgement.table == made.judgement.table
    behind(write_table(frame.iloc[:-1]))
    refused = work_on(there)
    assert refused == Failure(
        f"the table {told} is not the file that it was, or another one lies there; refresh again", 2
    )
