"""A registry is held against a commit: what it takes back is named, what git cannot say is an error."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest
import victim

from tinyai_registry.errors import RegistryError
from tinyai_registry.release import Account, Release
from tinyai_registry.store.publish import publish
from tinyai_registry.trust.base import read_base
from tinyai_registry.trust.growth import find_withdrawals

ACCOUNT = Account("2026-02-02T03:04:05Z", "Ada")


@pytest.fixture
def logged(tmp_path):
    root = victim.build_logged(tmp_path / "project" / "registry")
    victim.commit(root)
    return root


@pytest.fixture(autouse=True)
def project(tmp_path):
    (tmp_path / "project").mkdir()


def told(found):
    return [(each.rule.code, each.message) for each in found]


def release(root, **more):
    files = {name: (root / name).read_bytes() for name in (f"fr_regressor_v1.{end}" for end in ("onnx", "json", "md"))}
    rows = json.loads((root / victim.INDEX).read_bytes())["models"]
    return Release("fr_regressor_v1", files, tuple(rows), **more)


def test_nothing_was_taken_back_where_nothing_changed(logged):
    assert find_withdrawals(logged, "HEAD") == []


def test_a_publish_is_growth(logged):
    publish(logged, "fr_regressor_v1", lambda: release(logged), ACCOUNT)
    assert find_withdrawals(logged, "HEAD") == []


def test_a_log_that_begins_with_what_was_there_is_growth(tmp_path):
    """A first refresh of what somebody registered by hand adopts it."""
    root = victim.build(tmp_path / "project" / "registry")
    victim.commit(root)
    publish(root, "tiny_v1", lambda: _tiny(root), ACCOUNT)
    assert told(find_withdrawals(root, "HEAD")) == []


def test_a_log_that_begins_with_something_else_is_told(tmp_path):
    root = victim.build(tmp_path / "project" / "registry")
    victim.commit(root)
    (root / "tiny_v1.json").write_text((root / "tiny_v1.json").read_text().replace("0.5", "0.75"))
    publish(root, "tiny_v1", lambda: _tiny(root), ACCOUNT)
    [(code, message)] = told(find_withdrawals(root, "HEAD"))
    assert code == "TAI624"
    assert "its log begins with a tiny_v1.json that HEAD does not have" in message


def _tiny(root):
    names = ("tiny_v1.onnx", "tiny_v1.int8.onnx", "tiny_v1.json")
    [row] = [each for each in json.loads((root / victim.INDEX).read_bytes())["models"] if each["id"] == "tiny_v1"]
    return Release("tiny_v1", {name: (root / name).read_bytes() for name in names}, (row,))


def test_a_member_that_its_ensemble_withdraws_in_an_entry_may_go(tmp_path):
    root = victim.build(tmp_path / "project" / "registry")
    index = json.loads((root / victim.INDEX).read_bytes())
    rows = tuple(each for each in index["models"] if each["id"].startswith("pair_v1"))
    names = [f"{row['id']}{end}" for row in rows for end in (".onnx", ".json")]
    whole = {name: (root / name).read_bytes() for name in names}
    publish(root, "pair_v1", lambda: Release("pair_v1", whole, rows), ACCOUNT)
    victim.commit(root)
    fewer = {name: data for name, data in whole.items() if not name.startswith("pair_v1_s1")}
    publish(root, "pair_v1", lambda: Release("pair_v1", fewer, rows[:-1]), ACCOUNT)
    assert told(find_withdrawals(root, "HEAD")) == []


def test_what_a_base_keeps_in_lfs_has_the_digest_that_its_pointer_names(tmp_path):
    root = victim.build(tmp_path / "project" / "registry")
    data = (root / "tiny_v1.onnx").read_bytes()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{victim.sha256_of(data)}\nsize {len(data)}\n"
    (root / "tiny_v1.onnx").write_text(pointer)
    victim.commit(root)
    (root / "tiny_v1.onnx").write_bytes(data)
    assert told(find_withdrawals(root, "HEAD")) == []


def test_a_commit_without_the_registry_has_nothing_to_lose(logged, tmp_path):
    moved = shutil.move(logged, tmp_path / "project" / "elsewhere")
    found = find_withdrawals(moved, "HEAD")
    assert {code for code, _ in told(found)} <= {"TAI624"}


def test_a_registry_that_cannot_be_read_has_lost_its_models(logged):
    (logged / victim.INDEX).write_text("{")
    assert ("TAI623", "fr_regressor_v1, which HEAD has, has no row") in told(find_withdrawals(logged, "HEAD"))


def test_a_base_that_cannot_be_read_names_no_model(logged):
    (logged / victim.INDEX).write_text("[]")
    victim.commit(logged)
    assert read_base(logged, "HEAD").rows() == {}


def test_a_link_in_the_base_is_no_file(logged):
    (logged / "link.json").symlink_to("registry.json")
    victim.commit(logged)
    assert "link.json" not in read_base(logged, "HEAD").blobs


@pytest.mark.parametrize("ref", ["nowhere", "--all", "-h", "HEAD:registry.json", ""])
def test_what_is_no_commit_is_an_error(tinyai, logged, ref):
    ran = tinyai("validate", logged, "--since", ref, "--json")
    assert ran.code == 2
    assert "is no commit of the repository" in ran.json["error"]["message"]


def test_a_folder_in_no_repository_cannot_be_held_against_a_commit(tinyai, tmp_path):
    root = victim.build_logged(tmp_path / "project" / "registry")
    ran = tinyai("validate", root, "--since", "HEAD")
    assert ran.code == 2
    assert "lies in no git repository" in ran.err


def test_without_git_there_is_no_base(tinyai, logged, monkeypatch):
    monkeypatch.setenv("PATH", "")
    ran = tinyai("validate", logged, "--since", "HEAD")
    assert ran.code == 2
    assert "needs git" in ran.err


def test_an_object_that_was_not_fetched_is_named(logged):
    blob = read_base(logged, "HEAD").blobs[victim.INDEX]
    (logged.parent / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RegistryError, match=r"git has not fetched registry\.json"):
        find_withdrawals(logged, "HEAD")


def test_validate_tells_it_among_the_rest(tinyai, logged):
    tip = logged / ".tinyai" / "log" / "fr_regressor_v1" / "tip.json"
    tip.unlink()
    assert tinyai("validate", logged).code == 0
    ran = tinyai("validate", logged, "--since", "HEAD", "--json")
    assert ran.code == 1
    assert [each["code"] for each in ran.json["findings"] if each["severity"] == "error"] == ["TAI622"]
    assert tinyai("validate", logged, "--since", "HEAD", "--ignore", "tip-went-back").code == 0


def test_nothing_of_the_repository_is_run(logged, tmp_path):
    """A filter, a hook or a monitor that the checkout brings would be somebody else's program."""
    ran = tmp_path / "ran"
    for key, value in {"core.fsmonitor": f"touch {ran}", "filter.x.smudge": f"touch {ran}"}.items():
        subprocess.run(["git", "config", key, value], cwd=logged, check=True)
    (logged / ".gitattributes").write_text("* filter=x\n")
    find_withdrawals(logged, "HEAD")
    assert not ran.exists()
