"""What can be wrong with the signature that a row names, as far as it can be told without checking the signature."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date
from typing import Any

from tinyai_registry.checks import pinned
from tinyai_registry.checks.files import MISSING
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.extra_schema import extra_schema_name
from tinyai_registry.documents.signature_bundle import SignatureBundle, read_bundle
from tinyai_registry.documents.trust_policy import Trust
from tinyai_registry.files import MAX_BYTES, File, Folder
from tinyai_registry.text import shorten

KEY = "sigstore_bundle"

NO_BUNDLE = Rule(
    "TAI711",
    "signature-missing",
    Severity.ERROR,
    "a signature bundle is named but missing",
    "A loader that verifies signatures refuses the model; one that does not shows a signature that nobody can check. "
    "Where the bundle is there, that alone proves nothing about who signed: `tinyai verify` does.",
    "Sign the model (`tinyai sign`), or remove `sigstore_bundle` from the row.",
)
STALE = Rule(
    "TAI712",
    "signature-mismatch",
    Severity.ERROR,
    "a signature bundle signs other bytes",
    "What the bundle says was signed is not this release: other bytes, fewer or more files, or another model. The "
    "signature is from an earlier release, or was copied.",
    "Sign what is there now (`tinyai sign`).",
)
NOTHING_SIGNED = Rule(
    "TAI713",
    "signature-unclear",
    Severity.WARNING,
    "a signature bundle does not say what it signs",
    "It names no SHA-256 of a message and lists no files: it is empty, or another kind of bundle. Whether it belongs "
    "to the release cannot be told.",
    "Sign the release (`tinyai sign`), or verify the bundle by other means.",
)
UNVERIFIED = Rule(
    "TAI714",
    "signature-unverified",
    Severity.INFO,
    "a signature was not checked here",
    "The bundle is there and says that it signs these bytes. Anyone can write that: whether the signature holds, and "
    "whose it is, takes cryptography, which the light installation does not have.",
    "`tinyai verify`, with `tinyai-registry[sign]`, checks it.",
)
UNSIGNED = Rule(
    "TAI715",
    "unsigned-release",
    Severity.ERROR,
    "a release that has to be signed is not",
    "`[trust]` of tinyai.toml requires a signature of all its files. Without one, whoever may push can invent a "
    "release that agrees with itself.",
    "Let somebody whom `[trust]` names sign it: `tinyai sign MODEL --key KEY`.",
)
STRANGER = Rule(
    "TAI716",
    "unknown-signer",
    Severity.ERROR,
    "a signature names nobody who may sign",
    "The key, certificate or identity in the bundle is none that `[trust]` of tinyai.toml names for this model on the "
    "day that the release was made.",
    "Let somebody whom it names sign; or name the signer there, in a change of its own that others review.",
)
REVOKED = Rule(
    "TAI717",
    "revoked-signature",
    Severity.ERROR,
    "a key or a release was revoked",
    "`[[trust.revoked]]` says since when it no longer counts. A signature that was good once can be put beside an old "
    "release at any time.",
    "Publish a release that is not revoked, signed with a key that is not.",
)


def of_model(
    model: Subject, folder: Folder, logged: Mapping[str, str] | None, trust: Trust | None, today: date
) -> Iterator[Finding]:
    """Whether the signature that the row of ``model`` names is there, signs what is there, and names a signer.

    ``logged`` are the digests of the release's files as its log has them, None where it has none.
    """
    if trust is not None and (why := trust.revocation_of(today, release=str(model.row.get("sha256")))):
        yield model.in_row(REVOKED, f"this release was revoked on {why.since}: {shorten(why.reason)}", "sha256")
    name, bundle = model.row.get(KEY), None
    if isinstance(name, str):
        read = read_document(folder.fetch(name, strict_json.MAX_BYTES), model.id)
        for flaw in file_flaws(read):
            yield model.in_row(NO_BUNDLE if flaw.rule is MISSING else flaw.rule, flaw.message, KEY)
        if isinstance(read, BrokenDocument):
            yield read.finding
        if isinstance(read, Document):
            bundle = read_bundle(read.value)
            yield _of_bundle(model, bundle, dict(release_files(model, folder) if logged is None else logged))
    if trust is not None and "member_of" not in model.said:  # an ensemble is signed as a whole
        yield from _of_signer(model, bundle, trust, today)


def release_files(model: Subject, folder: Folder) -> dict[str, str]:
    """The digests of the files that belong to the release of ``model``, for one that has no log."""
    beside = {model.row.get(KEY), model.row.get("quant_calibration_set")}
    own = {f"{model.stem}.json", extra_schema_name(str(model.id))}
    if isinstance(members := model.said.get("members"), list):
        own |= {f"{each['id']}.json" for each in members if isinstance(each, dict) and "id" in each}
    fetched = {name: folder.fetch(name, MAX_BYTES) for name in sorted((pinned.claimed(model) | own) - beside)}
    return {name: file.sha256 for name, file in fetched.items() if isinstance(file, File)}


def made_on(said: Mapping[str, Any], today: date) -> date:
    """The day on which a release was made, as its sidecar, which is among what is signed, says; else ``today``."""
    with suppress(KeyError, TypeError, ValueError):
        return date.fromisoformat(said["provenance"]["time"][:10])
    return today


def _of_bundle(model: Subject, bundle: SignatureBundle | None, files: Mapping[str, str]) -> Finding:
    name = shorten(str(model.row[KEY]))
    if bundle is None:
        return model.in_row(NOTHING_SIGNED, f"{name} names no SHA-256 that it signs", KEY)
    if wrong := mismatch(model, bundle, files):
        return model.in_row(STALE, f"{name} {wrong}", KEY)
    return model.in_row(UNVERIFIED, f"{name} says that it signs these bytes; `tinyai verify` checks whether", KEY)


def mismatch(model: Subject, bundle: SignatureBundle, files: Mapping[str, str]) -> str | None:
    """How what ``bundle`` signs is not the release of ``files``, in words that follow its name."""
    if bundle.files is None:
        file = None if model.graph is None else model.graph.file
        same = not (isinstance(file, File) and file.data) or bundle.message == file.sha256
        return None if same else f"signs the digest {bundle.message}, the ONNX file has {model.row.get('sha256')}"
    if bundle.subject != model.id:
        return f"signs a model that is called {shorten(str(bundle.subject))}"
    for each, _ in sorted(bundle.files.items() ^ files.items()):
        if each not in bundle.files:
            return f"does not sign {shorten(each)}"
        return f"signs {shorten(each)} with another digest" if each in files else f"signs {shorten(each)}, too"
    return None


def _of_signer(model: Subject, bundle: SignatureBundle | None, trust: Trust, today: date) -> Iterator[Finding]:
    if bundle is None or bundle.files is None:
        if trust.requires(model.said.get("stage")):
            what = "nobody has signed this release" if bundle is None else "its signature is of the ONNX file alone"
            yield model.in_row(UNSIGNED, f"{what}, and tinyai.toml requires it", KEY)
        return
    if why := trust.revocation_of(today, key=bundle.key):
        yield model.in_row(REVOKED, f"the key that signed was revoked on {why.since}: {shorten(why.reason)}", KEY)
    made, named = made_on(model.said, today), trust.named_by(bundle)
    if not named:
        yield model.in_row(STRANGER, "the bundle names no signer that tinyai.toml knows", KEY)
    elif not any(signer.may_sign(str(model.id), made) for signer in named):
        who = ", ".join(shorten(signer.name) for signer in named)
        yield model.in_row(STRANGER, f"{who} may not sign {shorten(str(model.id))} as it was made on {made}", KEY)
