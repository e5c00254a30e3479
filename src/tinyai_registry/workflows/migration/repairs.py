"""What a migration repairs besides the sidecar: weights outside the graph, traces of its maker, keys of the row."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tinyai_registry.checks import local_names
from tinyai_registry.checks.subject import Subject
from tinyai_registry.errors import VerificationError
from tinyai_registry.files import MAX_BYTES, File, Folder
from tinyai_registry.onnxfile.cleaning import strip
from tinyai_registry.onnxfile.graph import Graph, ParsedGraph, parse, read_graph
from tinyai_registry.onnxfile.protobuf import messages
from tinyai_registry.onnxfile.weights import data_files, take_in
from tinyai_registry.store.registry import Registry


@dataclass(frozen=True)
class Repairs:
    """What only the registry's owner can decide.

    ``licenses`` maps licences to what they are to be called, ``drop_bundles`` whether a row forgets a signature that is
    not there, ``drop_orphans`` whether a data file goes that lies beside a model's graph and is read by none.
    """

    licenses: Mapping[str, str] = field(default_factory=dict)
    drop_bundles: bool = False
    drop_orphans: bool = False


NO_REPAIRS = Repairs()


@dataclass(frozen=True)
class Mended:
    """A model with its graphs mended: what was done, and what was left as it is and why, a line for each."""

    read: Subject
    done: tuple[str, ...] = ()
    left: tuple[str, ...] = ()


def mend_row(registry: Registry, row: Mapping[str, Any], repairs: Repairs) -> tuple[dict[str, Any], list[str]]:
    """``row`` with its owner's keys mended as ``repairs`` says, and a line for each change."""
    mended, lines = dict(row), []
    licence, bundle = row.get("license"), row.get("sigstore_bundle")
    if isinstance(licence, str) and licence in repairs.licenses:
        mended["license"] = repairs.licenses[licence]
        lines.append(f"license {licence} -> {mended['license']}")
    if repairs.drop_bundles and isinstance(bundle, str) and not os.path.lexists(registry.path(bundle)):
        del mended["sigstore_bundle"]
        lines.append(f"sigstore_bundle {bundle} dropped, as there is no such file")
    return mended, lines


def mend_graphs(read: Subject, folder: Folder) -> Mended:
    """``read`` with the weights of graph and twin taken in, and nothing in them that names their maker's machine.

    Either gives the same numbers, to the bit, as the file that it replaces, or stays as it is: VerificationError says
    so. One that is signed stays as well.
    """
    mended = Mended(read)
    for key, graph in (("graph", read.graph), ("twin", read.twin)):
        wanted = list(_wanted(graph))
        if not isinstance(graph, ParsedGraph) or not wanted:
            continue
        name = graph.file.name
        if why := _obstacle(read, folder):
            mended = replace(mended, left=(*mended.left, *(f"{name}: not {each}: {why}" for each in wanted)))
            continue
        after = read_graph(File(name, _self_contained(graph, folder)))
        found = replace(mended.read, graph=after) if key == "graph" else replace(mended.read, twin=after)
        done = (f"{name}: {each}; it gives the same numbers" for each in wanted)
        left = (f"{name}: not all {each}: they are names in the graph" for each in _wanted(after))
        mended = Mended(found, (*mended.done, *done), (*mended.left, *left))
    return mended


def _wanted(graph: Graph | None) -> Iterator[str]:
    """What is to be taken out of ``graph``."""
    if isinstance(graph, ParsedGraph):
        if names := data_files(graph.outside, graph.file.name):
            yield f"weights of {', '.join(names)} taken in"
        if next(local_names.of_parts(messages(graph.proto)), None) is not None:
            yield "traces of the machine that made it taken out"


def _obstacle(read: Subject, folder: Folder) -> str | None:
    bundle = read.row.get("sigstore_bundle")
    if isinstance(bundle, str) and os.path.lexists(folder.root / bundle):
        return f"{bundle} signs these bytes"
    if find_spec("onnxruntime") is None:
        return "to hold the numbers of both against each other needs tinyai-registry[lab]"
    return None


def _self_contained(graph: ParsedGraph, folder: Folder) -> bytes:
    """``graph`` as a file by itself. Raises VerificationError unless it gives the same numbers."""
    from tinyai_registry.lab.equality import require_same_numbers  # noqa: PLC0415 - a light command, without the lab

    name, proto = graph.file.name, parse(graph.file.data if isinstance(graph.file, File) else b"")
    above = f"{name.rpartition('/')[0]}/".removeprefix("/")
    fetched = [folder.fetch(each, MAX_BYTES) for each in data_files(graph.outside, name)]
    beside = {file.name.removeprefix(above): file.data for file in fetched if isinstance(file, File)}
    if missing := take_in(proto, beside):
        raise VerificationError(f"{name}: the weights {', '.join(missing)} are not beside it")
    if next(local_names.of_parts(messages(proto)), None) is not None:
        strip(proto)
    data = proto.SerializeToString(deterministic=True)
    require_same_numbers(Path(folder.root / name), data, graph.signature)
    return bytes(data)
