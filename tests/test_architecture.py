"""The house: what lies where, and that the pages that say so are right."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path

import pytest

import tinyai_registry

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "tinyai_registry"
ENTRIES = {path.name.removesuffix(".py") for path in PACKAGE.iterdir() if path.name != "__pycache__"}
ROOMS = ENTRIES - {"__init__", "__main__", "py.typed"}


# The wings of the design, which come on top of the core; the linter keeps each from knowing another.
WINGS = {"catalogue", "tables", "trust"}


def test_the_core_can_be_taken_in_at_a_glance():
    assert len(ENTRIES - WINGS) <= 18
    assert WINGS <= ROOMS


def test_the_docstring_of_the_package_names_every_room_and_no_other():
    named = set(re.findall(r"``([a-z]+)``", tinyai_registry.__doc__ or ""))
    assert named == ROOMS


def test_the_map_in_contributing_names_every_room_and_no_other():
    page = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    table = page.partition("## Where things live")[2].partition("\n## ")[0]
    named = set(re.findall(r"`([a-z]+)(?:/|\.py)`", "\n".join(re.findall(r"(?m)^\| (`.*?) \|", table))))
    assert named == ROOMS


def test_no_two_classes_have_one_name():
    defined = defaultdict(list)
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef):
                defined[node.name].append(str(path.relative_to(PACKAGE)))
    assert {name: places for name, places in defined.items() if len(places) > 1} == {}


def test_no_module_differs_from_its_neighbour_by_an_ending_alone():
    for folder in {path.parent for path in PACKAGE.rglob("*.py")}:
        names = sorted(path.stem.strip("_") for path in folder.glob("*.py") if not path.stem.startswith("__"))
        alike = [(a, b) for a in names for b in names if a != b and b in {f"{a}s", f"{a}ing", f"{a}ed", f"{a}d"}]
        assert alike == [], folder


def test_what_the_package_exports_is_what_type_checkers_see():
    source = ast.parse((PACKAGE / "__init__.py").read_text())
    [block] = [node for node in source.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {alias.name: line.module for line in block.body for alias in line.names}
    assert sorted(seen) == sorted(tinyai_registry.__all__)
    assert seen.keys() <= set(dir(tinyai_registry))
    for name, module in seen.items():
        assert getattr(tinyai_registry, name) is getattr(import_module(module), name), name
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        tinyai_registry.Nothing  # noqa: B018 - to look at it is the test
