"""``tinyai init [DIR]``."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents.config import NAME, Config
from tinyai_registry.documents.index import INDEX
from tinyai_registry.errors import ConfigError
from tinyai_registry.store import repository
from tinyai_registry.store.publish import init
from tinyai_registry.workflows.scaffolding.new_project import write_settings
from tinyai_registry.workflows.scaffolding.new_workflow import FILE, write_workflow


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@click.option("--ci", is_flag=True, help="Write a GitHub workflow that validates it; DIR may be a registry already.")
@click.option(
    "--reproduce", "reproduces", is_flag=True, help="With --ci: a job that makes again what a pull request changes."
)
@registry_option
@in_session
def command(session: Session, folder: Path | None, ci: bool, reproduces: bool, registry: Path | None) -> int:
    """Make an empty registry, and a tinyai.toml that names it."""
    if reproduces and not ci:
        raise ConfigError("--reproduce adds a job to the workflow that --ci writes; give both")
    config, given = session.config, folder or registry
    if given is None and config.registry is None:
        raise ConfigError("where? Give a folder: tinyai init DIR")
    where = config.registry_place(given)
    made: dict[str, Path] = {}
    if not (ci and (where / INDEX).exists()):
        made["index"] = init(where)
        if (settings := write_settings(where, config)) is not None:
            made["settings"] = settings
    if ci:
        made["workflow"] = write_workflow(where, config.root, reproduces=reproduces)
    if session.as_json:
        session.answer({"registry": str(where), **{key: str(made[key]) for key in made.keys() - {"index"}}})
    else:
        session.say(*(f"made {_shown(file, where)}" for file in made.values()))
        session.say(*_next_steps(where, config, made))
    return 0


def _shown(file: Path, registry: Path) -> Path:
    """``file`` as the folder of the registry was given: from here, or in full."""
    return file if registry.is_absolute() else Path(os.path.relpath(file))


def _next_steps(where: Path, config: Config, made: Mapping[str, Path]) -> Iterator[str]:
    if "workflow" in made and repository.find_top(where) is None:
        top = made["workflow"].parents[len(FILE.parts) - 1]
        yield f"{_shown(top, where)} is in no git repository; the workflow runs once that folder is the top of one"
    if "index" not in made:
        return
    if "settings" not in made and config.registry != where.absolute():
        yield f"{config.root / NAME} does not name it: there, [registry] path = {json.dumps(str(where))} would"
    yield "next: `tinyai import` takes in a model that you have, `tinyai new-plugin` begins one that a table trains"
