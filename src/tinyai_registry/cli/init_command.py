"""``tinyai init [DIR]``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.errors import ConfigError
from tinyai_registry.store.publish import init


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@registry_option
@in_session
def command(session: Session, folder: Path | None, registry: Path | None) -> int:
    """Make an empty registry."""
    where = folder or registry or session.config.registry
    if where is None:
        raise ConfigError("where? Give a folder: tinyai init DIR")
    index = init(where)
    if session.as_json:
        session.answer({"registry": str(where)})
    else:
        session.answers.write(f"made {index}\n")
    return 0
