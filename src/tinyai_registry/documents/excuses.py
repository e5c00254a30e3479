"""Excuses: findings that a project knows of, each with a reason; those of ``tinyai.toml``, and those of a baseline.

``[validate.MODEL]`` in ``tinyai.toml`` excuses a code for a model, for good. The baseline records single findings: what
a registry had when its owner began to validate it.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tinyai_registry.errors import ConfigError
from tinyai_registry.files import explain

# Beside tinyai.toml: a registry may be a stranger's, and excuses nothing by itself.
BASELINE = "tinyai-baseline.toml"

_HEAD = """# What `tinyai validate` found when this was written. It reports what is new since, and what no longer holds.
# Fill in each reason: with --strict a finding without one fails. `tinyai validate --write-baseline` keeps them.
"""


@dataclass(frozen=True)
class Excuse:
    """Findings that are known, and why they may stay; an empty ``reason`` has still to be filled in.

    ``code`` is a code or a slug. Without ``file`` and ``message`` every finding of that code about ``model`` is meant.
    """

    code: str
    model: str | None
    reason: str
    file: str | None = None
    message: str | None = None

    @property
    def is_recorded(self) -> bool:
        """Whether one finding is meant, which a baseline has recorded."""
        return self.message is not None

    @property
    def words(self) -> str:
        """The reason, or that there is none yet."""
        return self.reason or "no reason is given yet"


def of_settings(said: Mapping[str, Mapping[str, str]]) -> tuple[Excuse, ...]:
    """The excuses in the section ``[validate]`` of ``tinyai.toml``: reasons by code by model."""
    return tuple(Excuse(code, model, reason) for model, codes in said.items() for code, reason in codes.items())


def read_baseline(path: Path) -> tuple[Excuse, ...]:
    """The excuses in the baseline ``path``; none where there is no such file. Raises ConfigError if it is broken."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {explain(error)}") from error
    except (RecursionError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error
    listed = said.get("finding", [])
    if said.keys() - {"finding"} or not isinstance(listed, list):
        raise ConfigError(f"{path}: a baseline is a list of [[finding]] and nothing else")
    return tuple(_excuse(path, each) for each in listed)


def _excuse(path: Path, said: Any) -> Excuse:
    keys = {"code", "model", "file", "message", "reason"}
    if not isinstance(said, dict) or not said.keys() <= keys or not all(isinstance(v, str) for v in said.values()):
        raise ConfigError(f"{path}: each [[finding]] has {', '.join(sorted(keys))}, all of them strings")
    if missing := {"code", "file", "message", "reason"} - said.keys():
        raise ConfigError(f"{path}: a [[finding]] has no {' and no '.join(sorted(missing))}")
    return Excuse(**{"model": None, **said})


def render_baseline(excuses: Iterable[Excuse]) -> str:
    """The baseline as TOML."""
    return "\n".join((_HEAD, *map(_render, excuses)))


def _render(excuse: Excuse) -> str:
    said = {key: value for key, value in asdict(excuse).items() if value is not None}
    # A string of JSON is one of TOML, but for DEL and what is no character by itself.
    words = {key: value.encode(errors="replace").decode() for key, value in said.items()}
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in words.items()]
    return "\n".join(("[[finding]]", *lines, "")).replace("\x7f", "\\u007f")
