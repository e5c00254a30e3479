"""``tinyai table diff``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.documents.url import fetch

if TYPE_CHECKING:
    from tinyai_registry.evaluation import ColumnDrift
    from tinyai_registry.tables.diff import Change, TableDifference

# So many of a list are shown; --json has all of them.
SHOWN = 10


@click.command()
@click.argument("old")
@click.argument("new")
@click.option("--group", default="source", show_default=True, help="The column of groups.")
@click.option("--clip", default="dis_basename", show_default=True, help="The column of clips.")
@click.option("--model", help="Take both from the recipe of this model, and its columns.")
@in_session
def diff(session: Session, old: str, new: str, group: str, clip: str, model: str | None) -> int:
    """Say what differs between two tables: rows, groups and clips that came and went, and what moved how far.

    OLD and NEW are paths or URLs. A shift is one of the mean, in standard deviations of the old table. Nothing is
    written. Exit codes: 0 done, 2 bad input.
    """
    from tinyai_registry.cli.owner import find_owner_of
    from tinyai_registry.cli.steps import Steps
    from tinyai_registry.tables.diff import diff as diff_tables

    columns: tuple[str, ...] = ()
    if model is not None:
        recipe = find_owner_of(session, session.plugins(), model, None).recipe
        group, clip, columns = (
            recipe.group,
            recipe.clip,
            (*recipe.feature_order, *([recipe.target] if isinstance(recipe.target, str) else [])),
        )
    before, now = fetch(old), fetch(new)
    found = diff_tables(before, now, group, clip, Steps(session.as_json), columns)
    if session.as_json:
        session.answer({"old": before.name, "new": now.name, **_document(found)})
    else:
        session.say(*_lines(found))
    return 0


def _document(found: TableDifference) -> dict[str, object]:
    document = asdict(found)
    for each, moved in zip(document["by_group"], found.by_group, strict=True):
        each["farthest"] = moved.farthest.column
    return document


def _lines(found: TableDifference) -> list[str]:
    farthest = sorted(found.drift, key=lambda moved: -abs(moved.mean_shift))
    return [
        f"rows: {found.rows.old} before, {found.rows.new} now; {found.rows.came} came, {found.rows.went} went",
        *(line for name in ("columns", "groups", "clips") for line in _change(name, getattr(found, name))),
        "drift of each column, over all rows:",
        *(f"  {_moved(moved)}" for moved in farthest),
        *(f"  {each.column}: no drift, as {each.why}" for each in found.unmeasured),
        f"groups that moved most, of {len(found.by_group)} that both have:",
        *(
            f"  {each.group} ({each.rows[0]} rows, now {each.rows[1]}): {_moved(each.farthest)}"
            for each in found.by_group[:SHOWN]
        ),
    ]


def _change(what: str, change: Change) -> Iterator[str]:
    for how, names in (("came", change.came), ("went", change.went)):
        if names:
            yield f"{what} that {how}, {len(names)}:"
            yield from (f"  {name}" for name in names[:SHOWN])
        if names[SHOWN:]:
            yield f"  and {len(names) - SHOWN} more"


def _moved(moved: ColumnDrift) -> str:
    return (
        f"{moved.column}: mean {moved.mean_shift:+.3f} old standard deviations, {moved.std_ratio:.3f} times the spread"
    )
