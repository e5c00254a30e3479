"""What can be wrong with the files that a row and its sidecar pin: there, regular, and the very bytes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tinyai_registry.checks import files, graph, weights
from tinyai_registry.checks.evidence import ARTIFACTS
from tinyai_registry.checks.files import MISSING, NO_SIDECAR, OUTSIDE
from tinyai_registry.checks.finding import Finding, Flaw, Rule, Severity
from tinyai_registry.checks.reading import BrokenDocument, file_flaws
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import attestation
from tinyai_registry.files import File, Folder, strays
from tinyai_registry.onnxfile.graph import Graph, ParsedGraph, UnparsedGraph, read_graph
from tinyai_registry.onnxfile.inspector import Inspector
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.onnxfile.weights import data_files
from tinyai_registry.text import shorten

DIGEST = Rule(
    "TAI203",
    "digest-mismatch",
    Severity.ERROR,
    "a file does not have the digest that is recorded for it",
    "The digest says which bytes were judged. Other bytes are another model, whoever wrote them.",
    "Restore the file from git, or publish again with `tinyai refresh`; never edit the digest to fit.",
)

_FILE_KEYS = ("sigstore_bundle", "quant_calibration_set")


def of_row(model: Subject) -> Iterator[Finding]:
    """The graph, its twin and its sidecar, as the row of ``model`` names them."""
    if model.graph is None or model.stem is None:
        return  # the schema has said so
    file = model.graph.file
    yield from (model.in_row(flaw.rule, flaw.message, "onnx") for flaw in files.flaws(file))
    pinned = model.row.get("sha256")
    if isinstance(file, File) and file.data and isinstance(pinned, str) and file.sha256 != pinned:
        what = f"{shorten(file.name)} has the digest {file.sha256}, not {shorten(pinned)}"
        what += files.line_ends(file, pinned)
        yield model.in_row(DIGEST, what, "sha256")
    if model.twin is not None:
        key = "int8_sha256" if "int8_sha256" in model.row else "quant_mode"
        yield from (model.in_row(flaw.rule, flaw.message, key) for flaw in files.flaws(model.twin.file))
    if model.sidecar is not None:
        for flaw in file_flaws(model.sidecar):
            yield model.in_row(NO_SIDECAR if flaw.rule is MISSING else flaw.rule, flaw.message, "onnx")
        if isinstance(model.sidecar, BrokenDocument):
            yield model.sidecar.finding
    yield from _paths(model)


def _paths(model: Subject) -> Iterator[Finding]:
    """Calibration data is named for people, and need not be there; but somebody will open what is named."""
    named = model.row.get("quant_calibration_set")
    if isinstance(named, str) and (stray := strays(named)):
        yield model.in_row(OUTSIDE, f"the path {shorten(named)} {stray}", "quant_calibration_set")


def of_graphs(model: Subject, folder: Folder, runtime: Runtime, inspector: Inspector) -> Iterator[Finding]:
    """What is wrong inside the graph and its twin, found where the row pins them."""
    pinned = pins(model)
    for each, key in ((model.graph, "onnx"), (model.twin, "int8_sha256")):
        if each is not None:
            found = _flaws(each, folder, pinned, runtime, inspector)
            yield from (model.in_row(flaw.rule, flaw.message, key) for flaw in found)


def _flaws(
    each: Graph, folder: Folder, pinned: Mapping[str, str], runtime: Runtime, inspector: Inspector
) -> Iterator[Flaw]:
    name = shorten(each.file.name)
    if isinstance(each, UnparsedGraph):
        if each.error is not None:
            flaw = graph.of_error(each.error)
            yield Flaw(flaw.rule, f"{name}: {flaw.message}")
        return
    yield from weights.flaws(each.outside, each.file.name, folder, pinned, runtime.max_file_bytes)
    for flaw in graph.structure(each.proto, each.outside, runtime, inspector):
        yield Flaw(flaw.rule, f"{name}: {flaw.message}")


def of_artifacts(
    model: Subject, folder: Folder, rows: Mapping[str, Mapping[str, Any]], runtime: Runtime, inspector: Inspector
) -> Iterator[Finding]:
    """The files that the sidecar of ``model`` lists, the graph of the row among them; ``rows`` are all rows by id."""
    listed = list(_listed(model))
    yield from _listed_opset(model)
    rowed = {row.get("onnx") for row in rows.values() if isinstance(row.get("onnx"), str)}  # looked into in their turn
    main, read = f"{model.stem}.onnx", {each.file.name: each.file for each in (model.graph, model.twin) if each}
    if "artifacts" in model.said and main not in {name for _, name, *_ in listed}:
        yield model.in_sidecar(ARTIFACTS, f"{shorten(main)} is not in the list", "/artifacts")
    for at, name, sha256, size in listed:
        file = read.get(name) or folder.fetch(name, runtime.max_file_bytes)
        yield from (model.in_sidecar(flaw.rule, flaw.message, f"{at}/path") for flaw in files.flaws(file))
        if not isinstance(file, File) or not file.data:
            continue
        if file.sha256 != sha256:
            what = f"{shorten(name)} has the digest {file.sha256}, not {shorten(sha256)}{files.line_ends(file, sha256)}"
            yield model.in_sidecar(DIGEST, what, f"{at}/sha256")
        elif isinstance(size, int) and size != len(file.data):
            yield model.in_sidecar(ARTIFACTS, f"{shorten(name)} has {len(file.data)} bytes, not {size}", f"{at}/bytes")
        if name.lower().endswith(".onnx") and name not in read and name not in rowed:
            found = _flaws(read_graph(file), folder, pins(model), runtime, inspector)
            yield from (model.in_sidecar(flaw.rule, flaw.message, f"{at}/path") for flaw in found)


def _listed_opset(model: Subject) -> Iterator[Finding]:
    signature = None if model.parsed is None else model.parsed.signature
    artifacts = model.said.get("artifacts")
    if signature is None or not isinstance(artifacts, list):
        return
    for index, each in enumerate(artifacts):
        is_main = isinstance(each, dict) and each.get("path") == f"{model.stem}.onnx"
        if is_main and each.get("opset", signature.opset) != signature.opset:
            what = f"the graph has opset {signature.opset}, the list says {shorten(str(each['opset']))}"
            yield model.in_sidecar(graph.OPSET, what, f"/artifacts/{index}/opset")


def claimed(model: Subject) -> set[str]:
    """The files that belong to ``model``, by its row, its sidecar or its graph."""
    if model.stem is None:
        return set()
    found = {f"{model.stem}{ending}" for ending in (".onnx", ".int8.onnx", ".json", ".md", attestation.ENDING)}
    found |= {name for _, name, *_ in _listed(model)}
    found |= {value for key in _FILE_KEYS if isinstance(value := model.row.get(key), str)}
    for each in (model.graph, model.twin):
        if isinstance(each, ParsedGraph):
            found |= data_files(each.outside, each.file.name).keys()
    return found


def pins(model: Subject) -> dict[str, str]:
    """The digests of the files that the sidecar of ``model`` lists, by path."""
    return {name: sha256 for _, name, sha256, _ in _listed(model)}


def _listed(model: Subject) -> Iterator[tuple[str, str, str, Any]]:
    """Where the sidecar lists a file; its path, digest and size."""
    artifacts = model.said.get("artifacts")
    listed = {
        f"/artifacts/{index}": each for index, each in enumerate(artifacts if isinstance(artifacts, list) else ())
    }
    for at, each in (listed | {"/plot": model.said.get("plot")}).items():
        if isinstance(each, dict) and isinstance(each.get("path"), str) and isinstance(each.get("sha256"), str):
            yield at, each["path"], each["sha256"], each.get("bytes")
