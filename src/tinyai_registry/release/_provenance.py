"""Who made a release, from what, with what: recorded so that anyone can ask later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Git:
    """The commit that was checked out, and whether tracked or untracked files differed from it."""

    commit: str
    dirty: bool


@dataclass(frozen=True)
class NoGit:
    """Why no commit is known.

    Git is not installed; the folder is in no checkout; it is in one that belongs to another user, which git does not
    read (its "dubious ownership"); nothing is committed there yet; or git failed in some other way.
    """

    why: Literal["not installed", "no checkout", "dubious ownership", "no commit", "failed"]


@dataclass(frozen=True)
class Account:
    """Why a log entry was made, by whom and from what.

    ``time`` is UTC, ISO 8601; ``commit`` is that of the registry's checkout; ``table`` the digest of the table that a
    model was judged on, ``gate`` the verdicts as JSON.
    """

    time: str
    who: str
    commit: str | None = None
    reason: str | None = None
    table: str | None = None
    gate: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Provenance:
    """``command`` has file names in place of paths; ``time`` is UTC, ISO 8601; ``git`` is the registry's checkout.

    ``cpu_capability`` is the instruction set that torch used: it changes the last bits of what is trained.
    """

    command: str
    reason: str | None
    time: str
    python: str
    packages: dict[str, str]
    cpu_capability: str
    git: Git | NoGit
    seeds: tuple[int, ...]
