"""What can be wrong with weights that a graph reads from beside it: every byte that a runtime would read is pinned."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tinyai_registry.checks import files
from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.files import File, Folder, Problem, Unreadable
from tinyai_registry.onnxfile.weights import External, Misplaced, Outside, data_files
from tinyai_registry.text import shorten

UNPINNED = Rule(
    "TAI301",
    "unpinned-weights",
    Severity.ERROR,
    "a graph reads weights from a file that nothing pins",
    "The digest of the row covers the graph file alone. The weights lie beside it, and whoever swaps that file has "
    "another model under the same digest. The target runtime neither hashes nor confines such a file.",
    "Save the model as one file (`onnx.save(model, path)` after `onnx.load(path)`) and publish that; or list the data "
    "file with its digest among the sidecar's `artifacts`, as `tinyai migrate` does.",
)
OUTSIDE = Rule(
    "TAI302",
    "weights-outside",
    Severity.ERROR,
    "the weights of a graph lie outside the registry folder",
    "The location of external data is a path inside the graph: with `..` or an absolute path it makes a loader read "
    "any file of the machine that it runs on.",
    "Save the model as one file.",
)
MISFIT = Rule(
    "TAI303",
    "weights-misfit",
    Severity.ERROR,
    "the place of a graph's external weights does not fit",
    "Offset, length and shape of a tensor must lie within its data file and agree. Else loading fails, or reads bytes "
    "that belong to something else.",
    "Save the model again, as one file.",
)
PINNED = Rule(
    "TAI304",
    "external-weights",
    Severity.WARNING,
    "the weights of a graph lie in a file beside it",
    "The data file is pinned by the sidecar, and its digest holds. But the target runtime does not check it when it "
    "loads, and a rename of the graph loses it.",
    "Save the model as one file and publish that.",
)


def flaws(outside: Outside, graph: str, folder: Folder, pinned: Mapping[str, str], limit: int) -> Iterator[Flaw]:
    """What is wrong with the weights of the file ``graph`` that lie ``outside`` it.

    ``pinned`` maps the paths of data files to the digests that the sidecar lists.
    """
    for each in outside:
        if isinstance(each, Misplaced):
            yield Flaw(MISFIT, f"tensor {shorten(each.tensor)} {each.what}")
    for name, group in data_files(outside, graph).items():
        yield from _of_file(graph, folder.fetch(name, limit), group, pinned.get(name))


def _of_file(graph: str, file: File | Unreadable, group: Sequence[External], pinned: str | None) -> Iterator[Flaw]:
    names = ", ".join(shorten(each.tensor) for each in group[:5]) + (", ..." if group[5:] else "")
    if isinstance(file, Unreadable) and file.problem is Problem.OUTSIDE:
        yield Flaw(OUTSIDE, f"{shorten(graph)} reads {names} from {shorten(file.name)}, which {file.what}")
        return
    for flaw in files.flaws(file):
        yield Flaw(flaw.rule, f"{shorten(graph)} reads {names} from it: {flaw.message}")
    if pinned is None:
        yield Flaw(UNPINNED, f"{shorten(graph)} reads {names} from {shorten(file.name)}, whose bytes nothing pins")
    elif isinstance(file, File):
        yield Flaw(PINNED, f"{shorten(graph)} reads {names} from {shorten(file.name)}")
    if isinstance(file, File):
        yield from _misfits(file, group)


def _misfits(file: File, group: Sequence[External]) -> Iterator[Flaw]:
    there = len(file.data)
    for each in group:
        length = each.size if each.length is None else each.length
        if length != each.size:
            yield Flaw(MISFIT, f"tensor {shorten(each.tensor)} takes {each.size} bytes, and the graph says {length}")
        elif each.offset + length > there:
            end = each.offset + length
            yield Flaw(
                MISFIT, f"tensor {shorten(each.tensor)} ends at byte {end} of {shorten(file.name)}, which has {there}"
            )
