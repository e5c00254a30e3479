"""``tinyai recover [DIR]``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.store.recovery import recover


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@registry_option
@lock_timeout_option
@in_session
def command(session: Session, folder: Path | None, registry: Path | None, lock_timeout: float) -> int:
    """Finish what a killed refresh left half-done.

    Other commands do so by themselves, if they may write.
    """
    root = session.config.registry_folder(folder or registry)
    try:
        models = recover(root, lock_timeout)
    except OSError as error:
        raise RegistryBusyError(f"{root} cannot be mended from here: {error.strerror}") from error
    if session.as_json:
        session.answer({"recovered": models})
    else:
        session.answers.write(f"recovered: {', '.join(models) or 'nothing to do'}\n")
    return 0
