"""Write ``docs/checks.md`` from the rules: ``python -m tinyai_registry.checks.page > docs/checks.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator

from tinyai_registry.checks.catalogue import rules
from tinyai_registry.checks.finding import Rule

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
        yield f"| [{rule.code}](#{rule.code.lower()}) | {rule.slug} | {rule.severity} | {_markdown(rule.title)} |"
    yield ""


def _section(rule: Rule) -> str:
    return (
        f"## {rule.code}\n\n**{_markdown(rule.title)}** (`{rule.slug}`, {rule.severity})\n\n"
        f"{_markdown(rule.why)}\n\n*How to mend it:* {_markdown(rule.mend)}\n"
    )


def _markdown(text: str) -> str:
    """``text`` with nothing in it that would be taken for HTML or a table's edge; what stands in backticks stays."""
    parts = text.split("`")
    parts[::2] = [part.replace("<", "&lt;").replace("|", "&#124;") for part in parts[::2]]
    return "`".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page(rules().values()))
