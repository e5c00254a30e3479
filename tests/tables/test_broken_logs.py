"""Logs and manifests that cannot become a table: each is refused in one line that says what, where and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

CASES = sorted(path for path in (Path(__file__).parent / "broken").iterdir() if path.is_dir())


def test_there_are_many_of_them():
    assert len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.name)
def test_it_is_refused_in_one_line(tinyai, case, tmp_path, monkeypatch):
    options = case / "options.txt"
    words = options.read_text(encoding="utf-8").split() if options.exists() else []
    monkeypatch.chdir(case)
    output = tmp_path / "features.parquet"
    ran = tinyai("table", "build", "--manifest", "pairs.csv", "--logs", "logs", "-o", output, *words)
    assert ran.code == 2
    assert ran.err == f"tinyai: {(case / 'message.txt').read_text(encoding='utf-8')}"
    assert list(tmp_path.iterdir()) == []
