"""``tinyai list``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.columns import align
from tinyai_registry.cli.nothing_yet import NO_MODELS
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents.headline import Headline, read_headline
from tinyai_registry.errors import DocumentError
from tinyai_registry.files import Folder
from tinyai_registry.store.glance import NOTHING, glance_sidecar

HEADER = ("id", "kind", "score", "released", "stage", "license")


@click.command()
@registry_option
@in_session
def command(session: Session, registry: Path | None) -> int:
    """List the models of a registry, each with its score, date, stage and licence."""
    opened = session.open_to_read(registry)
    folder = Folder(opened.root)
    headlines = [_headline(folder, row) for row in opened.rows]
    if session.as_json:
        told = {str(row.get("id")): asdict(known) for row, known in zip(opened.rows, headlines, strict=True)}
        session.answer({"models": opened.rows, "headlines": told})
    else:
        rows = [_cells(row, known) for row, known in zip(opened.rows, headlines, strict=True)]
        session.say(*(align([HEADER, *rows], session.room) if rows else [NO_MODELS]))
    return 0


def _headline(folder: Folder, row: Mapping[str, Any]) -> Headline:
    try:
        return read_headline(row, glance_sidecar(folder, row))
    except DocumentError:
        return read_headline(row, NOTHING)  # what is wrong with it is for `tinyai validate` to say


def _cells(row: Mapping[str, Any], known: Headline) -> tuple[str, ...]:
    told = (str(known.score or "-"), (known.released or "-")[:10], known.stage or "-")
    return (str(row.get("id", "-")), str(row.get("kind", "-")), *told, str(row.get("license", "-")))
