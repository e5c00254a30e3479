"""The fixtures, as a pytest plugin. It is loaded wherever pytest starts, so it costs no heavy import."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tinyai_registry.testing import SMALL_TABLE

# Its assertions are to be explained like those of a test; it must not have been imported before this line.
pytest.register_assert_rewrite("tinyai_registry.testing.conformance")


@dataclass(frozen=True)
class Ran:
    """What a run of ``tinyai`` left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The document that ``--json`` asked for."""
        return json.loads(self.out)


@pytest.fixture
def tinyai() -> Callable[..., Ran]:
    """Runs the command line in this process: ``tinyai("list", "--registry", folder)``."""
    from click.testing import CliRunner

    from tinyai_registry.cli.app import main

    def run(*words: object) -> Ran:
        result = CliRunner().invoke(main, [str(word) for word in words], catch_exceptions=False)
        return Ran(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def tinyai_registry(tmp_path: Path) -> Path:
    """A scratch registry: the folder of an empty one."""
    from tinyai_registry.store.publish import init

    return init(tmp_path / "registry").parent


@pytest.fixture
def tinyai_table(tmp_path: Path) -> Path:
    """A copy of the small real table: 480 frames of eleven clips, libvmaf features and the VMAF score."""
    return Path(shutil.copyfile(SMALL_TABLE, tmp_path / SMALL_TABLE.name))


@pytest.fixture
def tinyai_calls() -> Iterator[list[Any]]:
    """The hook calls of the test, as :class:`~tinyai_registry.testing.recorder.HookCall`, in order."""
    from tinyai_registry.testing.recorder import record

    with record() as calls:
        yield calls
