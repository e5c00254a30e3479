"""Many writers at once lose nothing, and readers see whole releases all the time; also where the lock lies."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest
from harness import assert_tidy, fast_folder, foreign_row, forked, put, waited

from tinyai_registry.checks.files import Folder
from tinyai_registry.documents import strict_json
from tinyai_registry.store import audit, log, publish, turn
from tinyai_registry.store.registry import INDEX, open_registry
from tinyai_registry.store.snapshot import read_release
from tinyai_registry.validate import validate

ROUNDS = 20
MODELS = 16  # written by one process each
SAME = 8  # processes that write one and the same
PATIENCE = 60.0


class NoLock:
    """A lock that lies, as on some network file systems."""

    def __init__(self, *args: object) -> None:
        pass

    def acquire(self, timeout: float) -> None:
        pass

    def release(self) -> None:
        pass


pytestmark = pytest.mark.stress


@pytest.fixture(params=["filelock", "no lock"])
def lies(request, monkeypatch) -> bool:
    if request.param == "no lock":
        monkeypatch.setattr(turn, "FileLock", NoLock)
    return request.param == "no lock"


@pytest.fixture
def root():
    """A registry of ours with a model of another tool."""
    with fast_folder() as name:
        folder = Path(name) / "registry"
        publish.init(folder)
        rows = [foreign_row(folder, "foreign")]
        (folder / INDEX).write_text(strict_json.dumps({"models": rows, "schema_version": 0}))
        yield folder


def write(root: Path, model: str, writer: int) -> None:
    for number in range(ROUNDS):
        put(root, model, f"{number} of {writer}", PATIENCE)


def read(root: Path, stop: Path, said: Path, *, rows_stay: bool) -> None:
    """Poll until told to stop; whatever is not as it should be is an error. Says how often it looked."""
    reads, seen = 0, set()
    while not stop.exists():
        ids = [row["id"] for row in open_registry(root).rows]
        assert len(ids) == len(set(ids)), f"doubled: {ids}"
        # Without a lock, a row may be missing for as long as it takes the writer who lost it to look again.
        assert not rows_stay or seen <= set(ids), f"lost: {seen - set(ids)}"
        seen |= set(ids)
        for model in seen:
            snapshot = read_release(root, model, PATIENCE)
            if model != "foreign":
                assert snapshot.sidecar["sha256"] == snapshot.row["sha256"]
                assert snapshot.sidecar["notes"] == snapshot.row["notes"]
            reads += 1
    said.write_text(str(reads))


def test_nothing_is_lost_and_readers_see_whole_releases(root, lies, tell):
    stop, said = root.parent / "stop", [root.parent / f"reader-{n}" for n in range(2)]
    start = time.perf_counter()
    readers = [forked(lambda path=path: read(root, stop, path, rows_stay=not lies)) for path in said]
    jobs = [(f"m{n:02}", n) for n in range(MODELS)] + [("same", n) for n in range(SAME)]
    writers = [forked(lambda job=job: write(root, *job)) for job in jobs]
    codes = [waited(child) for child in writers]
    stop.touch()
    assert [waited(child) for child in readers] == [0, 0]
    assert codes == [0] * len(jobs)

    assert validate(root) == []
    assert_tidy(root, "at the end")
    ids = [row["id"] for row in open_registry(root).rows]
    assert ids == sorted(["foreign", "same", *(f"m{n:02}" for n in range(MODELS))])
    published = Counter(
        e.model for model in log.models(root) for e in log.entries(root, model) if e.action == "publish"
    )
    assert published == {"same": SAME * ROUNDS, **{f"m{n:02}": ROUNDS for n in range(MODELS)}}
    assert all(not list(audit.breaks(Folder(root), model)) for model in log.models(root))
    looks, seconds = " + ".join(path.read_text() for path in said), time.perf_counter() - start
    lock = "no lock" if lies else "with a lock"
    tell(f"{len(jobs)} writers, {ROUNDS} rounds, {lock}: {published.total()} publishes, {looks} reads, {seconds:.1f} s")
