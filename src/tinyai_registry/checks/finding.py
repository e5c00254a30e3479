"""What a check reports: which rule is broken, how bad that is, where, and in which model.

Words in a finding are as they were found, perhaps shortened: whoever writes a finding escapes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tinyai_registry.documents.excuses import Excuse


class Severity(StrEnum):
    """How bad it is: an error fails a validation, a warning only a strict one, an info none."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True)
class Rule:
    """One thing that can be wrong.

    ``code`` and ``slug`` name it and never change their meaning; ``why`` and ``mend`` explain it.
    """

    code: str
    slug: str
    severity: Severity
    title: str
    why: str
    mend: str


@dataclass(frozen=True)
class Flaw:
    """A rule that a document or a file breaks, reported by a check that knows no registry.

    ``pointer`` is a JSON pointer inside that document, empty for the whole of it.
    """

    rule: Rule
    message: str
    pointer: str = ""


@dataclass(frozen=True)
class Finding:
    """A rule that a registry breaks: in which file, where in it, and in which model.

    ``file`` is relative to the registry folder, with forward slashes; what is wrong with a binary file is found at the
    place in the JSON document that vouches for it. ``line`` and ``column`` count from 1, ``length`` is how many
    characters of that line are meant; for a whole file all three are 1. ``excuse`` is what the project
    knows of it, if it does.
    """

    rule: Rule
    file: str
    message: str
    pointer: str = ""
    model: str | None = None
    line: int = 1
    column: int = 1
    length: int = 1
    excuse: Excuse | None = None
