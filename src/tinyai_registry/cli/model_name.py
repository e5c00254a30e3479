"""The name of a model on the command line: a shell completes it."""

from __future__ import annotations

import io
from collections.abc import Iterable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import click
from click.shell_completion import CompletionItem

from tinyai_registry.errors import TinyaiError

# What an argument is called that takes the names of models.
ARGUMENTS = frozenset({"model", "models"})


class ModelName(click.types.StringParamType):
    """The id of a model that the registry has or, if ``declared``, a plugin declares. Whoever uses it checks it."""

    def __init__(self, *, declared: bool) -> None:
        self.declared = declared

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The ids that begin as ``incomplete``; none where there is no registry to ask. Whatever is printed is lost."""
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            known = _declared() if self.declared else _registered(ctx.params.get("registry"))
        return [CompletionItem(name) for name in sorted(known) if name.startswith(incomplete) and name.isprintable()]


def complete_names(command: click.Command, *, declared: bool) -> None:
    """Let shells complete the names of models that ``command``, or a command below it, takes as arguments."""
    for parameter in command.params:
        if parameter.name in ARGUMENTS and isinstance(parameter, click.Argument):
            parameter.type = ModelName(declared=declared)
    for below in command.commands.values() if isinstance(command, click.Group) else ():
        complete_names(below, declared=declared)


def _registered(given: Path | None) -> Iterable[str]:
    from tinyai_registry.documents.config import find_config
    from tinyai_registry.store.registry import open_registry

    try:
        rows = open_registry(find_config(Path.cwd()).registry_folder(given)).rows
    except (OSError, TinyaiError):
        return ()
    return (row["id"] for row in rows if isinstance(row.get("id"), str))


def _declared() -> Iterable[str]:
    from tinyai_registry.plugins.discovery import discover

    return (recipe.id for recipe in discover().recipes)
