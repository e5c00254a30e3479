"""What a renaming does to the log of the previous id: it ends there, with an entry that takes the id away.

The commit is the entry of the new id, which names the previous one; the end of the other log follows from it, and is
written again by whoever finishes the work of a process that died in between.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from tinyai_registry.errors import RegistryError
from tinyai_registry.store import log


def is_retired(root: Path, head: log.Entry) -> bool:
    """Whether the log of the previous id has ended, if ``head`` is a renaming at all."""
    return head.previous_id is None or _find_end(root, head.previous_id, head) is not None


def retire_previous(root: Path, head: log.Entry, workplace: Path) -> list[log.Entry]:
    """End the log of what ``head`` was called before; returns the end, unless that id has a new release since.

    Raises RegistryError if ``head`` has other graphs than the previous id: its entry may have been planted.
    """
    previous = head.previous_id
    if previous is None:
        return []
    end = _find_end(root, previous, head)
    if end is None:
        end = _end(root, previous, head)
        log.append(root, end, workplace)
    log.record_tip(root, previous, workplace)
    return [end] if log.head(root, previous) == end else []


def _find_end(root: Path, previous: str, head: log.Entry) -> log.Entry | None:
    return next((entry for entry in log.entries(root, previous) if entry.unique == head.unique), None)


def _end(root: Path, previous: str, head: log.Entry) -> log.Entry:
    last, tip = log.head(root, previous), log.find_tip(root, previous)
    graphs = {row.get("sha256") for row in head.rows}
    if last is None or {row.get("sha256") for row in last.rows} != graphs:
        raise RegistryError(f"the log of {head.model} claims to be {previous} under a new name, and has other graphs")
    return log.Entry(
        number=tip.number + 1,
        model=previous,
        action="remove",
        parent=tip.digest,
        account=replace(head.account, reason=f"renamed to {head.model}"),
        files={},
        withdrawn=tuple(name for name in last.files if name not in head.files),
        withdrawn_rows={row["id"]: row.get("sha256") for row in last.rows},
        unique=head.unique,
    )
