"""The release that a candidate makes in place of the one before.

It is a function of the two: where the registry has moved on meanwhile, it can be made again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace

from tinyai_registry.documents import attestation, card, parts, plot, row, sidecar, strict_json
from tinyai_registry.documents.attestation import attestation_name
from tinyai_registry.documents.extra_schema import extra_schema_name, require_valid_extra
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.documents.sidecar_types import Sidecar
from tinyai_registry.errors import DocumentError, RegistryError
from tinyai_registry.evaluation import Caveat, Judgement
from tinyai_registry.evaluation.caveats import WORSE_THAN_SHIPPED, drift_caveats
from tinyai_registry.evaluation.drift import measure_drift
from tinyai_registry.files import sha256_of
from tinyai_registry.onnxfile.runtime import known_runtimes
from tinyai_registry.recipe import UNDECIDED
from tinyai_registry.release import Candidate, Release
from tinyai_registry.store import log
from tinyai_registry.store.belongings import find_superseded
from tinyai_registry.store.past import read_sidecar
from tinyai_registry.workflows.refreshing.starting_point import StartingPoint


def compose(candidate: Candidate, start: StartingPoint) -> Release:
    """The release of ``candidate`` in place of what ``start`` holds.

    Raises DocumentError if what recipe, table and plugin put into the documents makes them invalid.
    """
    recipe, judgement = candidate.recipe, _judgement(candidate, start)
    withdrawn = find_superseded(start.registry, start.before, _names(candidate))
    drift = measure_drift(start.sidecar, recipe, judgement.table)
    judgement = judgement.with_caveats(*drift_caveats(drift), *_release_caveats(candidate, withdrawn))
    document = sidecar.compose(replace(candidate, judgement=judgement), drift, start.previous)
    drawn = plot.draw(document, candidate.shown, _history(candidate, start))
    document["plot"] = {"path": f"{recipe.id}.svg", "sha256": sha256_of(drawn)}
    require_valid("sidecar", document, f"the sidecar of {recipe.id} would be invalid")
    told = candidate.description
    require_valid_extra(told.schema, told.extra, f"the extra fields of {recipe.id} do not fit their schema")
    rows = tuple(row.merge(start.registry.row(d["id"]), d) for d in (document, *sidecar.members(document)))
    return Release(recipe.id, _files(candidate, document, drawn), rows, withdrawn)


def _judgement(candidate: Candidate, start: StartingPoint) -> Judgement:
    """That of ``candidate``; a release that is byte for byte the one before is no worse than that."""
    judgement, graph = candidate.judgement, f"{candidate.recipe.id}.onnx"
    digests = [artifact.sha256 for artifact in candidate.artifacts if artifact.path == graph]
    if start.previous is None or start.previous.sha256 not in digests:
        return judgement
    return replace(judgement, caveats=tuple(c for c in judgement.caveats if c.code != WORSE_THAN_SHIPPED))


def _history(candidate: Candidate, start: StartingPoint) -> list[float]:
    """What the first criterion of the gate measured in each release, this one last; first what an adopted one says."""
    first = candidate.recipe.criteria[0]
    releases = [each for each in log.entries(start.registry.root, candidate.recipe.id) if each.is_release]
    now = [verdict.value for verdict in candidate.judgement.verdicts if verdict.criterion == str(first)]
    judged = [verdict for entry in releases for verdict in entry.account.gate]
    before = [verdict["value"] for verdict in judged if verdict["criterion"] == str(first)]
    comparable = first.part == "folds" and first.against is None
    adopted = _adopted(start, releases).get(f"{first.aggregate}_{first.metric}") if comparable else None
    return [value for value in (adopted, *before, *now) if value is not None]


def _adopted(start: StartingPoint, releases: Sequence[log.Entry]) -> Mapping[str, float]:
    """The headline figures of the release that had no log when it was first refreshed, as far as they are known."""
    if not releases:
        return start.previous.metrics if start.previous else {}
    with suppress(DocumentError, RegistryError):  # it may have been pruned
        if releases[0].action == "adopt":
            said = read_sidecar(start.registry.root, releases[0].model, releases[0])
            return parts.headlines_of_training(said.get("training", {}))
    return {}


def _names(candidate: Candidate) -> frozenset[str]:
    recipe = candidate.recipe
    documents = (f"{name}.json" for name in (recipe.id, *recipe.member_names))
    extra = (extra_schema_name(recipe.id),) if candidate.description.schema else ()
    pages = f"{recipe.id}.md", f"{recipe.id}.svg", attestation_name(recipe.id)
    return frozenset((*(a.path for a in candidate.artifacts), *documents, *pages, *extra))


def _files(candidate: Candidate, document: Sidecar, drawn: bytes) -> dict[str, bytes]:
    files = {artifact.path: artifact.data for artifact in candidate.artifacts}
    if candidate.description.schema:
        files[extra_schema_name(document["id"])] = strict_json.dumps(candidate.description.schema).encode()
    for each in (document, *sidecar.members(document)):
        files[f"{each['id']}.json"] = sidecar.render(each).encode()
    files[document["plot"]["path"]] = drawn
    files[f"{document['id']}.md"] = card.render(document).encode()
    about = attestation.compose(document, {name: sha256_of(data) for name, data in files.items()})
    files[attestation_name(document["id"])] = attestation.render(about).encode()
    return files


def _release_caveats(candidate: Candidate, withdrawn: tuple[str, ...]) -> Iterator[Caveat]:
    """What a reader has to know of the files of this release, for as long as it is one: they are pinned with it."""
    if withdrawn:
        yield Caveat("withdrawn-files", f"withdrawn with the previous release: {', '.join(withdrawn)}")
    undecided = {key: value for key, value in UNDECIDED.items() if getattr(candidate.recipe, key) == value}
    if undecided:
        told = ", ".join(f"{key} {value}" for key, value in undecided.items())
        yield Caveat(
            "undecided",
            f"the recipe says what the template of a plugin does: {told}; its owner has still to decide, and to look "
            "at whatever else is marked CHANGE",
        )
    sizes = {artifact.path: len(artifact.data) for artifact in candidate.artifacts}
    graph, twin = f"{candidate.recipe.id}.onnx", f"{candidate.recipe.id}.int8.onnx"
    if sizes.get(twin, 0) > sizes[graph]:
        yield Caveat(
            "large-twin",
            f"{twin} has {sizes[twin]} bytes and {graph} {sizes[graph]}: of so few weights most of a file is nodes",
        )
    names = len(candidate.recipe.inputs[0].columns)
    most = max(known_runtimes(), key=lambda runtime: runtime.command.max_features)
    if names > most.command.max_features:
        yield Caveat(
            "runtime-limit",
            f"feature_order has {names} names; {most.name} reads {most.command.max_features}, and no runtime that we "
            "know reads more, so none can feed this model from its own features",
        )
