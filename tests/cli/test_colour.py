"""When the command line writes in colour."""

from __future__ import annotations

import io

import pytest

from tinyai_registry.cli import colour


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, True),
        ({"TERM": "xterm"}, True),
        ({"NO_COLOR": "1"}, False),
        ({"NO_COLOR": "false"}, False),
        ({"NO_COLOR": ""}, True),
        ({"TERM": "dumb"}, False),
    ],
)
def test_only_a_terminal_that_can_is_written_to_in_colour(monkeypatch, environment, wanted):
    for variable in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    assert colour.wanted(Terminal()) is wanted
    assert not colour.wanted(io.StringIO())
