"""``tinyai migrate [MODEL...]``."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.errors import RegistryError, TinyaiError
from tinyai_registry.release import Account
from tinyai_registry.release.provenance import give_account
from tinyai_registry.store.registry import Registry
from tinyai_registry.text import name_some, suggest
from tinyai_registry.workflows.migrate import Migration, migrate
from tinyai_registry.workflows.migration import manifests, orphans
from tinyai_registry.workflows.migration.repairs import Repairs


@click.command()
@click.argument("models", nargs=-1, metavar="[MODEL]...")
@registry_option
@click.option("--dry-run", is_flag=True, help="Show what would change as a diff; write nothing.")
@click.option("--license", "licenses", multiple=True, metavar="OLD=NEW", help="What a licence is to be called.")
@click.option("--drop-missing-bundles", "drop_bundles", is_flag=True, help="Forget signatures that are not there.")
@click.option(
    "--orphans-to", type=click.Path(path_type=Path), metavar="DIR", help="Move files of no model into this folder."
)
@lock_timeout_option
@in_session
def command(
    session: Session,
    models: tuple[str, ...],
    registry: Path | None,
    dry_run: bool,
    licenses: tuple[str, ...],
    drop_bundles: bool,
    orphans_to: Path | None,
    lock_timeout: float,
) -> int:
    """Rewrite sidecars of earlier dialects in today's, and mend what has one right answer.

    Without MODEL all of the registry's. Names and opset are read from the graph, weights outside it are taken in and
    traces of its maker taken out, notes are the row's, digests in another tool's manifest of an ensemble those of its
    members; evidence that nobody recorded stays absent. Each model is one commit, which `tinyai rollback` takes back.
    Exit codes: 0 done, 1 a model could not be migrated, 2 bad input, 5 the registry is busy.
    """
    opened = session.open_to_read(registry) if dry_run else session.open_to_write(registry)
    known = [str(row.get("id")) for row in opened.rows]
    for model in models:
        if model not in known:
            they = f"it has: {name_some(known)}{suggest(model, known)}"
            raise RegistryError(f"{opened.root} has no model {model!r}; {they}")
    if not dry_run:
        session.watch(opened.root, known)
    account, runtime = give_account(opened.root), session.config.runtime
    strays = orphans.find_orphans(opened.root, runtime) if not models else []
    if orphans_to is not None and not dry_run:
        orphans.copy_out(opened, strays, orphans_to)
    repairs = Repairs(_mapping(licenses), drop_bundles, drop_orphans=orphans_to is not None)
    done = [
        migrate(opened.root, model, account, lock_timeout, dry_run=dry_run, runtime=runtime, repairs=repairs)
        for model in models or known
    ]
    rebuilt = dict(_rebuild(opened, account, lock_timeout, dry_run=dry_run)) if not models else {}
    if orphans_to is not None and not dry_run:
        orphans.discard(opened.root, strays, lock_timeout)
    if session.as_json:
        session.answer({"models": [_document(each) for each in done], "manifests": rebuilt, "orphans": strays})
    else:
        session.say(*(line for each in done for line in _lines(each)))
        session.say(*(line for name, lines in rebuilt.items() for line in (f"{name}.json: members", *lines)))
        session.say(*_about_orphans(strays, orphans_to, dry_run=dry_run))
        if all(each.status == "current" for each in done) and not rebuilt:
            session.say("nothing to do")
    return 1 if any(each.status == "failed" for each in done) else 0


def _mapping(licenses: Sequence[str]) -> dict[str, str]:
    pairs = [words.partition("=")[::2] for words in licenses]
    for old, new in pairs:
        if not (old.strip() and new.strip()):
            raise TinyaiError(f"--license {old}={new}: give OLD=NEW, the licence as it is and as it is to be called")
    return {old.strip(): new.strip() for old, new in pairs}


def _rebuild(
    registry: Registry, account: Account, patience: float, *, dry_run: bool
) -> Iterator[tuple[str, list[str]]]:
    for ensemble in manifests.find_manifests(registry):
        try:
            lines = manifests.corrections(registry, ensemble)
        except RegistryError as error:
            yield ensemble, [f"cannot be made anew: {error}"]
            continue
        if lines and not dry_run:
            manifests.rebuild_manifest(registry.root, ensemble, account, patience)
        if lines:
            yield ensemble, lines


def _about_orphans(strays: Sequence[str], target: Path | None, *, dry_run: bool) -> Iterator[str]:
    if strays:
        yield f"of no model: {', '.join(strays)}"
        done = "would be moved" if dry_run else "moved"
        yield f"  {done} to {target}" if target else "  --orphans-to DIR moves them out of the registry"


def _document(done: Migration) -> dict[str, Any]:
    rewrite = done.rewrite
    return {
        "model": done.model,
        "status": done.status,
        "why": done.why,
        "imported_from": rewrite.written_in.name if rewrite else None,
        "corrections": list(rewrite.changes) if rewrite else [],
        "left": list(rewrite.left) if rewrite else [],
        "sidecar": json.loads(rewrite.after) if rewrite else None,
        "row": json.loads(rewrite.row_after) if rewrite else None,
    }


def _lines(done: Migration) -> Iterator[str]:
    if done.why is not None:
        yield f"{done.model}: cannot be migrated: {done.why}"
    if done.rewrite is None:
        return
    yield f"{done.model}: {done.status}, from the {done.rewrite.written_in.name} dialect"
    yield from (f"  {each}" for each in done.rewrite.corrections)
    yield from (f"  left: {each}" for each in done.rewrite.left)
    if done.status == "planned":
        yield from _diff(done.rewrite.before, done.rewrite.after, "sidecar")
        yield from _diff(done.rewrite.row_before, done.rewrite.row_after, "row")


def _diff(before: str, after: str, what: str) -> Iterator[str]:
    return unified_diff(before.splitlines(), after.splitlines(), what, f"{what} of today", lineterm="")
