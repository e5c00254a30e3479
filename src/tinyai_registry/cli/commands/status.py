"""``tinyai status``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import compress
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.columns import align
from tinyai_registry.cli.nothing_yet import NO_MODELS
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.text import count, name_some
from tinyai_registry.workflows.status import STALE, STATES, Standing, read_status

INDENT = " " * 4


@click.command()
@registry_option
@click.option("--check", is_flag=True, help="Fetch tables too; exit with 1 if a model is damaged, refused or stale.")
@in_session
def command(session: Session, registry: Path | None, check: bool) -> int:
    """Show what each model needs: which are stale, and why; the most urgent first.

    Models of the registry come first, then those that a plugin declares. Tables are compared by their digests, those
    behind a URL only with --check, which fetches them; nothing is trained, and nothing is written. Exit codes: 0 done,
    1 with --check if a model is damaged, refused or stale, 2 there is no registry.
    """
    found = read_status(session.open_to_read(registry), session.plugins(), session.config, fetching=check)
    tail = () if registry is None else ("--registry", str(registry))
    if session.as_json:
        counts = {state: sum(each.state == state for each in found) for state in STATES}
        session.answer({"models": [_document(each, tail) for each in found], "summary": counts})
    else:
        session.say(*_lines(found, tail, session.room))
    return int(check and any(each.state in STALE for each in found))


def _document(each: Standing, tail: Sequence[str]) -> dict[str, Any]:
    headline = asdict(each.headline)
    return {
        "model": each.model,
        "state": each.state,
        "reasons": list(each.reasons),
        "command": ["tinyai", *each.command, *tail] if each.command else None,
        **headline,
        "signature": each.signature,
        "member_of": each.member_of,
        "known_from": each.known_from,
    }


def _lines(found: Sequence[Standing], tail: Sequence[str], room: int | None) -> Iterator[str]:
    asked = [each for each in found if each.known_from != "plugin"]
    states = {each.model: each.state for each in asked}
    # A member of an ensemble goes with it, and has a line of its own where it stands otherwise.
    alone = [states.get(each.member_of or "") != each.state for each in asked]
    told = list(compress(asked, alone))
    members = Counter(each.member_of for each, is_alone in zip(asked, alone, strict=True) if not is_alone)
    head, *lines = align(list(_table(told)), room)
    yield from (head,) if told else ()
    for each, line in zip(told, lines, strict=True):
        yield line
        if members[each.model]:
            yield f"{INDENT}with its {count(members[each.model], 'member')}"
        yield from (f"{INDENT}{reason}" for reason in (*each.reasons, *_doubt(each)))
        if each.command:
            yield f"{INDENT}tinyai {' '.join((*each.command, *tail))}"
    counts = Counter(each.state for each in asked)
    yield ", ".join(f"{count} {state}" for state, count in counts.items()) or NO_MODELS
    if others := [each.model for each in found if each.known_from == "plugin"]:
        yield f"plugins declare {len(others)} more, and tinyai.toml names no table of theirs: {name_some(others)}"


def _table(told: Sequence[Standing]) -> Iterator[Sequence[str]]:
    """The cells of each line, below their names; the last column is there if any model has something to tell there."""
    flags = [", ".join(_flags(each)) for each in told]
    width = 6 if any(flags) else 5
    yield ("state", "model", "score", "released", "stage", "also")[:width]
    for each, also in zip(told, flags, strict=True):
        known = each.headline
        figures = (str(known.score or "-"), (known.released or "-")[:10], known.stage or "-", also)
        yield (each.state, each.model, *figures)[:width]


def _doubt(each: Standing) -> Iterator[str]:
    if each.signature in {"missing", "void"}:
        why = {"missing": "is not there", "void": "is for other bytes"}[each.signature]
        yield f"the signature that its row names {why}"


def _flags(each: Standing) -> Iterator[str]:
    if each.headline.twin:
        yield "int8"
    if each.signature == "named":
        yield "signed"
