"""``tinyai``: the group of commands. ``--help`` loads none of them."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib import import_module
from io import StringIO
from keyword import iskeyword
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import click
from click.shell_completion import CompletionItem

from tinyai_registry.cli.answer import echo_failure, write_failure
from tinyai_registry.cli.examples import FIRST, add_examples, write_lines
from tinyai_registry.cli.interruption import Interrupted, as_interrupted, interruption_of, raise_on_signals
from tinyai_registry.cli.model_name import complete_names
from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.cli.streams import prepare_streams
from tinyai_registry.errors import TinyaiError, in_words
from tinyai_registry.text import log_line, suggest
from tinyai_registry.workflows.heavy_imports import uncollected

# The commands by what they are for, and the first line of the help of each, so that `tinyai --help` need not import it:
# a test compares.
SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Begin": {
        "init": "Make an empty registry, and a tinyai.toml that names it.",
        "import": "Publish a model that others made, at stage `proposed`: nothing is trained or judged here.",
        "new-plugin": "Write a new plugin: recipe, made table, tests, ready to install.",
        "plugins": "List the installed plugins and what became of them.",
    },
    "Make releases": {
        "table": "From libvmaf's logs to a feature table: build one, combine several, check one, tell two apart.",
        "refresh": "Retrain a model from a fresh table and publish it, if its gate passes.",
        "evaluate": "Cross-validate a model on a table and judge it; publish nothing.",
    },
    "Look and ask": {
        "status": "Show what each model needs: which are stale, and why; the most urgent first.",
        "list": "List the models of a registry, each with its score, date, stage and licence.",
        "show": "Show one registered model.",
        "score": "Predict with a registered model: a score for each row of a table or log, and pooled.",
        "diff": "Compare two releases of a model: gate, figures, folds, recipe, table, drift, files.",
        "log": "Show what happened to a model, or to all of them: publishes, refusals, rollbacks; oldest first.",
        "site": "Write the registry as a static catalogue: pages to search, compare and download, without a server.",
    },
    "Check": {
        "validate": "Check a registry: every document, file and graph, and whether they agree.",
        "explain": "Say why a finding matters and how to mend it.",
        "schema": "Print a JSON Schema; without a NAME, list them.",
    },
    "Change and mend": {
        "rollback": "Publish an earlier release of a model again.",
        "remove": "Take a model out of the registry: row, files and signatures; its log keeps what it was.",
        "rename": "Give a model another id; its graphs stay as they are.",
        "migrate": "Rewrite sidecars of earlier dialects in today's, and mend what has one right answer.",
        "recover": "Finish what a killed refresh left half-done.",
        "prune": "Drop the files of old releases from the store; the last three of each model stay.",
    },
    "Prove": {
        "reproduce": "Make a release again from its table, and say whether it is the one that was published.",
        "sign": "Sign all files of a release as one; the bundle goes beside it, its name into the row.",
        "verify": "Check signatures: that they hold, whose they are, that they sign what row, log and disk agree on.",
        "bom": "Write a bill of materials of the registry: models, files, licences, cards, data sets; CycloneDX 1.6.",
    },
    "Shell": {
        "completion": "Print what makes a shell complete commands, options and names of models.",
    },
}
COMMANDS: Mapping[str, str] = {name: said for section in SECTIONS.values() for name, said in section.items()}

# Those of them that are asked of a plugin, and not of the registry.
OF_DECLARED = frozenset({"refresh", "evaluate", "table"})


class _Stopped(Exception):  # noqa: N818 - no error
    """Carries an interruption past click, which would say "Aborted!" and exit with 1."""

    def __init__(self, interrupted: Interrupted) -> None:
        super().__init__(str(interrupted))
        self.exit_code = interrupted.exit_code


class Commands(click.Group):
    """Finds a command in the module that is named after it."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line and exit. With ``--json``, what click refuses is one JSON document, too."""
        if args is None:  # the process is ours, and not a program's that calls us
            raise_on_signals()
        try:
            code = self._answer(args, prog_name, complete_var, extra)
            sys.stdout.flush()
        except BrokenPipeError:  # whoever was to read it has gone
            code = 1
        except OSError as error:  # commands have words for all others
            code = TinyaiError.exit_code
            why = error.strerror or error
            echo_failure(f"cannot write the answer to standard output: {why}; the command itself has run")
        if standalone_mode:
            sys.exit(code)
        return code

    def _answer(
        self, args: Sequence[str] | None, prog_name: str | None, complete_var: str | None, extra: Mapping[str, Any]
    ) -> Any:
        """The exit code of the command line, of which everything was said."""
        as_json = _asks_for_json(sys.argv[1:] if args is None else args)
        try:
            return super().main(args, prog_name, complete_var, standalone_mode=False, **extra)
        except click.ClickException as error:
            if as_json:
                write_failure(sys.stdout, type(error).__name__, error.format_message(), error.exit_code)
            page = StringIO()
            error.show(file=page)
            click.echo("\n".join(map(_line_of_page, page.getvalue().splitlines())), err=True)
            return error.exit_code
        except _Stopped as stopped:
            if as_json:
                write_failure(sys.stdout, Interrupted.__name__, str(stopped), stopped.exit_code)
            echo_failure(str(stopped))
            return stopped.exit_code

    def invoke(self, ctx: click.Context) -> Any:
        """Import the command and run it."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as interrupt:
            raise _Stopped(as_interrupted(interrupt)) from interrupt

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the first word names."""
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            ctx.fail(f"there is no command {name!r}{suggest(name, COMMANDS)}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List them by what they are for, not in the order of the alphabet."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command."""
        if cmd_name not in COMMANDS:
            return None
        if _is_nowhere():
            return _unavailable(cmd_name, "the working directory does not exist any more; change to one that does")
        try:
            command: click.Command = _import(f"tinyai_registry.cli.commands.{_module(cmd_name)}").command
        except (ImportError, MemoryError) as error:
            if (interrupted := interruption_of(error)) is not None:
                raise interrupted from error
            if (told := in_words(error)) is None:
                raise
            command = _unavailable(cmd_name, str(told))
        add_examples(command, cmd_name)
        complete_names(command, declared=cmd_name in OF_DECLARED)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin as ``incomplete``, none of them imported, and the options."""
        found = [CompletionItem(name, help=said) for name, said in COMMANDS.items() if name.startswith(incomplete)]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Take their help from the table above; importing every command would cost seconds."""
        for heading, commands in SECTIONS.items():
            with formatter.section(heading):
                formatter.write_dl(list(commands.items()))


def _line_of_page(line: str) -> str:
    """A line of what click shows. The tabs that it indents with are its own, others are anybody's."""
    words = line.lstrip("\t")
    return "  " * (len(line) - len(words)) + log_line(words)


def _asks_for_json(words: Sequence[str]) -> bool:
    """Whether ``--json`` is among the options. Click may have failed before it parsed that."""
    return "--json" in words[: words.index("--") if "--" in words else None]


def _module(command: str) -> str:
    """What the module of ``command`` is called; a word of Python's takes an underscore, as is usual."""
    return f"{command.replace('-', '_')}{'_' * iskeyword(command)}"


def _import(name: str) -> ModuleType:
    """Import the module ``name``."""
    if name in sys.modules:
        return sys.modules[name]
    with uncollected():
        return import_module(name)


def _is_nowhere() -> bool:
    """Whether there is no working directory any more: paths lead nowhere, and some libraries end the process."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _unavailable(name: str, why: str) -> click.Command:
    """A command that cannot be imported, as where the lab is not installed: it has a help page, and says ``why``."""
    lenient = {"ignore_unknown_options": True, "allow_extra_args": True}

    @click.command(name, help=f"{COMMANDS[name]}\n\nNot available here: {why}", context_settings=lenient)
    @in_session
    def refuse(session: Session) -> int:
        raise TinyaiError(f"`tinyai {name}` is not available here: {why}")

    return refuse


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]}, epilog=write_lines(FIRST))
@click.version_option(package_name="tinyai-registry", prog_name="tinyai")
@click.option("--debug", is_flag=True, help="Show a traceback where something goes wrong.")
@click.option("--no-plugins", is_flag=True, help="Import no plugin but the built-in.")
def main(debug: bool, no_plugins: bool) -> None:
    """A registry of tiny ONNX models: refreshed from a feature table, published whole or not at all."""


def run() -> NoReturn:
    """Be the program ``tinyai``: run the command line, and end the process without taking apart what it has imported.

    For torch and pandas that takes an eighth of a second, and for a light command an eighth of its time. What others
    have asked for at the end is done, and what is buffered is written, by C libraries too.
    """
    prepare_streams()
    try:
        main(prog_name="tinyai")
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        code = end.code
    import ctypes  # noqa: PLC0415 - it is for the end alone

    atexit._run_exitfuncs()  # noqa: SLF001 - it has no public name
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # whoever was to read it has gone
            stream.flush()
    ctypes.CDLL(None).fflush(None)
    os._exit(code)
