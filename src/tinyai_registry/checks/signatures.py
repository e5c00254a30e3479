"""What can be wrong with the signature that a row names."""

from __future__ import annotations

from collections.abc import Iterator

from tinyai_registry.checks.files import MISSING
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.bundle import signed_digest
from tinyai_registry.files import File, Folder
from tinyai_registry.text import shorten

NO_BUNDLE = Rule(
    "TAI711",
    "signature-missing",
    Severity.ERROR,
    "a signature bundle is named but missing",
    "A loader that verifies signatures refuses the model; one that does not shows a signature that nobody can check.",
    "Sign the model and put the bundle there, or remove `sigstore_bundle` from the row.",
)
STALE = Rule(
    "TAI712",
    "signature-mismatch",
    Severity.ERROR,
    "a signature bundle signs other bytes",
    "The bundle names the digest that was signed, and it is not that of the ONNX file: the signature is from an "
    "earlier release.",
    "Sign the new bytes.",
)

NOTHING_SIGNED = Rule(
    "TAI713",
    "signature-unclear",
    Severity.WARNING,
    "a signature bundle does not say what it signs",
    "It names no SHA-256 of a message: it is empty, or another kind of bundle. Whether it belongs to the ONNX file "
    "cannot be told without asking Sigstore.",
    "Sign the ONNX file itself (`cosign sign-blob --bundle`), or verify the bundle by other means.",
)


def of_model(model: Subject, folder: Folder) -> Iterator[Finding]:
    """Whether the signature that the row of ``model`` names is there, and signs what is there."""
    name = model.row.get("sigstore_bundle")
    if not isinstance(name, str):
        return
    bundle = read_document(folder.fetch(name, strict_json.MAX_BYTES), model.id)
    for flaw in file_flaws(bundle):
        yield model.in_row(NO_BUNDLE if flaw.rule is MISSING else flaw.rule, flaw.message, "sigstore_bundle")
    if isinstance(bundle, BrokenDocument):
        yield bundle.finding
    if not isinstance(bundle, Document):
        return
    signed = signed_digest(bundle.value)
    if signed is None:
        yield model.in_row(NOTHING_SIGNED, f"{shorten(name)} names no SHA-256 that it signs", "sigstore_bundle")
    file = None if model.graph is None else model.graph.file
    if signed is not None and isinstance(file, File) and file.data and signed != file.sha256:
        what = f"{shorten(name)} signs the digest {signed}, the ONNX file has {file.sha256}"
        yield model.in_row(STALE, what, "sigstore_bundle")
