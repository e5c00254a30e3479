"""Weights that a graph reads from beside it: the one reader of what its tensors say of other files."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tinyai_registry.onnxfile.onnx_messages import ModelProto, TensorProto, is_outside
from tinyai_registry.onnxfile.protobuf import elements, tensors


@dataclass(frozen=True)
class External:
    """Where one tensor's bytes lie: ``size`` is what its shape asks for, ``length`` what the graph says."""

    tensor: str
    location: str
    offset: int
    length: int | None
    size: int


@dataclass(frozen=True)
class Misplaced:
    """A tensor that is said to lie outside the graph, and not where; ``what`` follows its name in a sentence."""

    tensor: str
    what: str


# The tensors of a graph that lie outside it, wherever in the graph they are.
Outside = Sequence[External | Misplaced]


def external_weights(model: ModelProto) -> Outside:
    """Every tensor of ``model`` whose bytes lie in another file: initialisers, constants, those of subgraphs."""
    return [_locate(tensor) for tensor in tensors(model) if is_outside(tensor)]


def data_files(outside: Outside, graph: str) -> dict[str, list[External]]:
    """The files that the file ``graph`` reads weights from, relative to the registry folder, with their tensors."""
    above = graph.rpartition("/")[0]
    found: dict[str, list[External]] = defaultdict(list)
    for each in outside:
        if isinstance(each, External):
            found[f"{above}/{each.location}" if above else each.location].append(each)
    return dict(found)


def take_in(model: ModelProto, files: Mapping[str, bytes]) -> list[str]:
    """Put the bytes of ``files`` (by location) into the tensors of ``model``; returns the tensors that it lacks."""
    missing = []
    for tensor in filter(is_outside, tensors(model)):
        place = _locate(tensor)
        whole = None if isinstance(place, Misplaced) else files.get(place.location)
        if isinstance(place, Misplaced) or whole is None:
            missing.append(tensor.name)
            continue
        length = len(whole) - place.offset if place.length is None else place.length
        fill(tensor, whole[place.offset : place.offset + length])
    return missing


def fill(tensor: TensorProto, data: bytes) -> None:
    """Make ``data`` the bytes of ``tensor``, inside the graph."""
    tensor.raw_data = data
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")


def _locate(tensor: TensorProto) -> External | Misplaced:
    from tinyai_registry.onnxfile.arrays import item_size

    said = {entry.key: entry.value for entry in tensor.external_data}
    try:
        offset, length = _number(said.get("offset", "0")), _number(said["length"]) if "length" in said else None
        item = item_size(tensor.data_type)
    except (ValueError, KeyError, TypeError):
        return Misplaced(tensor.name, "has an offset, a length or a type that is none")
    if not said.get("location"):
        return Misplaced(tensor.name, "is said to lie outside, and not where")
    if any(dim < 0 for dim in tensor.dims):
        return Misplaced(tensor.name, "has a negative dimension")
    return External(tensor.name, said["location"], offset, length, elements(tensor.dims) * item)


def _number(text: str) -> int:
    """As C reads it: Python also takes underscores, blanks, other digits, and any number of them."""
    if not re.fullmatch(r"[0-9]{1,18}", text):
        raise ValueError(text)
    return int(text)
