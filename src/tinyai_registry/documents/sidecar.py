"""The sidecar: how to call the model, what it was trained on, how it was judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from tinyai_registry.documents import c_reader, parts, strict_json
from tinyai_registry.documents.markdown import LAYOUT
from tinyai_registry.documents.row import TWIN_KEYS
from tinyai_registry.documents.sidecar_types import ArtifactDocument, MemberDocument, Sidecar, as_sidecar
from tinyai_registry.errors import DocumentError
from tinyai_registry.evaluation import Drift, Evaluation, Judgement
from tinyai_registry.onnxfile.runtime import known_runtimes
from tinyai_registry.recipe import FIDELITY, Input, LeaveOneGroupOut, Recipe, decisive, fingerprint
from tinyai_registry.release import Artifact, Candidate, Previous, Provenance, Release

if TYPE_CHECKING:
    from tinyai_registry.lab.standardisation import Standardisation

SCHEMA_VERSION = 1


def compose(candidate: Candidate, drift: Drift | None, previous: Previous | None) -> Sidecar:
    """The sidecar of ``candidate`` as a JSON object; ``drift`` and ``previous`` tell of the release before, if any."""
    recipe, judgement = candidate.recipe, candidate.judgement
    main = next(a for a in candidate.artifacts if a.path == f"{recipe.id}.onnx")
    embedded = decisive(recipe)
    judged = parts.judgement_document(judgement)
    sidecar: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "id": recipe.id,
        "name": recipe.id,
        "kind": recipe.kind,
        "onnx": main.path,
        "sha256": main.sha256,
        "opset": main.opset,
        "onnx_opset": main.opset,
        "input_name": recipe.inputs[0].tensor,
        "input_names": [i.tensor for i in recipe.inputs],
        "output_name": recipe.output,
        "output_names": [recipe.output],
        # Where there are no features, there is nothing for a caller to scale.
        "onnx_has_scaler": recipe.scaler_in_graph or not recipe.feature_order,
        **recipe.announced,
        **_filling(recipe, candidate.scaler),
        "notes": _notes(recipe, judgement),
        "artifacts": [parts.artifact_document(artifact) for artifact in candidate.artifacts],
        "training": _training(recipe, judged),
        "recipe": embedded,
        "recipe_fingerprint": fingerprint(embedded),
        "plugin": dict(zip(("distribution", "version"), candidate.plugin, strict=True)),
        "card": {**asdict(recipe.card), "sections": dict(candidate.description.sections), "layout": LAYOUT},
        "stage": recipe.stage,
        "extra": dict(candidate.description.extra),
        "members": _members(recipe, candidate.artifacts),
        "protocols": [parts.protocol_document(result) for result in candidate.protocols],
        "license": recipe.license,
        "dataset_license": recipe.dataset_license,
        "decision": recipe.decision,
        "drift": parts.drift_document(drift),
        "previous": parts.previous_document(previous),
        "provenance": _provenance(candidate.provenance),
        **judged,
    }
    return as_sidecar({**sidecar, **_twin(recipe, candidate.artifacts)})


def _filling(recipe: Recipe, scaler: Standardisation | None) -> dict[str, Any]:
    """How inputs are filled: the first under the keys that runtimes read, each of them where there are several."""
    named = [each for each in recipe.inputs if isinstance(each, Input)]
    if not named:
        return {}
    ends = list(accumulate(len(each.columns) for each in named))
    cuts = [slice(end - len(each.columns), end) for each, end in zip(named, ends, strict=True)]
    vectors = [_vectors(recipe, scaler, cut) for cut in cuts]
    document: dict[str, Any] = {"feature_order": list(named[0].columns)}
    document |= {f"feature_{name}": values for name, values in vectors[0].items()}
    if len(named) > 1:
        document["inputs"] = [
            {"tensor": each.tensor, "columns": list(each.columns)}
            | {name: values for name, values in found.items() if each.standardise or name == "fill"}
            for each, found in zip(named, vectors, strict=True)
        ]
    return document


def _vectors(recipe: Recipe, scaler: Standardisation | None, columns: slice) -> dict[str, list[float]]:
    """What a caller does to some ``columns`` of the features, as far as the graph does not do it itself."""
    if scaler is None:
        return {}
    vectors = {} if recipe.scaler_in_graph else {"mean": scaler.mean, "std": scaler.std}
    if recipe.missing == "median":
        vectors["fill"] = scaler.fill
    return {name: values[columns].tolist() for name, values in vectors.items()}


def members(sidecar: Sidecar) -> list[Sidecar]:
    """The sidecars of the members that ship separately: the ensemble's, but for what the member's own file is."""
    artifacts = {artifact["path"]: artifact for artifact in sidecar["artifacts"]}
    # The twin is the ensemble's.
    shared = as_sidecar({key: value for key, value in sidecar.items() if key not in TWIN_KEYS})
    return [_member(shared, member, artifacts[member["onnx"]]) for member in sidecar["members"]]


def rename(sidecar: Sidecar, new: str, paths: Mapping[str, str]) -> Sidecar:
    """``sidecar`` of the same release under the id ``new``; ``paths`` are the new names of its files.

    The recipe is the same but for its id, and so has another fingerprint.
    """
    old = sidecar["id"]
    document: dict[str, Any] = {
        **sidecar,
        "id": new,
        "name": new if sidecar["name"] == old else sidecar["name"],
        "onnx": paths.get(sidecar["onnx"], sidecar["onnx"]),
        "artifacts": [{**each, "path": paths.get(each["path"], each["path"])} for each in sidecar["artifacts"]],
        "previous_id": old,
    }
    if "recipe" in sidecar:
        document["recipe"] = {**sidecar["recipe"], "id": new}
        document["recipe_fingerprint"] = fingerprint(document["recipe"])
        document["notes"] = sidecar["notes"].replace(_see(old), _see(new))
    if "plot" in sidecar:
        drawn = sidecar["plot"]
        document["plot"] = {**drawn, "path": paths.get(drawn["path"], drawn["path"])}
    if "members" in sidecar:
        document["members"] = [
            {**each, "id": f"{new}{each['id'].removeprefix(old)}", "onnx": paths.get(each["onnx"], each["onnx"])}
            for each in sidecar["members"]
        ]
    return as_sidecar(document)


def _member(ensemble: Sidecar, member: MemberDocument, artifact: ArtifactDocument) -> Sidecar:
    document: dict[str, Any] = {
        **ensemble,
        "id": member["id"],
        "onnx": member["onnx"],
        "sha256": member["sha256"],
        "name": member["id"],
        "artifacts": [artifact],
        "members": [],
        "member_of": ensemble["id"],
        "notes": f"Seed {member['seed']} of the ensemble {ensemble['id']}, which was judged as a whole; see there.",
    }
    if "previous_id" in ensemble:
        document["previous_id"] = f"{ensemble['previous_id']}{member['id'].removeprefix(ensemble['id'])}"
    return as_sidecar(document)


def render(sidecar: Mapping[str, Any]) -> str:
    """The sidecar as text. Raises DocumentError if a C reader would take it for something else.

    Any that we know: a file goes further than to the runtime that the registry is written for.
    """
    text = strict_json.dumps(sidecar)
    for runtime in known_runtimes():
        for problem in c_reader.misread(text, runtime):
            raise DocumentError(f"sidecar of {sidecar['id']}: {problem.message} ({runtime.name}); {problem.mend}")
    return text


def read_back(release: Release) -> Sidecar:
    """The sidecar of ``release`` as every reader of it will have it."""
    return as_sidecar(strict_json.loads(release.files[f"{release.model}.json"], f"{release.model}.json"))


def _members(recipe: Recipe, artifacts: Sequence[Artifact]) -> list[dict[str, Any]]:
    digests = {artifact.path: artifact.sha256 for artifact in artifacts}
    return [
        {"id": name, "onnx": f"{name}.onnx", "sha256": digests[f"{name}.onnx"], "seed": seed}
        for name, seed in zip(recipe.member_names, recipe.seeds, strict=False)
    ]


def _twin(recipe: Recipe, artifacts: Sequence[Artifact]) -> dict[str, Any]:
    """What loaders and registries look for of an int8 twin; nothing where there is none."""
    shipped = {artifact.path: artifact for artifact in artifacts}
    return {
        key: value
        for twin in recipe.twins
        for key, value in {
            "quant_mode": twin.mode,
            "int8_sha256": shipped[f"{recipe.id}.int8.onnx"].sha256,
            "quant_accuracy_budget_plcc": twin.budget,
            "quant_plcc_loss": shipped[f"{recipe.id}.int8.onnx"].measured[FIDELITY[0]],
        }.items()
    }


def _training(recipe: Recipe, judged: Mapping[str, Any]) -> dict[str, Any]:
    """The keys that readers of earlier sidecars use; a figure that is undefined is left out."""
    is_loso = isinstance(recipe.folds, LeaveOneGroupOut) and recipe.folds.by is None
    scheme = "loso" if is_loso else "cv"
    figures = {
        name if name.startswith("in_sample") else f"{scheme}_{name}": value
        for name, value in parts.headlines(judged["evaluation"], judged["in_sample"]).items()
        if value is not None
    }
    return {
        "dataset": recipe.dataset,
        "n_sources": len(judged["table"]["groups"]),
        "n_pairs": judged["table"]["clips"],
        **figures,
    }


def _notes(recipe: Recipe, judgement: Judgement) -> str:
    table = judgement.table
    return (
        f"{recipe.card.title}. Trained on {recipe.dataset} ({len(table.groups)} groups, {table.clips} clips, "
        f"{table.rows_used} rows). {_headline(judgement.evaluation)} {_see(recipe.id)} and {recipe.decision}."
    )


def _see(model: str) -> str:
    return f"See {model}.md"


def _headline(evaluation: Evaluation) -> str:
    metric = "plcc" if "plcc" in evaluation.summary else min(evaluation.summary)
    over, name = evaluation.summary[metric], metric.upper()
    if over.mean is None:
        return f"{name} over {len(evaluation.folds)} folds is undefined."
    spread = f" +/- {over.std:.4f}" if over.std is not None else ""
    return f"Mean {name} over {len(evaluation.folds)} folds: {over.mean:.4f}{spread}."


def _provenance(provenance: Provenance) -> dict[str, Any]:
    document = asdict(provenance)
    document["seeds"] = list(provenance.seeds)
    return document
