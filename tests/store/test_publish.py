"""A release goes in whole or not at all: what is written where, in which order, and what stops it."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from harness import (
    ACCOUNT,
    Op,
    assert_sound,
    assert_tidy,
    change,
    contents,
    digest,
    fast_folder,
    faults,
    files_of_release,
    foreign_registry,
    graph,
    killed_at,
    put,
    recorded,
    watched,
)

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import PublishError, RegistryBusyError, RegistryError
from tinyai_registry.release import Release
from tinyai_registry.store import durable, layout, log, publish, turn
from tinyai_registry.store.recovery import recover
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.rollback import rollback

WITHDRAWN = ("b.onnx.data", "b.int8.onnx")


@pytest.fixture
def root():
    """``b`` between two others, of another tool."""
    with fast_folder() as name:
        folder = Path(name) / "registry"
        foreign_registry(folder)
        yield folder


def test_a_release_replaces_the_one_before_and_withdraws_what_it_makes_untrue(root):
    before = contents(root)
    put(root, "b", "1")
    after = contents(root)
    assert {name: data for name, data in after.items() if name.startswith("b.")} == files_of_release("b", "1")
    others = {name for name in before if name[:2] in {"a.", "c."}}
    assert {name: after[name] for name in others} == {name: before[name] for name in others}
    assert faults(root) == []


def test_keys_of_the_row_that_we_have_never_heard_of_survive_and_those_of_the_twin_go(root):
    before = open_registry(root)
    put(root, "b", "1")
    after = open_registry(root)
    assert after.row("b")["x_house_key"] == [1, 2]
    assert after.row("b")["license"] == "ISC"
    assert not {"int8_sha256", "quant_mode"} & set(after.row("b"))
    assert [list(after.row(m).items()) for m in "ac"] == [list(before.row(m).items()) for m in "ac"]


def test_files_appear_before_the_row_that_makes_them_count_and_withdrawals_come_last(root):
    ops = recorded(lambda: put(root, "b", "1"))
    moved = [(op.path, op.target) for op in ops if op.kind == "replace"]
    named = [path.name for paths in moved for path in paths if path.parent == root and path.name != ".gitattributes"]
    assert named == [*files_of_release("b", "1"), INDEX, *WITHDRAWN]


def test_all_is_in_the_store_before_the_commit_and_no_fixed_name_is_touched_before(root):
    ops = recorded(lambda: put(root, "b", "1"))
    commit = max(n for n, op in enumerate(ops) if op.kind == "link")
    stored = {op.target.name for op in ops[:commit] if op.kind == "replace"}
    assert set(log.head(root, "b").files.values()) <= stored
    assert not [op for op in ops[:commit] if is_fixed(root, op)]


def is_fixed(root: Path, op: Op) -> bool:
    """Whether ``op`` changes something in the registry folder beside the store, and beside what git reads."""
    where = op.target or op.path
    return op.kind != "fsync" and where.name != ".gitattributes" and layout.FOLDER not in where.relative_to(root).parts


@pytest.mark.parametrize("versions", [("1",), ("1", "2"), ("1", "2", None)], ids=["adopted", "refreshed", "taken back"])
def test_a_program_that_reads_without_us_never_sees_a_wrong_pair_that_matches(root, versions):
    """What another program does: it holds the graph against the row, and believes the sidecar beside it."""
    seen = set()

    def look(_: Op, perform):
        done = perform()
        sidecar, row = strict_json.read(root / "b.json"), strict_json.read(root / INDEX)["models"][1]
        if digest(root / "b.onnx") == row["sha256"]:
            # The sidecar of the other tool names no digest.
            assert sidecar.get("sha256", digest_before) == row["sha256"]
            seen.add(row["sha256"])
        return done

    digest_before = open_registry(root).row("b")["sha256"]
    for version in versions:
        with watched(look):
            put(root, "b", version) if version else rollback(root, "b", ACCOUNT)
    assert len(seen) == len(set(versions) - {None}) + 1


def test_an_interrupt_at_any_operation_is_passed_on_and_leaves_one_release(root):
    start, done = root.with_name("start"), root.with_name("done")
    shutil.copytree(root, start)
    shutil.copytree(root, done)
    put(done, "b", "1")
    old, new = contents(start), contents(done)
    for nth in range(len(recorded(lambda: put(root, "b", "1")))):
        shutil.rmtree(root)
        shutil.copytree(start, root)
        with pytest.raises(KeyboardInterrupt), watched(Interrupting(nth)):
            put(root, "b", "1")
        assert contents(root) in (old, new), f"operation {nth}"
        assert_sound(root, old, new, f"operation {nth}")


class Interrupting:
    """Control-C at the operation ``nth``."""

    def __init__(self, nth: int) -> None:
        self.left = nth

    def __call__(self, _: Op, perform):
        self.left -= 1
        if self.left == -1:
            raise KeyboardInterrupt
        return perform()


def test_what_is_read_back_wrong_is_not_published(root, monkeypatch):
    before = contents(root)
    real = durable.read_bytes
    wanted = log.sha256_of(files_of_release("b", "1")["b.plain.onnx"])
    monkeypatch.setattr(
        durable, "read_bytes", lambda path, limit: real(path, limit)[: -1 if path.name == wanted else None]
    )
    with pytest.raises(PublishError, match="is not what is read back; the registry is unchanged"):
        put(root, "b", "1")
    monkeypatch.undo()
    assert contents(root) == before
    assert_tidy(root, "read back wrong")


@pytest.mark.parametrize(
    "name", ["../stray.onnx", "../../../stray.onnx", "b/../../../../stray.onnx", "{root}/../s.onnx"]
)
@pytest.mark.parametrize("how", ["written", "withdrawn"])
def test_a_release_cannot_reach_outside_the_folder(root, digests, name, how):
    name = name.format(root=root)

    def make() -> Release:
        made = change(root, "b", "1")
        more = {"files": {**made.files, name: b"stray"}} if how == "written" else {"withdrawn": (name,)}
        return replace(made, **more)

    before = contents(root.parent)
    with pytest.raises(RegistryError, match="is no file inside the registry folder"):
        publish.publish(root, "b", make, ACCOUNT)
    assert contents(root.parent) == before
    assert log.head(root, "b") is None


def test_a_neighbour_that_came_or_changed_meanwhile_survives(root):
    def make() -> Release:
        made = change(root, "b", "1")
        document = strict_json.read(root / INDEX)
        document["models"][0]["license"] = "Zlib"
        document["house"] = "ours"
        (root / INDEX).write_text(strict_json.dumps(document))
        return made

    publish.publish(root, "b", make, ACCOUNT)
    assert open_registry(root).row("a")["license"] == "Zlib"
    assert open_registry(root).document["house"] == "ours"


def test_a_lost_race_makes_the_release_again_from_what_the_other_published(root, monkeypatch):
    made = []

    class NoLock:
        def __init__(self, *_: object, **__: object) -> None: ...
        def acquire(self, timeout: float) -> None: ...
        def release(self) -> None: ...

    monkeypatch.setattr(turn, "FileLock", NoLock)

    def make() -> Release:
        made.append(open_registry(root).row("b")["notes"] if len(made) else None)
        mine = change(root, "b", "mine")
        if len(made) == 1:
            put(root, "b", "theirs")
        return mine

    publish.publish(root, "b", make, ACCOUNT)
    assert made == [None, "b, version theirs"]
    assert [entry.action for entry in log.entries(root, "b")] == ["adopt", "publish", "publish"]
    assert (root / "b.onnx").read_bytes() == graph("b mine")
    assert faults(root) == []
    assert_tidy(root, "a lost race")


@pytest.mark.parametrize(
    ("sidecar", "reason"),
    [('{"kind": "fr"}', "registered by another tool"), ('{"schema_version": 1}', "published before there was a log")],
)
def test_what_was_there_before_the_log_becomes_its_first_entry_and_says_whose_it_was(root, sidecar, reason):
    (root / "b.json").write_text(sidecar)
    put(root, "b", "1")
    adopted = log.entries(root, "b")[0]
    assert (adopted.action, adopted.account.reason) == ("adopt", reason)


def test_a_writer_that_waits_too_long_says_so(root):
    put(root, "b", "1")
    with turn.take_turn(root, "a"), pytest.raises(RegistryBusyError, match=r"busy for 0\.1 seconds; try again"):
        put(root, "b", "2", patience=0.1)
    assert faults(root) == []


def test_where_the_folder_cannot_be_mended_a_writer_says_what_to_do(root, tinyai, monkeypatch):
    put(root, "b", "1")
    killed_at(30, lambda: put(root, "b", "2"))
    assert layout.workplaces(root)

    def denied(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(durable.os, "mkdir", denied)
        said = tinyai("rollback", "b", "--registry", root)
    assert said.code == 5
    assert "`tinyai recover`" in said.err
    assert tinyai("recover", root, "--json").json == {"recovered": ["b"], "stuck": {}}
    assert tinyai("recover", root, "--json").json == {"recovered": [], "stuck": {}}
    assert_tidy(root, "recovered")


def test_an_init_killed_at_any_operation_can_be_made_again(root, tell):
    for nth in range(1000):
        fresh = root.with_name(f"fresh-{nth}")
        if not killed_at(nth, lambda fresh=fresh: publish.init(fresh)):
            break
        if not (fresh / INDEX).exists():
            publish.init(fresh)
        recover(fresh)
        assert faults(fresh) == []
        assert_tidy(fresh, f"point {nth}")
    tell(f"init: killed at {nth} points")
    assert nth >= 10
