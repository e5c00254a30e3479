"""``tinyai log [MODEL]``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.nothing_yet import NO_HISTORY
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents.refusal import refusal
from tinyai_registry.errors import RegistryError
from tinyai_registry.store import layout, log
from tinyai_registry.text import name_some, suggest

INDENT = " " * 4


@click.command()
@click.argument("model", required=False)
@registry_option
@in_session
def command(session: Session, model: str | None, registry: Path | None) -> int:
    """Show what happened to a model, or to all of them: publishes, refusals, rollbacks; oldest first.

    A refusal names each criterion that was not met, with the value that was measured; a release the first of its gate.
    """
    root = session.open_to_read(registry).root
    known = layout.logged_models(root)
    if model is not None and model not in known:
        they = f"it has one of: {name_some(known)}{suggest(model, known)}" if known else NO_HISTORY
        raise RegistryError(f"{root} has no history of {model!r}; {they}")
    found = [entry for each in (known if model is None else [model]) for entry in log.entries(root, each)]
    found.sort(key=lambda entry: (entry.account.time, entry.model, entry.number))
    if session.as_json:
        session.answer({"entries": [asdict(entry) for entry in found]})
    else:
        session.say(*([line for entry in found for line in _lines(entry)] or [NO_HISTORY]))
    return 0


def _told(entry: log.Entry) -> list[Mapping[str, Any]]:
    """Of a refusal what was not met, of a release the first criterion on how well it does.

    Verdicts on whether every fold and member was judged come before those.
    """
    if not entry.is_release:
        return [verdict for verdict in entry.account.gate if not verdict["passed"]]
    return [verdict for verdict in entry.account.gate if not verdict["criterion"].startswith("every ")][:1]


def _lines(entry: log.Entry) -> Iterator[str]:
    digest = next((str(row.get("sha256"))[:12] for row in entry.rows), "-")
    yield f"{entry.account.time}  {entry.model} {entry.number}  {entry.action:<8}  {digest}".rstrip()
    for verdict in _told(entry):
        yield f"{INDENT}{'passed' if verdict['passed'] else 'refused'}: {refusal(verdict)}"
    yield f"{INDENT}{entry.account.who}{f': {entry.account.reason}' if entry.account.reason else ''}"
