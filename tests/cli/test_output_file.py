"""Files that a user names for a command to write: whole, or what was there stays."""

from __future__ import annotations

import os

import numpy as np
import pytest

from tinyai_registry.cli.output_file import require_writable, write
from tinyai_registry.errors import TinyaiError
from tinyai_registry.lab.rows_file import write_rows
from tinyai_registry.workflows.scaffolding.new_workflow import FILE

resource = pytest.importorskip("resource")

COLUMNS = {"row": range(1000), "prediction": np.random.default_rng(0).random(1000)}


@pytest.fixture
def small_disk():
    """No file may have more than 100 bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("ending", [".md", ".csv", ".json", ".parquet"])
def test_where_the_disk_is_full_the_old_file_stays(tmp_path, small_disk, ending):
    path = tmp_path / f"f{ending}"
    path.write_text("old")
    with pytest.raises(TinyaiError) as refused:
        write(path, "x" * 1000) if ending == ".md" else write_rows(path, COLUMNS)
    assert str(refused.value).startswith(f"cannot write {path}: ")
    assert "File too large" in str(refused.value)
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {path.name: "old"}


def test_a_file_is_said_to_be_writable_only_where_another_can_take_its_place(tmp_path, monkeypatch):
    path = tmp_path / "f"
    path.touch()
    require_writable(path)
    monkeypatch.setattr(os, "access", lambda each, _: each != tmp_path)
    with pytest.raises(TinyaiError, match="no right to"):
        require_writable(path)


@pytest.mark.parametrize(
    ("words", "made"),
    [
        (["init", "registry"], {"registry"}),  # which was made, and is said to be
        (["init", "registry", "--ci"], {"registry", "tinyai.toml", ".github", str(FILE.parent)}),
        (["new-plugin", "my_vmaf", "--into", "plugins"], {"plugins"}),
    ],
    ids=["settings", "a workflow", "a plugin"],
)
def test_where_the_disk_is_full_nothing_that_is_half_written_is_in_the_way(tinyai, tmp_path, monkeypatch, words, made):
    monkeypatch.chdir(tmp_path)
    if "--ci" in words:
        (tmp_path / "tinyai.toml").write_text("")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    refused = tinyai(*words)
    resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert (refused.code, refused.err.count("\n")) == (2, 1)
    assert "File too large" in refused.err
    found = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")}
    assert {name for name in found if not name.startswith("registry/")} == made
    again = tinyai(*words)
    assert again.err == (
        "" if made != {"registry"} else "tinyai: registry/registry.json exists already; nothing was changed\n"
    )
