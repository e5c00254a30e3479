"""The types of the plugin API, as mypy tells them to an author: ``example_trainer.py`` and ``example_mistakes.py``."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
EXAMPLES = ("example_trainer.py", "example_mistakes.py")

EXPECTED = re.compile(r"# (R|E): (.*)")
REVEALED = re.compile(r'^(?P<file>\S+?):(?P<line>\d+): note: Revealed type is "(?P<said>.*)"$', re.MULTILINE)
ERROR = re.compile(r"^(?P<file>\S+?):(?P<line>\d+): error: .*\[(?P<said>[a-z-]+)\]$", re.MULTILINE)


def test_mypy_finds_the_types_and_the_mistakes_that_the_examples_note():
    words = [
        sys.executable,
        "-m",
        "mypy",
        "--no-error-summary",
        "--no-pretty",
        *(str(HERE / name) for name in EXAMPLES),
    ]
    ran = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (1, "")
    found = {
        (kind, Path(match["file"]).name, int(match["line"]), match["said"])
        for kind, pattern in (("R", REVEALED), ("E", ERROR))
        for match in pattern.finditer(ran.stdout)
    }
    expected = {
        (match[1], name, number, match[2])
        for name in EXAMPLES
        for number, line in enumerate((HERE / name).read_text(encoding="utf-8").splitlines(), start=1)
        if (match := EXPECTED.search(line)) and "``" not in line
    }
    assert found == expected
    assert {kind for kind, *_ in found} == {"R", "E"}
