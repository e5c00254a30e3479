"""What can be wrong with weights that a graph reads from beside it: every byte that a runtime would read is pinned."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx
from onnx.external_data_helper import uses_external_data

from tinyai_registry.checks.files import File, Folder, shown, strays
from tinyai_registry.checks.finding import Flaw, Rule, Severity
from tinyai_registry.checks.protobuf import elements, tensors

UNPINNED = Rule(
    "TAI301",
    Severity.ERROR,
    "a graph reads weights from a file that nothing pins",
    "The digest of the row covers the graph file alone. The weights lie beside it, and whoever swaps that file has "
    "another model under the same digest. The target runtime neither hashes nor confines such a file.",
    "Save the model as one file (`onnx.save(model, path)` after `onnx.load(path)`) and publish that; or list the data "
    "file with its digest among the sidecar's `artifacts`, as `tinyai migrate` does.",
)
OUTSIDE = Rule(
    "TAI302",
    Severity.ERROR,
    "the weights of a graph lie outside the registry folder",
    "The location of external data is a path inside the graph: with `..` or an absolute path it makes a loader read "
    "any file of the machine that it runs on.",
    "Save the model as one file.",
)
MISFIT = Rule(
    "TAI303",
    Severity.ERROR,
    "the place of a graph's external weights does not fit",
    "Offset, length and shape of a tensor must lie within its data file and agree. Else loading fails, or reads bytes "
    "that belong to something else.",
    "Save the model again, as one file.",
)
PINNED = Rule(
    "TAI304",
    Severity.WARNING,
    "the weights of a graph lie in a file beside it",
    "The data file is pinned by the sidecar, and its digest holds. But the target runtime does not check it when it "
    "loads, and a rename of the graph loses it.",
    "Save the model as one file and publish that.",
)


@dataclass(frozen=True)
class External:
    """Where one tensor's bytes lie: ``size`` is what its shape asks for, ``length`` what the graph says."""

    tensor: str
    location: str
    offset: int
    length: int | None
    size: int


# The tensors of a graph that lie outside it, and what is wrong with those that say so and not where.
Outside = Sequence[External | Flaw]


def external(model: onnx.ModelProto) -> Outside:
    """Every tensor of ``model`` whose bytes lie in another file, wherever in the graph it is."""
    return [_external(tensor) for tensor in tensors(model) if uses_external_data(tensor)]


def _external(tensor: onnx.TensorProto) -> External | Flaw:
    said = {entry.key: entry.value for entry in tensor.external_data}
    name = shown(tensor.name)
    try:
        offset, length = _number(said.get("offset", "0")), _number(said["length"]) if "length" in said else None
        item = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (ValueError, KeyError, TypeError):
        return Flaw(MISFIT, f"tensor {name} has an offset, a length or a type that is none")
    if not said.get("location"):
        return Flaw(MISFIT, f"tensor {name} is said to lie outside, and not where")
    if any(dim < 0 for dim in tensor.dims):
        return Flaw(MISFIT, f"tensor {name} has a negative dimension")
    return External(name, said["location"], offset, length, elements(tensor.dims) * item)


def _number(text: str) -> int:
    """As C reads it: Python also takes underscores, blanks, other digits, and any number of them."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)


def flaws(outside: Outside, graph: str, folder: Folder, pinned: Mapping[str, str], limit: int) -> Iterator[Flaw]:
    """What is wrong with the weights of the file ``graph`` that lie ``outside`` it.

    ``pinned`` maps the paths of data files to the digests that the sidecar lists.
    """
    yield from (flaw for flaw in outside if isinstance(flaw, Flaw))
    for name, group in _by_file(outside, graph).items():
        yield from _of_file(graph, folder.fetch(name, limit), group, pinned.get(name))


def data_files(outside: Outside, graph: str) -> list[str]:
    """The files that the file ``graph`` reads weights from, relative to the registry folder."""
    return list(_by_file(outside, graph))


def _by_file(outside: Outside, graph: str) -> dict[str, list[External]]:
    above = graph.rpartition("/")[0]
    found: dict[str, list[External]] = defaultdict(list)
    for each in outside:
        if isinstance(each, External):
            found[f"{above}/{each.location}" if above else each.location].append(each)
    return found


def _of_file(graph: str, file: File, group: list[External], pinned: str | None) -> Iterator[Flaw]:
    names = ", ".join(each.tensor for each in group[:5]) + (", ..." if group[5:] else "")
    if strays(file.name):
        yield Flaw(OUTSIDE, f"{shown(graph)} reads {names} from {shown(file.name)}, which {strays(file.name)}")
        return
    yield from (Flaw(flaw.rule, f"{shown(graph)} reads {names} from it: {flaw.message}") for flaw in file.flaws)
    if pinned is None:
        yield Flaw(UNPINNED, f"{shown(graph)} reads {names} from {shown(file.name)}, whose bytes nothing pins")
    elif file.sha256 is not None:
        yield Flaw(PINNED, f"{shown(graph)} reads {names} from {shown(file.name)}")
    if file.data is not None:
        yield from _misfits(file, group)


def _misfits(file: File, group: list[External]) -> Iterator[Flaw]:
    there = len(file.data or b"")
    for each in group:
        length = each.size if each.length is None else each.length
        if length != each.size:
            yield Flaw(MISFIT, f"tensor {each.tensor} takes {each.size} bytes, and the graph says {length}")
        elif each.offset + length > there:
            end = each.offset + length
            yield Flaw(MISFIT, f"tensor {each.tensor} ends at byte {end} of {shown(file.name)}, which has {there}")
