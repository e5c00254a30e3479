"""What every command is run in: where its answer goes, which plugins it may load, how it fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from tinyai_registry.cli.stdout import reserved_stdout
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.config import Config, find_config
from tinyai_registry.errors import TinyaiError
from tinyai_registry.store.activity import observe
from tinyai_registry.store.recovery import settle
from tinyai_registry.store.registry import Registry, open_registry
from tinyai_registry.text import printable

if TYPE_CHECKING:
    from tinyai_registry.plugins.installed import Plugins


@dataclass(frozen=True)
class Session:
    """One run of a command. ``answers`` is the real standard output."""

    answers: TextIO
    as_json: bool
    no_plugins: bool

    def answer(self, document: Mapping[str, Any]) -> None:
        """The command's one JSON document."""
        self.answers.write(strict_json.dumps(document))

    def failed(self, error: TinyaiError) -> None:
        """One line on standard error and, if JSON was asked for, an object on standard output."""
        if self.as_json:
            about = {"type": type(error).__name__, "message": str(error), "exit_code": error.exit_code}
            self.answer({"error": about})
        click.echo("\n".join(map(printable, f"tinyai: {error}".split("\n"))), err=True)

    @property
    def config(self) -> Config:
        """The settings of the project that the working directory is in."""
        try:
            return find_config(Path.cwd())
        except FileNotFoundError as error:
            raise TinyaiError("the working directory does not exist any more; change to one that does") from error

    def open_to_read(self, given: Path | None) -> Registry:
        """The registry that ``--registry`` or the configuration names, as it stands; what is pending there is said."""
        registry = open_registry(self.config.registry_folder(given))
        self.tell_pending(registry.root)
        return registry

    def open_to_write(self, given: Path | None) -> Registry:
        """The registry that ``--registry`` or the configuration names, with what a killed writer left finished."""
        root = self.config.registry_folder(given)
        settle(root)
        return open_registry(root)

    @staticmethod
    def tell_pending(root: Path) -> None:
        """Say on standard error what writers are at in ``root``, or left there."""
        activity = observe(root)
        if activity.pending:
            click.echo(f"tinyai: {activity}", err=True)

    def plugins(self) -> Plugins:
        """The installed plugins, unless ``--no-plugins`` was given."""
        from tinyai_registry.plugins.discovery import discover

        return discover(block_all=self.no_plugins)


registry_option = click.option(
    "--registry", type=click.Path(path_type=Path), help="The registry folder [default: from tinyai.toml]."
)
table_option = click.option(
    "--table", type=click.Path(path_type=Path), help="The feature table, parquet [default: from tinyai.toml]."
)


lock_timeout_option = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for another writer of the registry.",
)


def in_session(run: Callable[..., int]) -> Callable[..., None]:
    """Makes ``run(session, **parameters) -> exit code`` a click callback with ``--json``.

    A TinyaiError, or what the system refuses, becomes one line on standard error (and, with ``--json``, an object on
    standard output) and its exit code; ``--debug`` adds the traceback.
    """

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @wraps(run)
    def callback(as_json: bool, **parameters: Any) -> None:
        ctx = click.get_current_context()
        top = ctx.find_root().params
        with reserved_stdout() as answers:
            session = Session(answers, as_json, top["no_plugins"])
            try:
                code = _run(run, session, parameters)
            except TinyaiError as error:
                if top["debug"]:
                    traceback.print_exc()
                session.failed(error)
                code = error.exit_code
        ctx.exit(code)

    return callback


def _run(run: Callable[..., int], session: Session, parameters: Mapping[str, Any]) -> int:
    try:
        return run(session, **parameters)
    except BrokenPipeError:  # whoever reads the answer has gone; click ends quietly
        raise
    except OSError as error:  # nobody below has a better word for it than the system's
        raise TinyaiError(f"{error.filename or 'the disk'}: {error.strerror or error}") from error
