"""``tinyai site``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.cli.steps import Steps
from tinyai_registry.files import Folder
from tinyai_registry.text import count
from tinyai_registry.workflows.status import read_status
from tinyai_registry.workflows.validate import validate


@click.command()
@registry_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The folder to make, or to make anew."
)
@click.option("--title", help="What the catalogue is called [default: the registry's folder].")
@in_session
def command(session: Session, registry: Path | None, output: Path, title: str | None) -> int:
    """Write the registry as a static catalogue: pages to search, compare and download, without a server.

    The pages work from a disk. Nothing of the registry is changed.
    """
    from tinyai_registry.catalogue.collection import collect
    from tinyai_registry.catalogue.pages import render
    from tinyai_registry.catalogue.site import write

    found, steps = session.open_to_read(registry), Steps(session.as_json)
    standings = read_status(found, session.plugins(), session.config, fetching=True)
    models = collect(found, standings, validate(found.root, session.config.runtime))
    with steps.step("write pages"):
        write(render(models, Folder(found.root), title or found.root.resolve().name, steps), output)
    if session.as_json:
        session.answer({"folder": str(output), "models": len(models)})
    else:
        session.say(f"{count(len(models), 'model')}: {output / 'index.html'}")
    return 0
