"""What can be wrong with the attestation of a release: its form, its files, and what they were made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.checks import files
from tinyai_registry.checks.files import MISSING
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import attestation, strict_json
from tinyai_registry.documents.attestation import attestation_name
from tinyai_registry.documents.schema import violations
from tinyai_registry.documents.sidecar_types import as_sidecar
from tinyai_registry.files import MAX_BYTES, File, Folder
from tinyai_registry.text import shorten

FORM = Rule(
    "TAI721",
    "attestation-schema",
    Severity.ERROR,
    "an attestation breaks its schema",
    "It is an in-toto statement with a SLSA provenance, which tools for supply chains read; `tinyai schema "
    "attestation` prints what it has to be.",
    "Restore the file of the release; a refresh writes it.",
)
SUBJECTS = Rule(
    "TAI722",
    "attested-files",
    Severity.ERROR,
    "an attestation is not about the files of the release",
    "Its subjects are all files of the release but itself, with their digests: a file that is not among them, or is "
    "another now, is vouched for by nobody.",
    "Restore the files of the release from git, or publish it again.",
)
MATERIALS = Rule(
    "TAI723",
    "attested-materials",
    Severity.ERROR,
    "an attestation names other materials than the sidecar",
    "Both say from which table, by which recipe and by which plugin the model was made. Where they differ, one of them "
    "belongs to another release.",
    "Restore the files of the release from git, or publish it again.",
)


def of_model(model: Subject, folder: Folder) -> Iterator[Finding]:
    """Whether the attestation of ``model``, if it has one, is about it. A release of before there were any has none."""
    if model.id is None or "evaluation" not in model.said or "member_of" in model.said:
        return
    name = attestation_name(model.id)
    read = read_document(folder.fetch(name, strict_json.MAX_BYTES), model.id)
    for flaw in file_flaws(read):
        if flaw.rule is not MISSING:  # that it is gone, the log knows
            yield Finding(flaw.rule, name, flaw.message, "", model.id)
    if isinstance(read, BrokenDocument):
        yield read.finding
    if not isinstance(read, Document):
        return
    wrong = violations("attestation", read.value)
    broken = [Finding(FORM, name, each.message, each.pointer, model.id) for each in wrong]
    yield from broken or (*_subjects(model, name, read.value, folder), *_materials(model, name, read.value))


def of_log(model: str, files: Mapping[str, str], folder: Folder) -> Iterator[Finding]:
    """Whether the attestation among ``files``, those of the last release in the log, is about all the others."""
    name = attestation_name(model)
    read = read_document(folder.fetch(name, strict_json.MAX_BYTES), model) if name in files else None
    if not isinstance(read, Document) or next(violations("attestation", read.value), None):
        return  # what is wrong with it was found with the model
    others = {each: sha256 for each, sha256 in files.items() if each != name}
    for each, _ in sorted(others.items() ^ attestation.subjects(read.value).items())[:1]:
        what = f"{shorten(each)} is not the same among its subjects and in the log"
        yield Finding(SUBJECTS, name, what, "/subject", model)


def _subjects(model: Subject, name: str, statement: dict[str, Any], folder: Folder) -> Iterator[Finding]:
    about = attestation.subjects(statement)
    for index, each in enumerate(statement["subject"]):
        at, said = f"/subject/{index}", each["digest"]["sha256"]
        file = folder.fetch(each["name"], MAX_BYTES)
        for flaw in files.flaws(file):
            yield Finding(SUBJECTS if flaw.rule is MISSING else flaw.rule, name, flaw.message, f"{at}/name", model.id)
        if isinstance(file, File) and file.sha256 != said:
            what = f"{shorten(file.name)} has the digest {file.sha256}, not {said}{files.line_ends(file, said)}"
            yield Finding(SUBJECTS, name, what, f"{at}/digest/sha256", model.id)
    for missing in sorted(_own_files(model) - about.keys()):
        yield Finding(SUBJECTS, name, f"{shorten(missing)} is not among its subjects", "/subject", model.id)


def _own_files(model: Subject) -> set[str]:
    said = as_sidecar(model.said)
    documents = {f"{each}.json" for each in (said["id"], *(member["id"] for member in said.get("members", ())))}
    pinned = [*said["artifacts"], *([said["plot"]] if "plot" in said else [])]
    return {f"{said['id']}.md", *documents, *(each["path"] for each in pinned)}


def _materials(model: Subject, name: str, statement: dict[str, Any]) -> Iterator[Finding]:
    at = "/predicate/buildDefinition/resolvedDependencies"
    recorded = statement["predicate"]["buildDefinition"]["resolvedDependencies"]
    for wanted in attestation.materials(as_sidecar(model.said)):
        if wanted not in recorded:
            what = f"{shorten(wanted['name'])} is not among its materials as the sidecar has it"
            yield Finding(MATERIALS, name, what, at, model.id)
