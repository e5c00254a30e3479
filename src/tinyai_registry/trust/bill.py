"""The bill of materials of a registry: CycloneDX 1.6, each model a component with its card, its data and its files.

Format: https://cyclonedx.org/docs/1.6/json/. Read from the registry alone, so two readers write the same bytes.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from tinyai_registry.checks import pinned
from tinyai_registry.checks.signatures import release_files
from tinyai_registry.checks.subject import Subject, read_subjects
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.attestation import TOOL, package_url
from tinyai_registry.files import Folder
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.store.registry import open_registry

Json = dict[str, Any]

SPECIFICATION = "1.6"
# What a model is for, by the kind that runtimes tell apart.
TASKS = {"fr": "full-reference quality", "nr": "no-reference quality", "filter": "image filter"}
# FLOAT, FLOAT16, DOUBLE and BFLOAT16, as ONNX numbers the types of tensors.
FLOATS = frozenset({1, 10, 11, 16})
_FIGURES = ("mean", "std", "min", "max")


def compose(root: Path, profile: str) -> Json:
    """The bill of the registry in ``root``, read for the runtime ``profile``. Raises RegistryError if there is none."""
    registry, folder = open_registry(root), Folder(root)
    subjects = [each for each in read_subjects(folder, registry.rows, load_runtime(profile)) if each.id is not None]
    models = [_model(each, folder) for each in subjects]
    data = {each["bom-ref"]: each for subject in subjects for each in _data(subject)}
    times = [str(each.said["provenance"]["time"]) for each in subjects if "provenance" in each.said]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": SPECIFICATION,
        "version": 1,
        "metadata": {
            **({"timestamp": max(times)} if times else {}),
            "tools": {"components": [{"type": "application", "name": TOOL, "version": metadata.version(TOOL)}]},
            "component": {"type": "machine-learning-model", "bom-ref": "registry", "name": root.resolve().name},
        },
        "components": [*models, *data.values()],
        "dependencies": [
            {"ref": "registry", "dependsOn": [each["bom-ref"] for each in models]},
            *({"ref": _reference(each), "dependsOn": [of["bom-ref"] for of in _data(each)]} for each in subjects),
        ],
    }
    named = uuid.uuid5(uuid.NAMESPACE_URL, strict_json.dumps(document))
    return {**document, "serialNumber": named.urn}


def _reference(model: Subject) -> str:
    return f"model:{model.id}"


def _model(model: Subject, folder: Folder) -> Json:
    row, said = model.row, model.said
    files = release_files(model, folder)
    return {
        "type": "machine-learning-model",
        "bom-ref": _reference(model),
        "name": str(model.id),
        "version": str(row.get("sha256", ""))[:12],
        "description": str(row.get("notes", said.get("notes", ""))),
        **({"hashes": _hashes(row["sha256"])} if isinstance(row.get("sha256"), str) else {}),
        "licenses": _licences(row.get("license", said.get("license"))),
        "modelCard": _card(model),
        "properties": [{"name": f"tinyai:{name}", "value": value} for name, value in sorted(_properties(model))],
        "components": [
            {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": _hashes(sha256)}
            for name, sha256 in files.items()
            if name in _own(model)
        ],
    }


def _own(model: Subject) -> set[str]:
    """The files that no other row brings: those of members stand with these."""
    members = model.said.get("members", ()) if "member_of" not in model.said else ()
    of_members = {str(member["onnx"]).removesuffix(".onnx") for member in members}
    return {name for name in pinned.claimed(model) if name.partition(".")[0] not in of_members}


def _card(model: Subject) -> Json:
    said = model.said
    recipe, words = said.get("recipe", {}), said.get("card", {})
    parameters: Json = {
        "approach": {"type": "supervised"},
        "task": TASKS.get(str(model.row.get("kind")), str(model.row.get("kind", "unknown"))),
        "datasets": [{"ref": each["bom-ref"]} for each in _data(model)],
    }
    if isinstance(architecture := recipe.get("architecture"), dict) and architecture:
        parameters["modelArchitecture"] = next(iter(architecture))
    if model.parsed is not None:
        graph = model.parsed.signature
        for key, tensors in (("inputs", graph.inputs), ("outputs", graph.outputs)):
            parameters[key] = [{"format": f"{name} float32{list(shape)}"} for name, shape in tensors.items()]
    card: Json = {"modelParameters": parameters}
    if metrics := list(_metrics(said)):
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    considerations = {"useCases": words.get("intended_use"), "technicalLimitations": words.get("limits")}
    told = {key: [text] for key, text in considerations.items() if isinstance(text, str) and text}
    return {**card, "considerations": told} if told else card


def _metrics(said: Mapping[str, Any]) -> Iterator[Json]:
    """Each figure over folds that is defined, and the gate that it passed."""
    summary = said.get("evaluation", {}).get("summary", {})
    for metric, figures in sorted(summary.items()):
        for figure in _FIGURES:
            if figures.get(figure) is not None:
                yield {"type": f"{figure} {metric} over folds", "value": repr(figures[figure])}


def _properties(model: Subject) -> Iterator[tuple[str, str]]:
    said = model.said
    yield "kind", str(model.row.get("kind"))
    for key in ("stage", "decision", "recipe_fingerprint", "member_of", "quant_mode"):
        if key in said:
            yield key, str(said[key])
    if "plugin" in said:
        yield "plugin", package_url(said["plugin"]["distribution"], said["plugin"]["version"])
    for verdict in said.get("gate", ()):
        yield "gate", f"{verdict['criterion']}: {'passed' if verdict['passed'] else 'refused'}"
    if model.parsed is not None:
        tensors = model.parsed.proto.graph.initializer
        # A scalar is a bound, an integer an axis.
        weights = [each.dims for each in tensors if len(each.dims) and each.data_type in FLOATS]
        yield "parameters", str(sum(map(math.prod, weights)))


def _data(model: Subject) -> list[Json]:
    """The data set of a model that was made here, by the digest of its table."""
    said = model.said
    if "table" not in said:
        return []
    table, name = said["table"], str(said.get("training", {}).get("dataset", "unknown"))
    licences = _licences(said.get("dataset_license"))
    return [
        {
            "type": "data",
            "bom-ref": f"data:{table['sha256']}",
            "name": name,
            "hashes": _hashes(table["sha256"]),
            "data": [{"type": "dataset", "name": str(table["file"])}],
            **({"licenses": licences} if licences else {}),
        }
    ]


def _hashes(sha256: str) -> list[Json]:
    return [{"alg": "SHA-256", "content": sha256}]


def _licences(said: object) -> list[Json]:
    """An SPDX expression where it is one; else the words as they are."""
    if not isinstance(said, str) or not said:
        return []
    try:
        return [{"expression": str(canonicalize_license_expression(said))}]
    except (InvalidLicenseExpression, ValueError, RecursionError):
        return [{"license": {"name": said}}]
