"""The answer of a command: kept until the command is done, so that an answer is whole or none is given."""

from __future__ import annotations

import io
from typing import TextIO

import click

from tinyai_registry.documents import strict_json
from tinyai_registry.text import log_line


class Answer(io.StringIO):
    """What a command writes for standard output; ``give`` writes it there."""

    def __init__(self, stdout: TextIO) -> None:
        super().__init__()
        self._stdout = stdout

    def isatty(self) -> bool:
        """Whether a terminal will show it."""
        return self._stdout.isatty()

    def give(self) -> None:
        """Write it all. Raises BrokenPipeError if whoever was to read it has gone."""
        self._stdout.write(self.getvalue())
        self._stdout.flush()


def write_failure(stdout: TextIO, kind: str, message: str, exit_code: int) -> None:
    """The one JSON document of a command that failed."""
    stdout.write(strict_json.dumps({"error": {"type": kind, "message": message, "exit_code": exit_code}}))


def echo_failure(message: str) -> None:
    """The one line of a command that failed, on standard error."""
    tell(f"tinyai: {message}")


def tell(*lines: str) -> None:
    """Write each of ``lines`` as one line of standard error, whatever words are in it."""
    for line in lines:
        click.echo(log_line(line), err=True)
