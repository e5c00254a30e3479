"""What can be wrong with who a model is: ids that are not one, and documents that do not agree about it."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tinyai_registry.checks.finding import Finding, Rule, Severity
from tinyai_registry.checks.graph import OPSET
from tinyai_registry.checks.subject import Subject
from tinyai_registry.documents.index import INDEX
from tinyai_registry.onnxfile.graph import ParsedGraph
from tinyai_registry.recipe import name_flaw
from tinyai_registry.text import shorten

DUPLICATE = Rule(
    "TAI101",
    "duplicate-id",
    Severity.ERROR,
    "several rows have one id",
    "Which of them a consumer gets depends on the reader: the first in one, the last in another.",
    "Keep one of the rows. A merge of two branches may have kept both.",
)
LOOKALIKE = Rule(
    "TAI102",
    "look-alike-ids",
    Severity.ERROR,
    "two ids look alike",
    "Ids that differ in case alone are one file on some file systems, and one model to anyone who reads them; so are "
    "ids with letters of other alphabets that look the same.",
    "Give one of the models another id.",
)
SAME_FILE = Rule(
    "TAI103",
    "shared-file",
    Severity.ERROR,
    "two rows name the same file",
    "Sidecar and card belong to the file, so the two rows cannot both be what they say. A refresh of one changes the "
    "other.",
    "Keep one of the rows, or give the other model a file of its own.",
)
STEM = Rule(
    "TAI104",
    "id-not-file-name",
    Severity.WARNING,
    "id and file name differ",
    "Some consumers find a model by its id, others by its file name; a reader of either has to guess the other, and a "
    "refresh under the id makes a second set of files.",
    "Name the file <id>.onnx, its sidecar and card likewise.",
)
DISAGREE = Rule(
    "TAI105",
    "row-sidecar-conflict",
    Severity.ERROR,
    "row and sidecar do not agree",
    "Both are read, by different consumers. Where they differ, one of the two is told something untrue.",
    "Publish again with `tinyai refresh`, which writes both; or restore the one that was edited.",
)
NOTES = Rule(
    "TAI106",
    "notes-differ",
    Severity.WARNING,
    "the notes of row and sidecar differ",
    "Notes are for people, who read one of the two. A difference says that one was left over from another release.",
    "Make them the same: `tinyai migrate` writes the row's into a sidecar of an earlier dialect, `tinyai refresh` "
    "writes both.",
)
KIND = Rule(
    "TAI107",
    "wrong-kind",
    Severity.ERROR,
    "the kind does not fit the graph",
    "A filter gives a frame, a no-reference model is fed one frame: a runtime that goes by the kind calls the graph "
    "in a way that it was not made for.",
    "Write the kind that the graph has.",
)

NAME = Rule(
    "TAI108",
    "unloggable-name",
    Severity.ERROR,
    "the runtime cannot log a model under its name",
    "The target runtime writes its scores under the sidecar's `name`, which is the id, unescaped as XML attribute, "
    "JSON key and CSV column. A name that begins with a digit, or has anything but letters, digits and underscores, "
    "breaks the log; one that libvmaf has a score or a feature for (`vmaf`, `integer_adm2`) replaces that.",
    "Publish the model under another id: a letter, then letters, digits and underscores.",
)

_COMPARED = {"id": "id", "kind": "kind", "onnx": "onnx", "opset": "opset", "onnx_opset": "opset", "sha256": "sha256"}
_COMPARED |= {key: key for key in ("int8_sha256", "quant_accuracy_budget_plcc", "quant_plcc_loss")}
_IMAGE_RANK = 4
_WORD = re.compile(r"[a-z0-9_-]{1,64}\Z")
# Cyrillic, then Greek small letters, and the dotless i, as the eye takes them.
_LATIN = str.maketrans("асеорхуіјѕԁһӏԛԝѵαορνικτυı", "aceopxyijsdhlqwvaopviktui")  # the point


def of_rows(rows: Sequence[Any]) -> Iterator[Finding]:
    """Ids and files that several rows have, each found at the later one."""
    yield from _find_repeats(rows, "id", DUPLICATE, "have the id", str)
    yield from _find_repeats(rows, "id", LOOKALIKE, "have ids that look alike:", _skeleton)
    yield from _find_repeats(rows, "onnx", SAME_FILE, "name the file", str.casefold)


def _find_repeats(
    rows: Sequence[Any], key: str, rule: Rule, what: str, same: Callable[[str], str]
) -> Iterator[Finding]:
    seen: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for index, row in enumerate(rows):
        if isinstance(row, dict) and isinstance(row.get(key), str):
            seen[same(row[key])].append((index, row[key]))
    for (first, one), *others in seen.values():
        for index, value in others:
            if rule is not LOOKALIKE or value != one:  # equal ids are duplicates
                also = "" if one == value else f", {shorten(one)}"
                message = f"rows {first + 1} and {index + 1} {what} {shorten(value)}{also}"
                model = rows[index].get("id")
                name = model if isinstance(model, str) else None
                yield Finding(rule, INDEX, message, f"/models/{index}/{key}", name)


def of_model(model: Subject) -> Iterator[Finding]:
    """Whether row, sidecar and graph of ``model`` speak of one thing."""
    if model.stem is not None and model.id is not None and model.stem.rpartition("/")[2] != model.id:
        yield model.in_row(STEM, f"the id is {shorten(model.id)}, the file {shorten(model.stem)}.onnx", "onnx")
    for key, in_row in _COMPARED.items():
        if key in model.said and in_row in model.row and model.said[key] != model.row[in_row]:
            said, wanted = shorten(str(model.said[key])), shorten(str(model.row[in_row]))
            yield model.in_sidecar(DISAGREE, f"{key} is {said}, but the row says {wanted}", f"/{key}")
    yield from _quantisation(model)
    yield from _check_names(model)
    here, there = model.said.get("notes"), model.row.get("notes")
    if isinstance(here, str) and isinstance(there, str) and here != there:
        yield model.in_sidecar(NOTES, f"the notes are not those of the row ({_difference(here, there)})", "/notes")
    if model.parsed is not None:
        yield from _agreement_with_graph(model, model.parsed)


def _check_names(model: Subject) -> Iterator[Finding]:
    """Of an id that the schema refuses, and of a name that is the id, nothing more is said."""
    name, outputs = model.said.get("name"), () if model.parsed is None else model.parsed.signature.outputs
    if model.id is not None and _WORD.match(model.id) and (why := name_flaw(model.id)):
        yield model.in_row(NAME, f"the id {shorten(model.id)}: {why}", "id")
    if not isinstance(name, str):
        return
    if name != model.id and (why := name_flaw(name)):
        yield model.in_sidecar(NAME, f"the name {shorten(name)}: {why}", "/name")
    for output in outputs if len(outputs) > 1 else ():
        logged = f"{name}_{re.sub('[^A-Za-z0-9_]', '_', output)}"
        if name_flaw(name) is None and (why := name_flaw(logged)):
            what = f"the output {shorten(output)} is logged as {shorten(logged)}: {why}"
            yield model.in_sidecar(NAME, what, "/name")


def _quantisation(model: Subject) -> Iterator[Finding]:
    """The target runtime takes ``quant_mode`` from the sidecar, others from the row; who is silent says fp32."""
    if not model.said:
        return
    here, there = model.said.get("quant_mode", "fp32"), model.row.get("quant_mode", "fp32")
    if here != there:
        pointer = "/quant_mode" if "quant_mode" in model.said else ""
        what = f"quant_mode is {shorten(str(here))}, but the row says {shorten(str(there))}"
        yield model.in_sidecar(DISAGREE, f"{what} (what is silent says fp32)", pointer)


def _agreement_with_graph(model: Subject, graph: ParsedGraph) -> Iterator[Finding]:
    signature = graph.signature
    opset, file = signature.opset, shorten(graph.file.name)
    if isinstance(model.row.get("opset"), int) and model.row["opset"] != opset:
        yield model.in_row(OPSET, f"{file} has opset {opset}, the row says {model.row['opset']}", "opset")
    for key in ("opset", "onnx_opset"):
        if isinstance(model.said.get(key), int) and model.said[key] != opset:
            what = f"{file} has opset {opset}, the sidecar says {model.said[key]}"
            yield model.in_sidecar(OPSET, what, f"/{key}")
    frames = sum(len(shape) == _IMAGE_RANK for shape in signature.inputs.values())
    if model.row.get("kind") == "filter" and not any(len(s) == _IMAGE_RANK for s in signature.outputs.values()):
        yield model.in_row(KIND, f"the kind is filter, but no output of {file} is a frame", "kind")
    if model.row.get("kind") == "nr" and frames > 1:
        yield model.in_row(KIND, f"the kind is nr (no reference), but {file} is fed {frames} frames", "kind")


def _skeleton(text: str) -> str:
    """What is left of ``text`` for the eye: no case, accents or joiners, and Latin letters for their look-alikes."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_LATIN)
    return "".join(each for each in plain if not unicodedata.combining(each) and unicodedata.category(each) != "Cf")


def _difference(one: str, other: str) -> str:
    at = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    here, there = shorten(one[at : at + 20]) or "nothing", shorten(other[at : at + 20]) or "nothing"
    return f"from character {at + 1}: {here} here, {there} there"
