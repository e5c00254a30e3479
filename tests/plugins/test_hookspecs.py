"""Every hook has an example, which runs with the doctests of ``src``."""

from __future__ import annotations

import doctest

import pytest

from tinyai_registry.plugins import hookspecs
from tinyai_registry.plugins.discovery import HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_an_example_that_shows_what_it_gives(hook):
    [found] = doctest.DocTestFinder(recurse=False).find(getattr(hookspecs, hook), hook)
    assert any(example.want for example in found.examples)


def test_the_suite_runs_the_examples_of_src(pytestconfig):
    assert "src" in pytestconfig.getini("testpaths")
    assert "--doctest-modules" in pytestconfig.getini("addopts")
