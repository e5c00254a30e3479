"""What every command is run in: where its answer goes, which plugins it may load, how it fails."""

from __future__ import annotations

import shutil
import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tinyai_registry.cli.answer import Answer, echo_failure, tell, write_failure
from tinyai_registry.cli.interruption import as_interrupted, ignore_signals, interruption_of
from tinyai_registry.cli.streams import reserve_stdout
from tinyai_registry.documents import strict_json
from tinyai_registry.errors import TinyaiError, in_words
from tinyai_registry.text import log_line

if TYPE_CHECKING:
    from tinyai_registry.cli.publications import Watched
    from tinyai_registry.documents.config import Config
    from tinyai_registry.plugins.installed import Plugins
    from tinyai_registry.store.registry import Registry


@dataclass(frozen=True)
class Session:
    """One run of a command. What it writes into ``answers`` reaches standard output when it is done."""

    answers: Answer
    as_json: bool
    no_plugins: bool
    watched: list[Watched] = field(default_factory=list)

    @property
    def room(self) -> int | None:
        """How many characters a line of the answer has room for; None where no terminal shows it."""
        return shutil.get_terminal_size().columns if self.answers.isatty() else None

    def answer(self, document: Mapping[str, Any]) -> None:
        """Write the command's one JSON document."""
        self.answers.write(strict_json.dumps(document))

    def watch(self, root: Path, models: Iterable[str]) -> None:
        """Call this before publishing any of ``models``: a command that is stopped tells what became of them."""
        from tinyai_registry.cli.publications import watch

        self.watched.append(watch(root, models))

    def describe_publications(self) -> list[str]:
        """What became of what is watched."""
        if not self.watched:
            return []
        from tinyai_registry.cli.publications import describe_publications

        return [describe_publications(each) for each in self.watched]

    def say(self, *lines: str) -> None:
        """Write each of ``lines`` as one line of standard output, whatever words are in it."""
        self.answers.writelines(f"{log_line(line)}\n" for line in lines)

    def fail(self, kind: str, message: str, exit_code: int) -> int:
        """One line on standard error and, if JSON was asked for, an object as the answer. Returns the exit code."""
        self.answers.truncate(0)
        self.answers.seek(0)
        if self.as_json:
            write_failure(self.answers, kind, message, exit_code)
        echo_failure(message)
        return exit_code

    @property
    def config(self) -> Config:
        """The settings of the project that the working directory is in."""
        from tinyai_registry.documents.config import find_config

        return find_config(Path.cwd())

    def open_to_read(self, given: Path | None) -> Registry:
        """The registry that ``--registry`` or the configuration names, as it stands; what is pending there is said."""
        from tinyai_registry.store.registry import open_registry

        registry = open_registry(self.config.registry_folder(given))
        self.tell_pending(registry.root)
        return registry

    def open_to_write(self, given: Path | None) -> Registry:
        """The registry that ``--registry`` or the configuration names, with what a killed writer left finished."""
        from tinyai_registry.store.recovery import settle
        from tinyai_registry.store.registry import open_registry

        root = self.config.registry_folder(given)
        settle(root)
        return open_registry(root)

    @staticmethod
    def tell_pending(root: Path) -> None:
        """Say on standard error what writers are at in ``root``, or left there."""
        from tinyai_registry.store.activity import tell_pending

        if told := tell_pending(root):
            tell(f"tinyai: {told}")

    def plugins(self) -> Plugins:
        """The installed plugins, unless ``--no-plugins`` was given."""
        from tinyai_registry.plugins.discovery import discover

        return discover(block_all=self.no_plugins)


registry_option = click.option(
    "--registry", type=click.Path(path_type=Path), help="The registry folder [default: from tinyai.toml]."
)
table_option = click.option(
    "--table",
    multiple=True,
    metavar="FILE",
    help="The feature table, parquet, a path or URL; CORPUS=FILE for each of several [default: from tinyai.toml].",
)


lock_timeout_option = click.option(
    "--lock-timeout",
    type=click.FloatRange(min=0),
    default=60.0,
    show_default=True,
    help="Seconds to wait for another writer of the registry.",
)


def in_session(run: Callable[..., int]) -> Callable[..., None]:
    """Make ``run(session, **parameters) -> exit code`` a click callback with ``--json``.

    A TinyaiError, what the system refuses, or a signal becomes one line on standard error (and, with ``--json``, an
    object on standard output) and its exit code; ``--debug`` adds the traceback.
    """

    @click.option("--json", "as_json", is_flag=True, help="One JSON document on standard output.")
    @wraps(run)
    def callback(as_json: bool, **parameters: Any) -> None:
        ctx = click.get_current_context()
        top = ctx.find_root().params
        with reserve_stdout() as stdout:
            session = Session(Answer(stdout), as_json, top["no_plugins"])
            code = _run(run, session, parameters, debug=top["debug"])
            session.answers.give()
        ctx.exit(code)

    return callback


def _run(run: Callable[..., int], session: Session, parameters: Mapping[str, Any], *, debug: bool) -> int:
    try:
        try:
            code = run(session, **parameters)
        except Exception as error:
            told = interruption_of(error) or in_words(error)
            if told is None or told is error:
                raise
            raise told from error
        ignore_signals()
    except TinyaiError as error:
        ignore_signals()
        if debug:
            _echo_traceback()
        return session.fail(type(error).__name__, str(error), error.exit_code)
    except KeyboardInterrupt as interrupt:
        ignore_signals()
        if debug:
            _echo_traceback()
        why = as_interrupted(interrupt)
        message = "; ".join((str(why), *session.describe_publications()))
        return session.fail(type(why).__name__, message, why.exit_code)
    return code


def _echo_traceback() -> None:
    tell(*traceback.format_exc().splitlines())
