"""What can be wrong with documents that no row leads to, each looked into as what it is."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tinyai_registry.checks import calling, feeding, files, schemas
from tinyai_registry.checks.files import DIGEST, MISSING, is_document
from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.reading import BrokenDocument, Document, file_flaws, read_document
from tinyai_registry.checks.subject import NOTHING, Subject
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.dialects import is_manifest, is_sidecar, is_verdict
from tinyai_registry.files import File, Folder
from tinyai_registry.onnxfile.graph import read_graph
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.text import shorten

VERDICT = Rule(
    "TAI615",
    "verdict-not-derived",
    Severity.ERROR,
    "a promotion verdict does not follow from its figures",
    "An ensemble is promoted on the figures of its seeds: their mean, their spread, the weakest of them. The verdict "
    "was computed again from these, and is another: it was edited, or is left over from other seeds.",
    "Judge the ensemble again; nothing is promoted by a verdict that its figures do not carry.",
)

_PROMOTE = "PROMOTE"


def of_documents(folder: Folder, claimed: Collection[str], runtime: Runtime) -> Iterator[Finding]:
    """What is wrong with the JSON files in ``folder`` that none of the rows claims, besides that."""
    for name in folder.names:
        if name in claimed or not is_document(name):
            continue
        document = read_document(folder.fetch(name, strict_json.MAX_BYTES))
        yield from (Finding(flaw.rule, name, flaw.message) for flaw in file_flaws(document))
        if isinstance(document, BrokenDocument):
            yield document.finding
        elif isinstance(document, Document):
            yield from _of_document(name, document, folder, runtime)


def _of_document(name: str, document: Document, folder: Folder, runtime: Runtime) -> Iterator[Finding]:
    if is_verdict(document.value):
        for pointer, what in _contradictions(document.value):
            yield Finding(VERDICT, name, what, pointer)
    elif is_manifest(document.value):
        yield from _of_manifest(name, document.value["members"], folder, runtime)
    elif is_sidecar(document.value):
        yield from _of_sidecar(name, document, folder, runtime)


def _of_manifest(name: str, members: Collection[Any], folder: Folder, runtime: Runtime) -> Iterator[Finding]:
    """Whether the members of an ensemble are still the files that its manifest pins."""
    for index, member in enumerate(members):
        if not isinstance(member, dict) or not isinstance(member.get("onnx"), str):
            continue
        at, pinned = f"/members/{index}", member.get("sha256")
        file = folder.fetch(member["onnx"], runtime.max_file_bytes)
        yield from (Finding(flaw.rule, name, flaw.message, f"{at}/onnx") for flaw in files.flaws(file))
        if isinstance(file, File) and file.data and file.sha256 != pinned:
            what = f"{shorten(file.name)} has the digest {file.sha256}, not {shorten(str(pinned))}"
            yield Finding(DIGEST, name, what, f"{at}/sha256" if "sha256" in member else at)


def _of_sidecar(name: str, document: Document, folder: Folder, runtime: Runtime) -> Iterator[Finding]:
    """The sidecar as far as it and the graph beside it can be told to agree without a row."""
    graph = read_graph(folder.fetch(f"{name.removesuffix('.json')}.onnx", runtime.max_file_bytes))
    model = Subject(-1, NOTHING, graph, None, document, None)
    yield from schemas.of_sidecar(model)
    yield from schemas.of_dialect(model)
    yield from calling.of_model(model, runtime)
    yield from feeding.of_model(model, runtime)
    pinned = document.value.get("sha256")
    yield from (
        model.in_sidecar(flaw.rule, flaw.message) for flaw in files.flaws(graph.file) if flaw.rule is not MISSING
    )
    if isinstance(graph.file, File) and graph.file.data and pinned not in {None, graph.file.sha256}:
        what = f"{shorten(graph.file.name)} has the digest {graph.file.sha256}, not {shorten(str(pinned))}"
        yield model.in_sidecar(DIGEST, what, "/sha256")


def _contradictions(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Where in a promotion verdict, and what, does not follow from the PLCC of each seed."""
    gate = said["gate"]
    seeds = gate.get("per_seed_plccs")
    limits = {key: gate.get(key) for key in ("mean_plcc_threshold", "plcc_spread_max", "per_seed_min")}
    figures = [*seeds.values(), *limits.values()] if isinstance(seeds, dict) and seeds else [None]
    if not all(_is_number(each) for each in figures):
        yield "/gate", "the figures of its seeds, or the thresholds, are not there to judge it by"
        return
    mean, spread = math.fsum(seeds.values()) / len(seeds), max(seeds.values()) - min(seeds.values())
    follows = {
        "mean_plcc": mean,
        "plcc_spread": spread,
        "mean_plcc_pass": mean >= limits["mean_plcc_threshold"],
        "plcc_spread_pass": spread <= limits["plcc_spread_max"],
        "per_seed_pass": min(seeds.values()) >= limits["per_seed_min"],
    }
    passed = all(value for value in follows.values() if isinstance(value, bool))
    for key, value in {**follows, "passed": passed}.items():
        if key in gate and not _agrees(gate[key], value):
            yield f"/gate/{key}", f"{key} is {shorten(str(gate[key]))}, the seeds give {value}"
    if (said["verdict"] == _PROMOTE) is not passed:
        yield "/verdict", f"the verdict is {shorten(said['verdict'])}, the seeds {'pass' if passed else 'do not pass'}"
    if isinstance(said.get("seeds"), list) and sorted(map(str, said["seeds"])) != sorted(seeds):
        yield "/seeds", f"it speaks of {len(said['seeds'])} seeds and judges {len(seeds)}, or others"


def _is_number(value: Any) -> bool:
    return type(value) in (int, float) and math.isfinite(value)


def _agrees(said: Any, computed: float) -> bool:
    if isinstance(computed, bool):
        return said is computed
    return _is_number(said) and math.isclose(said, computed, rel_tol=1e-9, abs_tol=1e-12)
