"""Write ``docs/checks.md`` from the rules: ``python -m tinyai_registry.checks.page > docs/checks.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Rule
from tinyai_registry.text import markdown_cell, markdown_prose

INTRODUCTION = """\
# Checks

What `tinyai validate` can find: why each matters, and how to mend it. `tinyai explain CODE` prints the same. An error
fails a validation, a warning only with `--strict`, an info never. A code and its slug never change their meaning;
`--select`, `--ignore` and `explain` take either.

<!-- Made from the rules in src/tinyai_registry/checks by `make docs`. -->
"""


def page(catalogue: Iterable[Rule]) -> str:
    """An overview, then a section for each rule, under its code."""
    return "\n".join((INTRODUCTION, *_overview(catalogue), *(_section(rule) for rule in catalogue)))


def _overview(catalogue: Iterable[Rule]) -> Iterator[str]:
    yield "| code | slug | severity | finding |\n|---|---|---|---|"
    for rule in catalogue:
        title = markdown_cell(markdown_prose(rule.title))
        yield f"| [{rule.code}](#{rule.code.lower()}) | {rule.slug} | {rule.severity} | {title} |"
    yield ""


def _section(rule: Rule) -> str:
    return (
        f"## {rule.code}\n\n**{markdown_prose(rule.title)}** (`{rule.slug}`, {rule.severity})\n\n"
        f"{markdown_prose(rule.why)}\n\n*How to mend it:* {markdown_prose(rule.mend)}\n"
    )


if __name__ == "__main__":
    sys.stdout.write(page(rules().values()))
