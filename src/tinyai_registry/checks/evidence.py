"""What can be wrong with the evidence in a sidecar: everything that follows from something else is computed again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, get_args

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents import parts, schema
from tinyai_registry.documents.sidecar_types import (
    AggregateDocument,
    EvaluationDocument,
    InputDocument,
    ProtocolDocument,
    RecipeDocument,
    Row,
    RowsDocument,
    as_sidecar,
)
from tinyai_registry.errors import RecipeError
from tinyai_registry.evaluation import Evaluation, gate
from tinyai_registry.recipe import Criterion, criterion_of, fingerprint, recipe_of, twins_of
from tinyai_registry.release import PARITY
from tinyai_registry.text import shorten

GATE = Rule(
    "TAI601",
    "gate-differs",
    Severity.ERROR,
    "the recorded gate does not follow from the folds",
    "The gate is what a release rests on. Each criterion of the recipe was judged again on the folds in the sidecar, "
    "and gave something else: the record was edited, or is left over from another model.",
    "Publish again with `tinyai refresh`; there is no other way to evidence.",
)
NOT_PROVED = Rule(
    "TAI602",
    "gate-not-proved",
    Severity.ERROR,
    "a criterion of the gate is not proved",
    "A model whose folds do not prove its criteria would have been refused: missing, undefined and too weak all "
    "refuse.",
    "Roll back (`tinyai rollback`), or publish a model that passes.",
)
COVERAGE = Rule(
    "TAI603",
    "folds-differ",
    Severity.ERROR,
    "the folds are not those of the table",
    "A fold that is missing may be the one that failed; leave-one-source-out holds out each group of the table once.",
    "Publish again with `tinyai refresh`.",
)
SUMMARY = Rule(
    "TAI604",
    "summary-differs",
    Severity.ERROR,
    "a summary does not follow from the folds",
    "Mean, std, smallest and largest are computed from the folds beside them; figures that are not were written by "
    "hand, or belong to another evaluation.",
    "Publish again with `tinyai refresh`.",
)
COUNTS = Rule(
    "TAI605",
    "counts-differ",
    Severity.ERROR,
    "counts do not agree with each other",
    "Rows, clips and groups are told in several places. Where they differ, one of them is a literal that nobody "
    "counted.",
    "Publish again with `tinyai refresh`, which counts.",
)
HEADLINE = Rule(
    "TAI606",
    "headline-differs",
    Severity.ERROR,
    "a headline figure is not that of the evaluation",
    "`training` repeats the figures for readers of earlier sidecars; they compare models by it.",
    "Publish again with `tinyai refresh`.",
)
RECIPE = Rule(
    "TAI607",
    "recipe-differs",
    Severity.ERROR,
    "the recipe in the sidecar is not the one that it says it is",
    "The fingerprint locks the recipe: a refresh is refused where it differs. A recipe that was edited, or speaks of "
    "other inputs than the sidecar, locks nothing.",
    "Restore the sidecar. A new recipe is a new model id.",
)
MEMBERS = Rule(
    "TAI608",
    "member-differs",
    Severity.ERROR,
    "a member of the ensemble is not the one that was judged",
    "The ensemble was judged as a whole, with these members. One that was exchanged on its own makes another ensemble.",
    "Roll back, or refresh the ensemble; members are never published alone.",
)
ARTIFACTS = Rule(
    "TAI609",
    "artifact-list",
    Severity.ERROR,
    "the list of artifacts is not that of the files",
    "Every file that a release ships is in the list, with its digest, its size and its opset.",
    "Publish again with `tinyai refresh`.",
)

VECTOR = Rule(
    "TAI610",
    "weak-test-vector",
    Severity.ERROR,
    "a test vector could not tell a wrong model",
    "It lists rows, and what the published file gives for them within a tolerance. With a tolerance as wide as the "
    "scores, or rows of another shape, it proves nothing about whoever loads the model.",
    "Publish again with `tinyai refresh`.",
)

Figure = Literal["mean", "std", "min", "max", "median", "spread"]
# Schemes that hold out every row of the table once, unless they are limited to some.
_PARTITIONS = {"LeaveOneGroupOut", "KFold", "GroupKFold"}
_FIGURES: tuple[Figure, ...] = get_args(Figure)


@dataclass(frozen=True)
class Judged:
    """A protocol that the gate asks for: where the sidecar has it, what that says, its criteria, and what it gave."""

    at: str
    document: ProtocolDocument
    criteria: Sequence[Criterion]
    evaluation: Evaluation


def of_model(model: Subject, rows: Mapping[str, Row]) -> Iterator[Finding]:
    """Whether the evidence in the sidecar of ``model``, valid by its schema, holds; ``rows`` are all rows by id."""
    if "evaluation" not in model.said:
        return
    yield from _recipe(model)
    yield from _counts(model)
    yield from _members(model, rows)
    said = as_sidecar(model.said)
    try:
        evaluation = parts.evaluation_of(said["evaluation"], said.get("in_sample"))
        criteria = {str(c): c for c in _criteria(model)}
        protocols = list(_protocols(model))
    except (RecipeError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        yield model.in_sidecar(GATE, f"the gate cannot be judged again: {shorten(str(error))}", "/recipe/criteria")
        return
    yield from _vectors(model)
    yield from _coverage(model, evaluation)
    yield from _summary(model, evaluation, protocols)
    yield from _gate(model, evaluation, criteria, protocols)
    if any(c.against == "previous" for c in criteria.values()) and (said["previous"] is None) != (
        evaluation.previous is None
    ):
        what = "the gate compares with the release before, and this is not what it compares with"
        yield model.in_sidecar(GATE, what, "/previous")
    yield from _headlines(model)


def _criteria(model: Subject) -> Iterator[Criterion]:
    said = as_sidecar(model.said)
    yield from (Criterion(**fields) for fields in said["recipe"]["criteria"])
    yield from (criterion for twin in twins_of(said["recipe"]) for criterion in twin.criteria)
    yield from (found for verdict in said["gate"] if (found := criterion_of(verdict["criterion"])) is not None)


def _protocols(model: Subject) -> Iterator[Judged]:
    said = as_sidecar(model.said)
    found = {each["protocol"]: (k, each) for k, each in enumerate(said["protocols"]) if "evaluation" in each}
    for protocol in said["recipe"].get("protocols", ()):
        name, criteria = str(protocol["name"]), [Criterion(**fields) for fields in protocol["criteria"]]
        if name not in found:
            raise ValueError(f"the folds of the protocol {name} are not recorded")
        index, document = found[name]
        yield Judged(f"/protocols/{index}", document, criteria, parts.evaluation_of(document["evaluation"]))


def _gate(
    model: Subject,
    evaluation: Evaluation,
    criteria: Mapping[str, Criterion],
    protocols: Sequence[Judged],
) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    recorded = {verdict["criterion"]: (index, verdict) for index, verdict in enumerate(said["gate"])}
    figures = {artifact["path"]: parts.artifact_figures(artifact) for artifact in said["artifacts"]}
    asked = list(criteria.values())
    judged = (
        *gate.judge(evaluation, asked),
        *gate.judge_artifacts(figures, asked),
        *chain.from_iterable(gate.judge(p.evaluation, p.criteria, p.document["protocol"]) for p in protocols),
    )
    for verdict in judged:
        index, record = recorded.get(verdict.criterion, (None, None))
        at = "/gate" if index is None else f"/gate/{index}"
        if not verdict.passed:
            why = verdict.reason or f"it is {verdict.value:g}"
            yield model.in_sidecar(NOT_PROVED, f"{shorten(verdict.criterion)}: not proved ({shorten(why)})", at)
        if record is None:
            yield model.in_sidecar(GATE, f"{shorten(verdict.criterion)} was never judged", at)
        elif record["passed"] is not verdict.passed or not _same(record["value"], verdict.value):
            what = f"{record['value']} is recorded, the folds give {verdict.value}"
            yield model.in_sidecar(GATE, f"{shorten(verdict.criterion)}: {what}", f"{at}/value")
    for words, (index, _) in recorded.items():
        if words not in {verdict.criterion for verdict in judged}:
            yield model.in_sidecar(GATE, f"{shorten(words)} is no criterion that can be judged again", f"/gate/{index}")


def _coverage(model: Subject, evaluation: Evaluation) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    [(scheme, settings)] = (said["recipe"]["folds"] or {"none": {}}).items()
    is_of_table = sorted(evaluation.expected_groups) == sorted(said["table"]["groups"])
    if (scheme, settings) == ("LeaveOneGroupOut", {}) and not is_of_table:
        expected, groups = len(evaluation.expected_groups), len(said["table"]["groups"])
        what = f"{expected} folds are expected, the table has {groups} groups, or others"
        yield model.in_sidecar(COVERAGE, what, "/evaluation/expected_groups")
    if evaluation.expected_seeds and not _are_declared(evaluation.expected_seeds, said["recipe"]):
        what = f"the seeds {list(evaluation.expected_seeds)} are expected, and the recipe declares others"
        yield model.in_sidecar(COVERAGE, what, "/evaluation/expected_seeds")
    rows = sum(fold.rows for fold in evaluation.folds)
    is_limited = isinstance(settings, dict) and "within" in settings
    used = said["table"].get("rows_used", said["table"]["rows"])
    if scheme in _PARTITIONS and not is_limited and rows != used:
        what = f"the folds hold out {rows} rows, the table has {used}"
        yield model.in_sidecar(COVERAGE, what, "/evaluation/folds")
    by_corpus = sum(fold.rows for fold in evaluation.corpora)
    if evaluation.corpora and by_corpus != rows:
        what = f"the corpora have {by_corpus} rows, the folds hold out {rows}"
        yield model.in_sidecar(COVERAGE, what, "/evaluation/corpora")


def _are_declared(seeds: Sequence[int], recipe: Mapping[str, Any]) -> bool:
    """Whether these are the seeds of the members that ``recipe`` declares."""
    match recipe:
        case {"ensemble": {"Ensemble": {"size": int(size)}}}:
            first = recipe.get("seed", 0)
            return len(seeds) == size and all(seed == first + k for k, seed in enumerate(seeds))
        case _:
            return False


Summary = Mapping[str, AggregateDocument]


def _summary(model: Subject, evaluation: Evaluation, protocols: Sequence[Judged]) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    places = [*_summaries("/evaluation", said["evaluation"], evaluation)]
    for protocol in protocols:
        places.append((protocol.at, protocol.document["summary"], protocol.evaluation))
        places += _summaries(f"{protocol.at}/evaluation", protocol.document["evaluation"], protocol.evaluation)
    for at, summary, found in places:
        for metric, aggregate in found.summary.items():
            for figure in _FIGURES:
                known, value = summary.get(metric), getattr(aggregate, figure)
                recorded = None if known is None else known[figure]
                if not _same(recorded, value):
                    what = f"{figure} {shorten(metric)} is {recorded}, the folds give {value}"
                    yield model.in_sidecar(SUMMARY, what, f"{at}/summary/{metric}/{figure}")


def _summaries(
    at: str, document: EvaluationDocument, evaluation: Evaluation
) -> Iterator[tuple[str, Summary, Evaluation]]:
    """Where a summary stands, what it says, and the evaluation that it is of; and those of what it is compared with."""
    yield at, document["summary"], evaluation
    if evaluation.reference is not None:
        yield from _summaries(f"{at}/reference", document["reference"], evaluation.reference)
    if evaluation.previous is not None:
        yield from _summaries(f"{at}/previous", document["previous"], evaluation.previous)
    for index, each in enumerate(document.get("seeds", ())):
        member = evaluation.seeds[each["seed"]]
        yield from _summaries(f"{at}/seeds/{index}/evaluation", each["evaluation"], member)


def _headlines(model: Subject) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    wanted = parts.headlines(said["evaluation"], said.get("in_sample"))
    for key, value in said["training"].items():
        name = key.removeprefix("loso_").removeprefix("cv_")
        if name in wanted and not _same(value, wanted[name]):
            what = f"{key} is {value}, the evaluation says {wanted[name]}"
            yield model.in_sidecar(HEADLINE, what, f"/training/{key}")


def _counts(model: Subject) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    table, training = said["table"], said["training"]
    order = sum(len(each.get("columns", ())) for each in said["recipe"]["inputs"])
    pairs: dict[str, tuple[Any, Any]] = {
        "/training/n_sources": (training["n_sources"], len(table["groups"])),
        "/training/n_pairs": (training["n_pairs"], table["clips"]),
        "/table/feature_means": (len(table["feature_means"]), order),
        "/table/feature_stds": (len(table["feature_stds"]), order),
        "/table/groups": (len(set(table["groups"])), len(table["groups"])),
    }
    for pointer, (said, counted) in pairs.items():
        if said != counted:
            yield model.in_sidecar(COUNTS, f"{pointer[1:].replace('/', '.')}: {said}, elsewhere {counted}", pointer)
    used = table.get("rows_used", table["rows"])
    if not len(table["groups"]) <= table["clips"] <= used <= table["rows"]:
        what = f"{len(table['groups'])} groups, {table['clips']} clips, {used} of {table['rows']} rows"
        yield model.in_sidecar(COUNTS, f"{what}: there are never more of the coarser", "/table/clips")


def _recipe(model: Subject) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    recipe = said["recipe"]
    if said["recipe_fingerprint"] != fingerprint(recipe):
        yield model.in_sidecar(RECIPE, "recipe_fingerprint is not that of the recipe beside it", "/recipe_fingerprint")
    columns = [column for each in recipe["inputs"] for column in each.get("columns", ())]
    wanted: dict[str, Any] = {
        "id": said.get("member_of", said["id"]),
        "inputs": said["input_names"],
        "columns": said.get("feature_order"),
        "scaler": said["onnx_has_scaler"],
    }
    found: dict[str, Any] = {
        "id": recipe["id"],
        "inputs": _tensors(recipe),
        "columns": columns,
        "scaler": recipe.get("scaler_in_graph", False) or not columns,
    }
    named = [each for each in recipe["inputs"] if "columns" in each]
    if "inputs" in said:
        wanted["tensors"] = [(each["tensor"], each["columns"]) for each in said["inputs"]]
        found["tensors"] = [(each["tensor"], each["columns"]) for each in named]
    if named and wanted["columns"] == named[0]["columns"]:  # of several inputs, today's sidecars list the first's
        found["columns"] = wanted["columns"]
    for what, value in found.items():
        if wanted[what] is not None and value != wanted[what]:  # a filter need not have an order of features
            message = f"the recipe says other {what} than the sidecar: {shorten(str(value))}"
            at = {"id": "/id", "inputs": "/inputs", "columns": "/inputs"}.get(what, "")
            yield model.in_sidecar(RECIPE, message, f"/recipe{at}")
    yield from _announced(model)


def _tensors(recipe: RecipeDocument) -> list[Any]:
    return [each.get("Tensor", each).get("tensor") for each in recipe["inputs"]]


def _announced(model: Subject) -> Iterator[Finding]:
    """Whether the sidecar says at its top what inputs and derived columns of the recipe have it say, and no more."""
    if "sidecar_key" not in str(model.said["recipe"]) and not schema.announceable() & model.said.keys():
        return  # reading a recipe back takes as long as all the rest
    try:
        announced = recipe_of(model.said["recipe"], model.said["kind"]).announced
    except RecipeError:  # of a later version, which knows more nouns
        return
    for key in sorted(schema.announceable() | announced.keys()):
        said, meant = model.said.get(key), announced.get(key)
        if said != meant:
            what = f"{key} is {shorten(str(said))}, the recipe says {shorten(str(meant))}"
            yield model.in_sidecar(RECIPE, what, f"/{key}" if key in model.said else "/recipe")


def _members(model: Subject, rows: Mapping[str, Row]) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    ids = [member["id"] for member in said["members"]]
    for index, member in enumerate(said["members"]):
        row = rows.get(member["id"])
        if member["id"] in ids[:index]:
            yield model.in_sidecar(MEMBERS, f"the member {member['id']} is there twice", f"/members/{index}/id")
        if row is None:
            yield model.in_sidecar(MEMBERS, f"the member {member['id']} has no row", f"/members/{index}/id")
        elif (row.get("sha256"), row.get("onnx")) != (member["sha256"], member["onnx"]):
            what = f"the member {member['id']} is not the one that its row pins"
            yield model.in_sidecar(MEMBERS, what, f"/members/{index}/sha256")
    whole = said.get("member_of")
    if whole is not None and whole not in rows:
        yield model.in_sidecar(MEMBERS, f"it is a member of {shorten(whole)}, which has no row", "/member_of")


def _vectors(model: Subject) -> Iterator[Finding]:
    said = as_sidecar(model.said)
    low, high = said["recipe"]["target_range"]
    known = {name: _shape(each) for name, each in zip(_tensors(said["recipe"]), said["recipe"]["inputs"], strict=True)}
    shares = {f"{model.stem}.int8.onnx": twin.worst for twin in twins_of(said["recipe"])}
    for index, artifact in enumerate(said["artifacts"]):
        vector, at = artifact.get("test_vector"), f"/artifacts/{index}/test_vector"
        if vector is None:
            continue
        most = shares.get(artifact["path"], PARITY) * (high - low)
        if not vector["tolerance"] <= most * (1 + 1e-9):
            what = f"the tolerance is {vector['tolerance']}, at most {most:g} can be published"
            yield model.in_sidecar(VECTOR, what, f"{at}/tolerance")
        if {each["tensor"]: _fed(each)[1] for each in vector["inputs"]} != known:
            yield model.in_sidecar(VECTOR, "its inputs do not have the columns of the recipe's", f"{at}/inputs")
        given = {(each["shape"][0] if "shape" in each else len(each["values"])) for each in vector["outputs"]}
        if len({_fed(each)[0] for each in vector["inputs"]} | given) != 1:
            yield model.in_sidecar(VECTOR, "its inputs and outputs do not have as many rows", f"{at}/outputs")


def _shape(noun: InputDocument) -> tuple[int, ...] | None:
    return tuple(noun["Tensor"].get("shape", ())) if "Tensor" in noun else (len(noun.get("columns", ())),)


def _fed(rows: RowsDocument) -> tuple[int, tuple[int, ...] | None]:
    """How many rows a test vector has of an input, and the shape of each; None where they have several."""
    if "noise" in rows:
        return rows["noise"]["shape"][0], tuple(rows["noise"]["shape"][1:])
    widths = {len(row) for row in rows.get("values", [])}
    return len(rows.get("values", [])), tuple(widths) if len(widths) == 1 else None


def _same(one: Any, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return type(one) in (int, float) and math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-12)
