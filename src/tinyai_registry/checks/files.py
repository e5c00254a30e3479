"""Find what is wrong with the files that a registry names, and files that it does not name."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from tinyai_registry.checks.finding import Finding, Flaw, Rule, Severity
from tinyai_registry.files import File, Folder, Problem, Unreadable, sha256_of
from tinyai_registry.text import shorten

OUTSIDE = Rule(
    "TAI201",
    "path-outside",
    Severity.ERROR,
    "a path leads out of the registry folder",
    "Whoever fetches or serves the registry reads or writes the file that a row names. With `..`, an absolute path, a "
    "drive letter or a link, a row can make them read any file of their machine.",
    "Put the file into the registry folder and name it relative to that, with forward slashes.",
)
MISSING = Rule(
    "TAI202",
    "file-missing",
    Severity.ERROR,
    "a file is named but missing",
    "The registry promises a file that a consumer will not find. It was not committed, was renamed, or lies outside "
    "what is published (a large-file pointer that was never fetched looks like this too).",
    "Restore the file, or remove what names it. `tinyai rollback` brings back a release that is whole.",
)
NOT_REGULAR = Rule(
    "TAI204",
    "not-a-regular-file",
    Severity.ERROR,
    "a file is not a regular, readable file",
    "A folder, a pipe or a device under a model's name makes loaders fail or wait for ever; an unreadable file cannot "
    "be checked by anyone.",
    "Put a regular file with the right permissions there.",
)
LINK = Rule(
    "TAI205",
    "linked-file",
    Severity.ERROR,
    "a file is linked to a place outside the registry folder",
    "Through a symbolic or hard link, whoever can write the other place changes the model without touching the "
    "registry, and a checkout or a copy elsewhere finds nothing or something else.",
    "Replace the link by a copy of the file.",
)
SIZE = Rule(
    "TAI206",
    "file-size",
    Severity.ERROR,
    "a file is empty or larger than the runtime loads",
    "The target runtime refuses such a file, and a reader without a limit could be made to fill its memory.",
    "Publish a file within the limit.",
)
ORPHAN_MODEL = Rule(
    "TAI207",
    "orphan-model",
    Severity.ERROR,
    "an ONNX file belongs to no row",
    "Nothing pins its bytes or says what it is, yet it lies where loaders look for models: it can be loaded by name, "
    "and nobody would notice if it changed.",
    "Remove the file, or add its row (`tinyai refresh` does).",
)
ORPHAN_DATA = Rule(
    "TAI208",
    "orphan-weights",
    Severity.ERROR,
    "a data file belongs to no graph",
    "It is a leftover: the weights that it holds are no longer read by any registered graph. It misleads whoever "
    "looks for the weights, and an old graph brought back would read it unchecked.",
    "Remove the file.",
)
ORPHAN_DOCUMENT = Rule(
    "TAI209",
    "orphan-document",
    Severity.WARNING,
    "a JSON file belongs to no row",
    "It looks like the sidecar of a model that was removed or renamed; readers that list sidecars take it for a model.",
    "Remove the file, or restore the row that it belonged to.",
)
NO_SIDECAR = Rule(
    "TAI210",
    "no-sidecar",
    Severity.ERROR,
    "a model has no sidecar",
    "Without <stem>.json beside the ONNX file nobody knows how to call the model or how it was judged; the target "
    "runtime falls back to defaults.",
    "Restore the sidecar, or publish the model with `tinyai refresh`.",
)
POINTER = Rule(
    "TAI211",
    "lfs-pointer",
    Severity.ERROR,
    "a file is a Git LFS pointer",
    "The repository keeps the file in Git LFS, and this checkout has only the few lines that stand for it. Whoever "
    "loads the model from here gets those lines.",
    "Run `git lfs pull`; in CI, check out with LFS (`lfs: true`).",
)

LINE_ENDS = "git has changed how its lines end (core.autocrlf); put `-text` into .gitattributes, and check it out again"

# JSON files that are not sidecars: the registry, schemas, signatures, attestations, and what lies in hidden folders.
_NO_SIDECAR = re.compile(r"(^|/)registry\.json\Z|\.(schema|sigstore|intoto)\.json\Z|(^|/)\.")
# Where a publish prepares its files.
_PENDING = ".tinyai/pending/"

_RULES: Mapping[Problem, Rule] = {
    Problem.OUTSIDE: OUTSIDE,
    Problem.MISSING: MISSING,
    Problem.NOT_REGULAR: NOT_REGULAR,
    Problem.LINKED: LINK,
    Problem.SIZE: SIZE,
    Problem.POINTER: POINTER,
}


def flaws(file: File | Unreadable) -> Iterator[Flaw]:
    """What is wrong with ``file`` itself, whatever its content."""
    if isinstance(file, Unreadable):
        path = "the path " if file.problem is Problem.OUTSIDE else ""
        yield Flaw(_RULES[file.problem], f"{path}{shorten(file.name)} {file.what}")
    elif not file.data:
        yield Flaw(SIZE, f"{shorten(file.name)} is empty")
    elif file.linked:
        yield Flaw(LINK, f"{shorten(file.name)} has a hard link outside the registry folder")


def is_document(name: str) -> bool:
    """Whether the file ``name`` is JSON that speaks of a model; some file systems do not tell capitals apart."""
    return name.lower().endswith(".json") and not _NO_SIDECAR.search(name)


def line_ends(file: File, sha256: object) -> str:
    """What to add to a message about a ``file`` that has not the digest ``sha256``: whether line ends are the cause."""
    cause = sha256_of(file.data.replace(b"\r\n", b"\n")) == sha256
    return f"; {LINE_ENDS}" if cause else ""


def orphans(folder: Folder, claimed: Collection[str]) -> Iterator[Finding]:
    """Files that look like a model's and belong to none; rows and sidecars name those that are ``claimed``."""
    for name in folder.names:
        if name in claimed or name.startswith(_PENDING):
            continue
        ending = name.lower()  # some file systems do not tell them apart
        if ending.endswith((".onnx", ".ort")):
            yield Finding(ORPHAN_MODEL, name, f"{shorten(name)} is named by no row")
        elif ending.endswith((".onnx.data", ".onnx_data", ".data")):
            yield Finding(ORPHAN_DATA, name, f"{shorten(name)} is read by no registered graph")
        elif is_document(name):
            yield Finding(ORPHAN_DOCUMENT, name, f"{shorten(name)} is the sidecar of no registered model")
