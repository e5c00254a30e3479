"""What can be wrong with an int8 twin: <stem>.int8.onnx, which a runtime may load in place of the fp32 graph."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.pinned import DIGEST
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents.sidecar_types import Sidecar, as_sidecar
from tinyai_registry.errors import RecipeError
from tinyai_registry.files import Unreadable
from tinyai_registry.onnxfile.graph import ParsedGraph
from tinyai_registry.recipe import FIDELITY, Int8, twins_of
from tinyai_registry.text import shorten

UNPINNED = Rule(
    "TAI701",
    "twin-not-pinned",
    Severity.ERROR,
    "an int8 twin is not pinned",
    "With a `quant_mode` other than fp32 a runtime loads <stem>.int8.onnx in place of the graph. Without `int8_sha256` "
    "nothing says which bytes that has to be.",
    "Write its digest into the row, or remove the file.",
)
FOREIGN = Rule(
    "TAI702",
    "foreign-twin",
    Severity.ERROR,
    "an int8 twin does not belong to the graph beside it",
    "The twin was quantised from other weights, or takes other inputs: it is the leftover of an earlier release, and "
    "gives that release's scores under the new one's name.",
    "Quantise the registered graph again, or withdraw the twin (`tinyai refresh` withdraws it).",
)
NO_DIGEST_FOR = Rule(
    "TAI703",
    "unused-twin",
    Severity.WARNING,
    "a row speaks of a twin that it does not use",
    "`int8_sha256` beside `quant_mode` fp32, or without one: the runtime never loads the twin, and nobody tests it.",
    "Set `quant_mode` to how the twin was made, or remove twin and digest.",
)

EVIDENCE = Rule(
    "TAI704",
    "twin-evidence",
    Severity.ERROR,
    "what is said of an int8 twin does not follow from its recipe and its evidence",
    "The budget is declared in the recipe, and the loss was measured when the twin was made. Row and sidecar repeat "
    "both where loaders and people look; what differs is left over from another twin, or was written by hand.",
    "Publish again with `tinyai refresh`, which makes the twin anew, measures it and writes all of them.",
)

# What a twin may cost, and does: in row and sidecar.
_FIGURES = ("quant_accuracy_budget_plcc", "quant_plcc_loss")
# One step of the quantisation grid, and what rounding in float32 adds to it.
_STEPS = 1.001


def of_model(model: Subject) -> Iterator[Finding]:
    """Whether the int8 twin of ``model``, if there is one, is pinned and belongs to it."""
    if model.twin is None or isinstance(model.twin.file, Unreadable):
        return
    name, pinned = shorten(model.twin.file.name), model.row.get("int8_sha256")
    if pinned is None:
        yield model.in_row(UNPINNED, f"{name} has no int8_sha256 in the row", "quant_mode")
    elif model.twin.file.sha256 != pinned:
        what = f"{name} has the digest {model.twin.file.sha256}, not {shorten(str(pinned))}"
        yield model.in_row(DIGEST, what, "int8_sha256")
    if pinned is not None and model.row.get("quant_mode", "fp32") == "fp32":
        yield model.in_row(NO_DIGEST_FOR, f"{name} is pinned, but quant_mode is fp32", "int8_sha256")
    if model.parsed is not None and isinstance(model.twin, ParsedGraph):
        for why in _differences(model.twin, model.parsed, trained=model.row.get("quant_mode") == "qat"):
            what = f"{name} does not belong to {shorten(model.parsed.file.name)}: {why}"
            yield model.in_row(FOREIGN, what, "int8_sha256")


def of_evidence(model: Subject) -> Iterator[Finding]:
    """Whether row and sidecar of ``model``, valid by its schema, say of a twin what recipe and evidence have."""
    if "evaluation" not in model.said:
        return
    said = as_sidecar(model.said)
    try:
        declared = () if "member_of" in said else twins_of(said["recipe"])
    except RecipeError as error:
        yield model.in_sidecar(EVIDENCE, f"the recipe: {shorten(str(error))}", "/recipe/twins")
        return
    wanted = _wanted(model, said, declared[0]) if declared else {}
    for key in ("quant_mode", "int8_sha256", *_FIGURES):
        here, in_row, follows = model.said.get(key), model.row.get(key), wanted.get(key)
        if here != follows:
            what = f"{key} is {shorten(str(here))}, and {follows} follows from recipe and artifacts"
            yield model.in_sidecar(EVIDENCE, what, f"/{key}" if key in said else "")
        elif key in _FIGURES and in_row != follows:
            yield model.in_row(EVIDENCE, f"{key} is {shorten(str(in_row))}, the sidecar says {follows}", key)


def _wanted(model: Subject, said: Sidecar, twin: Int8) -> dict[str, Any]:
    """What the keys about a twin have to be."""
    listed = {artifact["path"]: artifact for artifact in said["artifacts"]}
    artifact = listed.get(f"{model.stem}.int8.onnx")
    return {
        "quant_mode": twin.mode,
        "int8_sha256": artifact and artifact["sha256"],
        "quant_accuracy_budget_plcc": twin.budget,
        "quant_plcc_loss": artifact and artifact.get("measured", {}).get(FIDELITY[0]),
    }


def _differences(twin: ParsedGraph, graph: ParsedGraph, *, trained: bool) -> Iterator[str]:
    """How ``twin`` differs from ``graph``; if it was ``trained`` further, its weights are not compared."""
    for what in ("inputs", "outputs"):
        here, there = getattr(twin.signature, what), getattr(graph.signature, what)
        if {name: len(shape) for name, shape in here.items()} != {name: len(shape) for name, shape in there.items()}:
            yield f"its {what} are {', '.join(map(shorten, here))}, not {', '.join(map(shorten, there))}"
            return
    if trained:
        return
    from tinyai_registry.onnxfile.quantisation import distances

    found = distances(twin.proto, graph.proto)
    far = [(name, steps) for name, steps in found or () if not steps <= _STEPS]
    if far:
        name, steps = max(far, key=lambda each: each[1])
        away = f"{steps:.1f} steps of its grid away from" if math.isfinite(steps) else "none that was made from"
        yield f"the weight {shorten(name)} is {away} the fp32 one"
    elif found == [] and not graph.outside:
        yield "it has none of the weights"
