"""Going back: to the release before, further back, to one that is named; also to one of another tool."""

from __future__ import annotations

from pathlib import Path

import onnx
import pytest
from harness import ACCOUNT, assert_tidy, contents, digest, faults, foreign_registry, put

from tinyai_registry.documents import strict_json
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import RegistryError
from tinyai_registry.files import sha256_of as digest_of
from tinyai_registry.release import Release
from tinyai_registry.store import layout, log
from tinyai_registry.store.publish import KEPT_RELEASES, publish
from tinyai_registry.store.registry import open_registry
from tinyai_registry.store.rollback import rollback


@pytest.fixture
def root(tmp_path) -> Path:
    """``b`` between two others, of another tool."""
    folder = tmp_path / "registry"
    foreign_registry(folder)
    return folder


def version(root: Path) -> str:
    return str(onnx.load_model(root / "b.onnx", load_external_data=False).producer_version).rpartition(" ")[2]


def objects(root: Path) -> set[str]:
    return {path.name for path in layout.object_folder(root, "b").iterdir()}


def test_a_second_rollback_goes_further_back(root):
    for each in ("1", "2", "3"):
        put(root, "b", each)
    for expected in ("2", "1"):
        rollback(root, "b", ACCOUNT)
        assert version(root) == expected
        assert faults(root) == []
    assert [(e.action, e.restores) for e in log.entries(root, "b")][-2:] == [("rollback", 3), ("rollback", 2)]


def test_after_a_rollback_a_refresh_goes_on_from_there(root):
    put(root, "b", "1")
    put(root, "b", "2")
    rollback(root, "b", ACCOUNT)
    put(root, "b", "3")
    rollback(root, "b", ACCOUNT)
    assert faults(root) == []
    assert version(root) == "1"  # what was registered before 3, and not 2, which was taken back


def test_a_foreign_release_comes_back_with_its_data_its_twin_and_its_keys(root):
    before = contents(root)
    put(root, "b", "1")
    assert not {"b.onnx.data", "b.int8.onnx"} & set(contents(root))
    assert "int8_sha256" not in open_registry(root).row("b")
    rollback(root, "b", ACCOUNT)
    after = contents(root)
    index = [strict_json.loads(each.pop(INDEX), INDEX) for each in (before, after)]
    assert after == before
    assert index[0] == index[1]
    assert faults(root) == []


def test_keys_that_others_have_set_meanwhile_survive_a_rollback(root):
    put(root, "b", "1")
    document = strict_json.read(root / INDEX)
    document["models"][1]["license_url"] = "https://example.org/corrected"
    (root / INDEX).write_text(strict_json.dumps(document))
    rollback(root, "b", ACCOUNT)
    assert open_registry(root).row("b")["license_url"] == "https://example.org/corrected"
    assert faults(root) == []


def test_rows_and_files_of_members_go_with_the_release_and_come_back_with_it(root):
    put(root, "b", "1")
    before = contents(root)
    put(root, "b", "2", members=("b_1", "b_2"))
    after = contents(root)
    assert [row["id"] for row in open_registry(root).rows] == ["a", "b", "b_1", "b_2", "c"]
    rollback(root, "b", ACCOUNT)
    assert contents(root) == before
    assert set(log.head(root, "b").withdrawn_rows) == {"b_1", "b_2"}
    assert faults(root) == []
    rollback(root, "b", ACCOUNT, to=digest_of(after["b.onnx"]))
    assert contents(root) == after
    put(root, "b", "3", members=("b_2",))
    assert [row["id"] for row in open_registry(root).rows] == ["a", "b", "b_2", "c"]
    assert not list(root.glob("b_1*"))
    assert faults(root) == []


def test_a_model_that_was_removed_does_not_come_back_over_a_file_that_is_another_models_now(root):
    put(root, "b", "1")
    publish(root, "b", lambda: Release("b", {}, ()), ACCOUNT)
    document = strict_json.read(root / INDEX)
    (root / "b.onnx").write_bytes(b"another model's")
    document["models"].append({"id": "other", "kind": "fr", "onnx": "b.onnx", "sha256": digest(root / "b.onnx")})
    (root / INDEX).write_text(strict_json.dumps(document))
    before = contents(root)
    with pytest.raises(RegistryError, match=r"claims b\.onnx, which belongs to another model; nothing was published"):
        rollback(root, "b", ACCOUNT)
    assert contents(root) == before
    assert log.head(root, "b").is_removal


def test_a_member_that_has_a_history_of_its_own_or_was_registered_anew_stays(root):
    put(root, "b", "1")
    put(root, "b_1", "1")
    put(root, "b", "1", members=("b_1", "b_2", "b_3"))
    document = strict_json.read(root / INDEX)
    anew = next(row for row in document["models"] if row["id"] == "b_2")
    (root / "b_2.onnx").write_bytes(b"another tool's")
    anew["sha256"] = digest(root / "b_2.onnx")
    (root / INDEX).write_text(strict_json.dumps(document))
    rollback(root, "b", ACCOUNT)
    assert [row["id"] for row in open_registry(root).rows] == ["a", "b", "b_1", "b_2", "c"]
    assert {path.name for path in root.glob("b_*.onnx")} >= {"b_1.onnx", "b_2.onnx"}
    assert not list(root.glob("b_3*"))


def test_to_a_digest_or_its_beginning(root):
    put(root, "b", "1")
    first = digest(root / "b.onnx")
    put(root, "b", "2")
    put(root, "b", "3")
    rollback(root, "b", ACCOUNT, to=first[:12])
    assert version(root) == "1"
    assert digest(root / "b.onnx") == first


def test_an_unknown_digest_is_refused_with_the_remedy(root, digests):
    put(root, "b", "1")
    before = digests(root)
    with pytest.raises(RegistryError, match=r"b has no release whose ONNX has the digest 0{64}; see `tinyai log b`"):
        rollback(root, "b", ACCOUNT, to="0" * 64)
    assert digests(root) == before


def test_without_a_history_or_a_release_before_there_is_nothing_to_go_back_to(root):
    with pytest.raises(RegistryError, match="no history of 'b'"):
        rollback(root, "b", ACCOUNT)
    put(root, "n", "1")
    with pytest.raises(RegistryError, match="no release before the registered one"):
        rollback(root, "n", ACCOUNT)


def test_the_last_three_releases_are_kept_and_an_older_one_says_that_it_was_pruned(root, digests):
    first = digest(root / "b.onnx")
    for each in ("1", "2", "3", "4"):
        put(root, "b", each)
    kept = [e for e in log.entries(root, "b") if e.is_release][-KEPT_RELEASES:]
    assert objects(root) == {sha256 for entry in kept for sha256 in entry.files.values()}
    before = digests(root)
    with pytest.raises(RegistryError, match="pruned"):
        rollback(root, "b", ACCOUNT, to=first)
    assert digests(root) == before
    assert faults(root) == []


def test_prune_drops_what_came_back_into_the_store_and_keeps_the_last_three(root, tinyai):
    for each in ("1", "2", "3", "4"):
        put(root, "b", each)
    old = next(iter(log.entries(root, "b")[0].files.values()))
    kept = objects(root)
    layout.object_file(root, "b", old).write_bytes(b"from a backup")
    assert tinyai("prune", "--registry", root, "--json").json == {"dropped": {"b": [old]}}
    assert objects(root) == kept
    rollback(root, "b", ACCOUNT)
    rollback(root, "b", ACCOUNT)
    assert version(root) == "2"


def test_no_file_is_a_hard_link(root):
    for each in ("1", "2"):
        put(root, "b", each)
    rollback(root, "b", ACCOUNT)
    assert_tidy(root, "after three publishes")  # counts the links of every file, the log's included
    (root / "b.onnx").write_bytes(b"overwritten in place")
    put(root, "b", "2")
    assert version(root) == "2"
    assert faults(root) == []


def test_the_command_says_which_entry_was_restored(root, tinyai):
    put(root, "b", "1")
    put(root, "b", "2")
    done = tinyai("rollback", "b", "--registry", root, "--reason", "It hears nothing.", "--json")
    assert done.code == 0
    assert done.json["restores"] == 2
    assert log.head(root, "b").account.reason == "It hears nothing."
    assert version(root) == "1"
    refused = tinyai("rollback", "b", "--registry", root, "--to", "f" * 64)
    assert refused.code == 2
    assert len(refused.err.splitlines()) == 1


@pytest.mark.parametrize("model", ["../b", "/b", "a/b", "..", ""])
def test_what_is_no_id_makes_no_folder_anywhere(root, model):
    before = sorted(root.parent.rglob("*"))
    with pytest.raises(RegistryError, match="is no id of a model"):
        rollback(root, model, ACCOUNT)
    made = [path for path in root.parent.rglob("*") if path not in before]
    assert all(path.is_relative_to(root / layout.FOLDER) for path in made)
    assert layout.workplaces(root) == []


def test_a_digest_that_begins_several_releases_is_refused_as_git_does(root):
    for each in ("1", "2", "3"):
        put(root, "b", each)
    before = contents(root)
    shared = ""  # the beginning of every digest
    with pytest.raises(RegistryError, match="is ambiguous"):
        rollback(root, "b", ACCOUNT, to=shared)
    assert contents(root) == before
    whole = log.entries(root, "b")[1].rows[0]["sha256"]
    rollback(root, "b", ACCOUNT, to=whole)
    assert version(root) == "1"


def test_of_releases_with_the_same_graph_the_last_is_meant(root):
    put(root, "b", "1")
    once = log.entries(root, "b")[-1]
    again = Release("b", {**_files(root, once), "b.md": b"# b, described anew\n"}, once.rows)
    publish(root, "b", lambda: again, ACCOUNT)
    put(root, "b", "2")
    rollback(root, "b", ACCOUNT, to=once.rows[0]["sha256"])
    assert (root / "b.md").read_bytes() == b"# b, described anew\n"


def _files(root: Path, entry: log.Entry) -> dict[str, bytes]:
    return {name: (root / name).read_bytes() for name in entry.files}
