"""What can be wrong with the signature that a row names."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from tinyai_registry.checks.files import Folder, shown
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.model import Model
from tinyai_registry.checks.reading import document
from tinyai_registry.documents import strict_json

NO_BUNDLE = Rule(
    "TAI711",
    Severity.ERROR,
    "a signature bundle is named but missing",
    "A loader that verifies signatures refuses the model; one that does not shows a signature that nobody can check.",
    "Sign the model and put the bundle there, or remove `sigstore_bundle` from the row.",
)
STALE = Rule(
    "TAI712",
    Severity.ERROR,
    "a signature bundle signs other bytes",
    "The bundle names the digest that was signed, and it is not that of the ONNX file: the signature is from an "
    "earlier release.",
    "Sign the new bytes.",
)


def of_model(model: Model, folder: Folder) -> Iterator[Finding]:
    """Whether the signature that the row of ``model`` names is there, and signs what is there."""
    name = model.row.get("sigstore_bundle")
    if not isinstance(name, str):
        return
    file = folder.fetch(name, strict_json.MAX_BYTES)
    if file.data is None:
        for flaw in file.flaws:
            rule = NO_BUNDLE if flaw.message.endswith("is missing") else flaw.rule
            yield model.in_row(rule, flaw.message, "sigstore_bundle")
        return
    bundle = document(file, model.id)
    if bundle.finding is not None:
        yield bundle.finding
        return
    signed = _signed_digest(bundle.value)
    if signed is not None and model.graph is not None and signed != model.graph.file.sha256:
        what = f"{shown(name)} signs the digest {signed}, {shown(model.graph.file.name)} has {model.graph.file.sha256}"
        yield model.in_row(STALE, what, "sigstore_bundle")


def _signed_digest(bundle: dict[str, Any]) -> str | None:
    """SHA-256 in hex of what a Sigstore bundle of a message signature signs; None for other kinds of bundles."""
    try:
        found = bundle["messageSignature"]["messageDigest"]
        if found.get("algorithm") != "SHA2_256":
            return None
        return base64.b64decode(found["digest"], validate=True).hex()
    except (AttributeError, KeyError, TypeError, binascii.Error):
        return None
