"""``tinyai recover [DIR]``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from tinyai_registry.cli.answer import tell
from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.errors import RegistryBusyError
from tinyai_registry.files import explain
from tinyai_registry.store.recovery import recover

REMEDY = "Put that right, or replace the release: `tinyai refresh {model}` or `tinyai rollback {model}`"


@click.command()
@click.argument("folder", required=False, metavar="[DIR]", type=click.Path(path_type=Path))
@registry_option
@lock_timeout_option
@in_session
def command(session: Session, folder: Path | None, registry: Path | None, lock_timeout: float) -> int:
    """Finish what a killed refresh left half-done.

    Commands that write do so by themselves; those that read say what is pending. This one also brings up what lags
    behind the log for another reason, such as a merge in git. Exit codes: 0 done, 2 there is no registry, 5 it is
    busy, or something could not be restored.
    """
    root = session.config.registry_folder(folder or registry)
    try:
        done = recover(root, lock_timeout)
    except OSError as error:
        raise RegistryBusyError(f"{root} cannot be mended from here: {explain(error)}") from error
    if session.as_json:
        session.answer(asdict(done))
    else:
        session.say(f"recovered: {', '.join(done.recovered) or 'nothing to do'}")
    for model, why in done.stuck.items():
        tell(f"tinyai: {model} cannot be brought up to its log: {why}. {REMEDY.format(model=model)}")
    return RegistryBusyError.exit_code if done.stuck else 0
