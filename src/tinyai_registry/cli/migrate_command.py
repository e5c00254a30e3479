"""``tinyai migrate [MODEL...]``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.errors import RegistryError
from tinyai_registry.release.provenance import give_account
from tinyai_registry.text import suggest
from tinyai_registry.workflows.migrate import Migration, migrate


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@registry_option
@click.option("--dry-run", is_flag=True, help="Show the new sidecars as a diff; write nothing.")
@lock_timeout_option
@in_session
def command(
    session: Session, models: tuple[str, ...], registry: Path | None, dry_run: bool, lock_timeout: float
) -> int:
    """Rewrite sidecars of earlier dialects in today's.

    Without MODEL all of the registry's. Names and opset are read from the graph; evidence that nobody recorded stays
    absent. Exit codes: 0 done, 1 a model could not be migrated, 2 bad input, 5 the registry is busy.
    """
    opened = session.open_to_read(registry) if dry_run else session.open_to_write(registry)
    known = [str(row.get("id")) for row in opened.rows]
    for model in models:
        if model not in known:
            they = f"it has: {', '.join(known) or 'none'}{suggest(model, known)}"
            raise RegistryError(f"{opened.root} has no model {model!r}; {they}")
    if not dry_run:
        session.watch(opened.root, known)
    account = give_account(opened.root)
    runtime = session.config.runtime
    done = [
        migrate(opened.root, model, account, lock_timeout, dry_run=dry_run, runtime=runtime)
        for model in models or known
    ]
    if session.as_json:
        session.answer({"models": [_document(each) for each in done]})
    else:
        session.say(*(line for each in done for line in _lines(each)))
        if all(each.status == "current" for each in done):
            session.say("nothing to do")
    return 1 if any(each.status == "failed" for each in done) else 0


def _document(done: Migration) -> dict[str, Any]:
    rewrite = done.rewrite
    return {
        "model": done.model,
        "status": done.status,
        "why": done.why,
        "imported_from": rewrite.written_in.name if rewrite else None,
        "corrections": list(rewrite.corrections) if rewrite else [],
        "sidecar": json.loads(rewrite.after) if rewrite else None,
    }


def _lines(done: Migration) -> Iterator[str]:
    if done.why is not None:
        yield f"{done.model}: cannot be migrated: {done.why}"
    if done.rewrite is None:
        return
    yield f"{done.model}: {done.status}, from the {done.rewrite.written_in.name} dialect"
    yield from (f"  {each}" for each in done.rewrite.corrections)
    if done.status == "planned":
        before, after = done.rewrite.before.splitlines(), done.rewrite.after.splitlines()
        yield from unified_diff(before, after, "sidecar", "sidecar of today", lineterm="")
