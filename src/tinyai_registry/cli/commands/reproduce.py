"""``tinyai reproduce MODEL``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.answer import tell
from tinyai_registry.cli.judging import Display
from tinyai_registry.cli.output_file import require_writable, write
from tinyai_registry.cli.owner import find_owner_of
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents import attestation
from tinyai_registry.errors import TinyaiError
from tinyai_registry.release.provenance import give_account
from tinyai_registry.trust.environment import lock as lock_file
from tinyai_registry.trust.growth import find_changed, find_judged
from tinyai_registry.trust.material import find_table
from tinyai_registry.trust.reproduce import NotMadeHereError, Released, Reproduction, read_released, reproduce
from tinyai_registry.trust.witness import as_document, testify

DIFFERENT, NOT_MADE = 1, 2
# Differences that are shown; --json has all.
SHOWN = 5


@click.command()
@click.argument("model", required=False)
@click.option("--all", "everything", is_flag=True, help="Make every release again that has evidence.")
@click.option("--since", metavar="REF", help="With --all: only releases that are not what this commit has.")
@click.option(
    "--table",
    multiple=True,
    metavar="FILE|URL",
    help="The table, CORPUS=FILE for each of several [default: the one of tinyai.toml that has its digest].",
)
@registry_option
@click.option(
    "--lock", type=click.Path(path_type=Path), help="Write the versions of the release here, for pip install -r."
)
@click.option("--attest", type=click.Path(path_type=Path), help="Write an in-toto statement of the answer here.")
@in_session
def command(
    session: Session,
    model: str | None,
    everything: bool,
    since: str | None,
    table: tuple[str, ...],
    registry: Path | None,
    lock: Path | None,
    attest: Path | None,
) -> int:
    """Make a release again from its table, and say whether it is the one that was published.

    identical: every graph and every prediction to the last bit. equivalent: figures and outputs within the tolerance,
    as another processor or library rounds otherwise. different: what, where, by how much. Nothing is published. Exit
    codes: 0 identical or equivalent, 1 different, 2 bad input, or a release that could not be made again, such as one
    without its table.
    """
    if everything == (model is not None) or (everything and (table or lock or attest)) or (since and not everything):
        raise TinyaiError(
            "name one MODEL, or give --all, which takes no --table, --lock or --attest; --since needs --all"
        )
    root = session.config.registry_folder(registry)
    if model is None:
        return _every(session, root, since)
    for path in (lock, attest):
        require_writable(path)
    released = read_released(root, model)
    if lock is not None:
        write(lock, lock_file(released.sidecar))
    found = _one(session, released, table)
    if attest is not None:
        write(attest, attestation.render(testify(found, give_account(root))))
    session.answer(as_document(found)) if session.as_json else session.say(*_lines(found))
    return DIFFERENT if found.answer == "different" else 0


def _one(session: Session, released: Released, table: Sequence[str]) -> Reproduction:
    said, config = released.sidecar, session.config
    owner = find_owner_of(session, session.plugins(), said["id"], released.folder.root)
    display = Display(session.as_json)
    account, dataset = give_account(released.folder.root), said["training"]["dataset"]
    data = config.table(dataset, table) if table else find_table(config, dataset, said["table"]["sha256"])
    return reproduce(owner, released, data, config.runtime, display, account)


def _every(session: Session, root: Path, since: str | None) -> int:
    """Each release that is to be made again. One that cannot be, for want of its table, says why and stops no other.

    A model that was never made here is skipped. One that was, as the commit ``since`` has it, counts, or whoever forges
    a release would leave its evidence out.
    """
    ids = [str(row.get("id")) for row in session.open_to_read(root).rows]
    judged = frozenset() if since is None else find_judged(root, since)
    documents: dict[str, dict[str, Any]] = {}
    skipped = []
    for model in ids if since is None else find_changed(root, since):
        try:
            released = read_released(root, model)
            if released.sidecar["id"] in documents:
                continue  # it was made with another member of the ensemble
            found = _one(session, released, ())
        except TinyaiError as error:
            was_judged, why = model in judged, str(error)
            why += f"; {since} has it with evidence" if was_judged and isinstance(error, NotMadeHereError) else ""
            if isinstance(error, NotMadeHereError) and not was_judged:
                skipped.append({"model": model, "why": why})
            else:
                documents[model] = {"model": model, "answer": None, "why": why}
            tell(f"{model}: {'not made again' if model in documents else 'skipped'} ({why})")
        else:
            documents[found.model] = as_document(found)
            tell(*_lines(found))
    if session.as_json:
        session.answer({"models": list(documents.values()), "skipped": skipped})
    answers = {each["answer"] for each in documents.values()}
    return DIFFERENT if "different" in answers else NOT_MADE if None in answers else 0


def _lines(found: Reproduction) -> Iterator[str]:
    yield f"{found.model}: {found.answer}"
    by_size = sorted(found.differences, key=lambda each: -(each.distance or 0.0))
    yield from (f"  {each}" for each in (found.differences if found.answer == "different" else by_size)[:SHOWN])
    if len(found.differences) > SHOWN:
        yield f"  and {len(found.differences) - SHOWN} more"
    if found.answer == "equivalent":
        yield f"  figures and outputs are within {found.tolerance:g} (of 1, of themselves, of the target range)"
    if found.answer != "identical":
        yield from (f"  {each}" for each in found.deviations)
