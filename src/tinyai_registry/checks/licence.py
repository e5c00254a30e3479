"""What can be wrong with the licence of a model."""

from __future__ import annotations

from collections.abc import Iterator

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.subject import Subject
from tinyai_registry.text import shorten

NONE = Rule(
    "TAI801",
    "no-licence",
    Severity.WARNING,
    "a row has no licence",
    "Without a licence nobody may use the model, whatever its page says.",
    "Write the SPDX expression of its licence into `license`.",
)
UNKNOWN = Rule(
    "TAI802",
    "unknown-licence",
    Severity.ERROR,
    "a licence is no SPDX expression that exists",
    "Tools that decide what may be shipped know licences by their SPDX identifiers; one that does not exist is "
    "refused, or worse, taken for a similar one. (BSD-3-Clause-Plus-Patent is no identifier; BSD-2-Clause-Patent is.)",
    "Look it up in the SPDX licence list; for one of your own write LicenseRef-<name>.",
)
DIFFERS = Rule(
    "TAI803",
    "licence-differs",
    Severity.WARNING,
    "row and sidecar name different licences",
    "Whoever reads one of the two uses the model under terms that the other denies.",
    "Make them the same. A refresh keeps the licence of the row, so a new one is written there first.",
)


def of_model(model: Subject) -> Iterator[Finding]:
    """Whether the licence in the row of ``model`` is one, and the sidecar's the same, or one as well."""
    licence = model.row.get("license")
    if licence is None:
        yield model.in_row(NONE, "the row has no license")
    elif isinstance(licence, str) and (flaw := find_flaw(licence)) is not None:
        yield model.in_row(UNKNOWN, flaw, "license")
    said = model.said.get("license")
    if isinstance(said, str) and isinstance(licence, str) and _canonicalize(said)[0] != _canonicalize(licence)[0]:
        yield model.in_sidecar(DIFFERS, f"the licence is {shorten(said)}, the row says {shorten(licence)}", "/license")
        if (flaw := find_flaw(said)) is not None:
            yield model.in_sidecar(UNKNOWN, flaw, "/license")


def find_flaw(licence: str) -> str | None:
    """Why ``licence`` is no SPDX expression; None if it is one.

    >>> find_flaw("BSD-2-Clause-Patent")
    """
    error = _canonicalize(licence)[1]
    return None if error is None else f"{shorten(licence)} is no SPDX expression: {shorten(error)}"


def _canonicalize(licence: str) -> tuple[str, str | None]:
    """``licence`` as the SPDX list spells it, or as it is and why it is on none: identifiers have no case."""
    if licence != licence.strip():
        return licence, "it begins or ends with blanks"
    try:
        return canonicalize_license_expression(licence), None
    except (InvalidLicenseExpression, ValueError, RecursionError) as error:
        return licence, str(error)
