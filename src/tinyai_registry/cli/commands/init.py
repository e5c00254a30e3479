"""``tinyai init [DIR]``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import ConfigError
from tinyai_registry.store.publish import init
from tinyai_registry.workflows.new_workflow import write_workflow


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--ci", is_flag=True, help="Write a GitHub workflow that validates it; DIR may be a registry already.")
@click.option(
    "--reproduce", "reproduces", is_flag=True, help="With --ci: a job that makes again what a pull request changes."
)
@registry_option
@in_session
def command(session: Session, folder: Path | None, ci: bool, reproduces: bool, registry: Path | None) -> int:
    """Make an empty registry."""
    if reproduces and not ci:
        raise ConfigError("--reproduce adds a job to the workflow that --ci writes; give both")
    config, given = session.config, folder or registry
    if given is None and config.registry is None:
        raise ConfigError("where? Give a folder: tinyai init DIR")
    where = config.registry_folder(given)
    made = {}
    if not (ci and (where / INDEX).exists()):
        made["registry.json"] = init(where)
    if ci:
        made["workflow"] = write_workflow(where, reproduces=reproduces)
    if session.as_json:
        workflow = {"workflow": str(made["workflow"])} if ci else {}
        session.answer({"registry": str(where), **workflow})
    else:
        session.say(*(f"made {file}" for file in made.values()))
    return 0
