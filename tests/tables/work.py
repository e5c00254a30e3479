"""Work for workers: they import it by the name of this module."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

from tinyai_registry.tables.part import Assignment, Part, write_part


def square(number: int) -> int:
    return number * number


def die_once(place: Path) -> str:
    """Kills the worker at the first attempt at ``dies``."""
    if place.name == "dies" and not place.exists():
        place.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return place.name


def die(_: int) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_of_two(number: int) -> int:
    """Two kills its worker each time."""
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def fail(number: int) -> int:
    if number == 2:
        raise ValueError("two")
    return number


def surroundings(_: int) -> tuple[bool, bool]:
    """Whether the worker knows our main module, and the working directory as a place of modules."""
    return hasattr(sys.modules["__main__"], "__file__"), "" in sys.path


def sleep(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def write_part_and_die_once(assignment: Assignment) -> Part:
    """A part, but that the first worker of a build is killed when it has half written one."""
    folder = Path(assignment.folder)
    if not (folder.parent / "killed").exists():
        (folder.parent / "killed").touch()
        (folder / "half.arrow.1.tmp").write_bytes(b"ARROW1")
        os.kill(os.getpid(), signal.SIGKILL)
    return write_part(assignment)
