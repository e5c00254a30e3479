"""``tinyai table``: from libvmaf's logs to a corpus."""

from __future__ import annotations

import click

from tinyai_registry.cli.commands.table.build import build
from tinyai_registry.cli.commands.table.check import check
from tinyai_registry.cli.commands.table.combine import combine
from tinyai_registry.cli.commands.table.diff import diff


@click.group()
def command() -> None:
    """From libvmaf's logs to a feature table: build one, combine several, check one, tell two apart."""


for each in (build, combine, check, diff):
    each.short_help = (each.help or "").partition("\n")[0]  # click's own is cut in the middle of the sentence
    command.add_command(each)
