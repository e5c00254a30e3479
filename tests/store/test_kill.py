"""A process may die at any moment; the next command finds one release or the other, whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from harness import (
    ACCOUNT,
    assert_sound,
    contents,
    fast_folder,
    foreign_registry,
    graph,
    killed_everywhere,
    own_registry,
    put,
    recorded,
)

from tinyai_registry.documents import upstream
from tinyai_registry.documents.imported import Facts
from tinyai_registry.documents.index import INDEX
from tinyai_registry.documents.upstream import Claim, Upstream
from tinyai_registry.files import File, sha256_of
from tinyai_registry.onnxfile.graph import read_graph
from tinyai_registry.store import layout
from tinyai_registry.store.publish import publish, record
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.rollback import rollback
from tinyai_registry.workflows import import_model
from tinyai_registry.workflows.migrate import migrate
from tinyai_registry.workflows.migration.repairs import Repairs
from tinyai_registry.workflows.remove import remove
from tinyai_registry.workflows.rename import compose

Action = Callable[[Path], object]


@pytest.fixture
def folder():
    with fast_folder() as name:
        yield Path(name)


def ours(root: Path) -> None:
    own_registry(root)


def foreign(root: Path) -> None:
    foreign_registry(root)


def foreign_refreshed(root: Path) -> None:
    foreign_registry(root)
    put(root, "b", "1")


def often_refreshed(root: Path) -> None:
    foreign_refreshed(root)
    for version in ("2", "3", "4"):
        put(root, "b", version)


def ensemble(root: Path) -> None:
    foreign_registry(root)
    put(root, "b", "1", members=("b_1", "b_2"))


def removed(root: Path) -> None:
    often_refreshed(root)
    remove_b(root)


def publish_b(root: Path) -> None:
    put(root, "b", "new")


def signed(root: Path) -> None:
    """A model of another tool whose graph is signed."""
    foreign_registry(root)
    (root / "b.onnx.sigstore.json").write_text("{}")
    document = json.loads((root / INDEX).read_text())
    document["models"][1]["sigstore_bundle"] = "b.onnx.sigstore.json"
    (root / INDEX).write_text(json.dumps(document))


def import_d(root: Path) -> None:
    """As ``workflows.import_model`` does, but for reading and running the file."""
    data = graph("d of upstream")
    parsed = read_graph(File("d.onnx", data))
    listed = {"path": "d.onnx", "sha256": sha256_of(data), "bytes": len(data), "opset": 17}
    claim = Claim("d", "fr", "MIT", "", Upstream("https://example.org", None, "d.onnx", sha256_of(data)))
    document = upstream.compose(claim, Facts(17, ("x",), ("y",), False, (listed,)))
    publish(root, "d", lambda: import_model.compose(root, document, parsed), ACCOUNT)


def migrate_b(root: Path) -> None:
    """A signed graph stays as it is, so that none is run."""
    done = migrate(root, "b", ACCOUNT, 60.0, dry_run=False, repairs=Repairs({"ISC": "MIT"}))
    assert done.status == "migrated", done.why


def remove_b(root: Path) -> None:
    remove(root, "b", ACCOUNT)


def rename_to_e(root: Path, model: str) -> None:
    """As ``workflows.rename`` does, but for the checks, which would take seconds at each point."""
    record(root, model, ACCOUNT)
    publish(root, "e", lambda: compose(open_registry(root), model, "e"), ACCOUNT)


def rollback_b(root: Path) -> None:
    rollback(root, "b", ACCOUNT)


SCENARIOS: dict[str, tuple[Action, Action]] = {
    "first publish": (ours, publish_b),
    "first publish into a foreign registry": (foreign, lambda root: put(root, "d", "new")),
    "refresh that withdraws": (foreign, publish_b),
    "refresh that drops an old release": (often_refreshed, publish_b),
    "rollback": (often_refreshed, rollback_b),
    "rollback to a foreign release": (foreign_refreshed, rollback_b),
    "rollback to a release of fewer rows": (ensemble, rollback_b),
    "refresh with fewer rows": (ensemble, publish_b),
    "removal of a signed model of another tool": (signed, remove_b),
    "rollback of a removal": (removed, rollback_b),
    "import": (ours, import_d),
    "migration": (signed, migrate_b),
    "removal": (often_refreshed, remove_b),
    "renaming": (ours, lambda root: rename_to_e(root, "a")),
}


def before_and_after(folder: Path, make: Action, act: Action) -> tuple[Path, dict[str, bytes], dict[str, bytes]]:
    """The registry to start from, what it holds, and what it holds when all goes well."""
    start, done = folder / "start", folder / "done"
    make(start)
    shutil.copytree(start, done)
    act(done)
    old, new = contents(start), contents(done)
    assert old != new
    assert_sound(done, new, new, "nobody died")
    return start, old, new


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_killed_at_every_operation_it_is_one_release_or_the_other(folder, tell, scenario):
    make, act = SCENARIOS[scenario]
    start, old, new = before_and_after(folder, make, act)
    roots = killed_everywhere(start, act)
    outcomes = [assert_sound(root, old, new, f"{scenario}, point {nth}") for nth, root in enumerate(roots)]
    tell(f"{scenario}: killed at {len(roots)} points")
    assert len(roots) >= len(recorded(lambda: act(start))) >= 30
    assert outcomes == sorted(outcomes), "once committed, always committed"
    assert {True, False} == set(outcomes)


@pytest.mark.parametrize("committed", [False, True], ids=["before the commit", "after the commit"])
@pytest.mark.parametrize("scenario", ["first publish", "refresh that withdraws", "rollback to a foreign release"])
def test_a_recovery_killed_at_every_operation_is_finished_by_the_next(folder, tell, scenario, committed):
    make, act = SCENARIOS[scenario]
    start, old, new = before_and_after(folder, make, act)
    died = near_the_commit(start, folder / "done", act, committed=committed)
    roots = killed_everywhere(died, recover)
    expected = new if committed else old
    for nth, root in enumerate(roots):
        assert_sound(root, expected, expected, f"{scenario}, point {nth}")
    when = "after" if committed else "before"
    tell(f"recovery of a {scenario} that died {when} its commit: killed at {len(roots)} points")
    assert len(roots) >= 12


def near_the_commit(start: Path, done: Path, act: Action, *, committed: bool) -> Path:
    """A registry in which a process died right after the act that commits, or right before it."""
    last = layout.entry_numbers(done, "b")[-1]
    roots = killed_everywhere(start, act)
    after = next(nth for nth, root in enumerate(roots) if last in layout.entry_numbers(root, "b"))
    return roots[after if committed else after - 1].rename(start.with_name("died"))
