"""``tinyai completion SHELL``."""

from __future__ import annotations

import click
from click.shell_completion import ShellComplete, get_completion_class

from tinyai_registry.cli.session import Session, in_session

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_TINYAI_COMPLETE"


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@in_session
def command(session: Session, shell: str) -> int:
    """Print what makes a shell complete commands, options and names of models.

    For bash, put `eval "$(tinyai completion bash)"` into ~/.bashrc; for zsh the same with zsh into ~/.zshrc, behind
    compinit; for fish, `tinyai completion fish | source` into ~/.config/fish/config.fish.
    """
    found = get_completion_class(shell)
    assert found is not None  # noqa: S101  # click has those three
    # Not its own `source`: that of bash starts a bash to ask for its version.
    script = ShellComplete.source(found(click.get_current_context().find_root().command, {}, "tinyai", VARIABLE))
    if session.as_json:
        session.answer({"shell": shell, "script": script})
    else:
        session.answers.write(script)
    return 0
