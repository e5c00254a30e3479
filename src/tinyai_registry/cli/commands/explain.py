"""``tinyai explain [CODE]...``."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import fill

import click

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Rule
from tinyai_registry.checks.selection import find_codes
from tinyai_registry.cli.session import Session, in_session

WIDTH = 80


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE]...")
@in_session
def command(session: Session, codes: tuple[str, ...]) -> int:
    """Say why a finding matters and how to mend it.

    CODE is a code or a slug; TAI4 stands for every code that begins so. Without a code, all of them are listed.
    """
    known = rules()
    chosen = [known[code] for code in find_codes(codes, known)] if codes else list(known.values())
    if session.as_json:
        session.answer({"rules": [asdict(rule) for rule in chosen]})
    elif codes:
        session.answers.write("\n".join(_explanation(rule) for rule in chosen))
    else:
        session.answers.write("".join(map(_line, chosen)))
    return 0


def _line(rule: Rule) -> str:
    head = f"{rule.code}  {rule.slug:<20}  {rule.severity:<7}  "
    return fill(rule.title, WIDTH, initial_indent=head, subsequent_indent=" " * len(head)) + "\n"


def _explanation(rule: Rule) -> str:
    head = f"{rule.severity}[{rule.code} {rule.slug}]: {rule.title}"
    return f"{head}\n\n{fill(rule.why, WIDTH)}\n\nHow to mend it:\n{fill(rule.mend, WIDTH)}\n"
