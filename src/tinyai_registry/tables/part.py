"""The unit of work of a build: some logs in, a part of the table out, written and named by what is in it.

Done in a process apart, perhaps on another machine; the work comes as paths and digests, and so does the answer. A part
that is there already was written by an earlier attempt from the same bytes, and is taken as it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

from tinyai_registry.errors import LogError, TableError
from tinyai_registry.files import explain, replacing, sha256_of
from tinyai_registry.tables.arrow import doubles, integers
from tinyai_registry.tables.logs import read_log
from tinyai_registry.tables.logs.vmaf_log import FRAME_INDEX, VmafLog
from tinyai_registry.tables.manifest import FRAMES
from tinyai_registry.tables.naming import name_columns
from tinyai_registry.tables.pooling import pool
from tinyai_registry.tables.sources import inside, read_source
from tinyai_registry.text import suggest

# Goes into the name of a part: one that another version has written may differ.
FORMAT = "1"
FACTS = b"facts"


@dataclass(frozen=True)
class Assignment:
    """Some lines of the manifest: the name of each log, and the digest that it must have, if that is known.

    ``logs`` is where they lie, ``folder`` where the part goes; ``columns`` are those that are wanted, all if there is
    none; ``pools`` has the statistics of a row for each clip.
    """

    names: tuple[str, ...]
    digests: tuple[str | None, ...]
    logs: str
    folder: str
    columns: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()


@dataclass(frozen=True)
class LogFacts:
    """What the driver has to know of a log to merge it with others: libvmaf's ``names`` as they stand in it.

    ``empty`` counts the frames without a finite score, name by name.
    """

    log: str
    sha256: str
    rows: int
    step: int
    is_rounded: bool
    version: str | None
    names: tuple[str, ...]
    empty: dict[str, int]


@dataclass(frozen=True)
class Part:
    """What became of an assignment: a file and its digest, or what is wrong with which of its logs."""

    file: str | None
    sha256: str | None
    flaws: tuple[tuple[str, str], ...] = ()


def write_part(assignment: Assignment) -> Part:
    """Read the logs, and write their frames into a file of ``assignment.folder``."""
    read, flaws = [], []
    for name, wanted in zip(assignment.names, assignment.digests, strict=True):
        try:
            read.append((name, _read(assignment.logs, name, wanted)))
        except LogError as error:
            flaws.append((name, str(error)))
    if flaws:
        return Part(None, None, tuple(flaws))
    digests = [sha256_of(data) for _, data in read]
    content = json.dumps([FORMAT, assignment.names, digests, assignment.columns, assignment.pools])
    path = Path(assignment.folder, f"{sha256_of(content.encode())}.arrow")
    if path.exists():
        return Part(path.name, sha256_of(path.read_bytes()))
    parsed: list[tuple[LogFacts, VmafLog]] = []
    for (name, data), digest in zip(read, digests, strict=True):
        try:
            log = _choose(read_log(data), assignment.columns)
            parsed.append((_facts(name, digest, log, assignment.pools), log))
        except LogError as error:
            flaws.append((name, str(error)))
    flaws += _other_names(parsed)
    if flaws:
        return Part(None, None, tuple(flaws))
    part = _serialise(parsed, assignment.pools)
    _write(path, part)
    return Part(path.name, sha256_of(part))


def open_part(data: bytes) -> tuple[pa.Table, list[LogFacts]]:
    """The frames in a part, ``frame_index`` (or ``frames``) first, and what is to know of each of its logs."""
    with pa.ipc.open_file(pa.py_buffer(data)) as file:
        facts = orjson.loads(file.schema.metadata[FACTS])
        table = file.read_all().replace_schema_metadata(None)
    return table, [LogFacts(**{**each, "names": tuple(each["names"])}) for each in facts]


def _read(folder: str, name: str, wanted: str | None) -> bytes:
    data = read_source(inside(folder, name))
    if wanted is not None and sha256_of(data) != wanted:
        raise LogError(f"has the SHA-256 {sha256_of(data)}, and the manifest says {wanted}; it is another log")
    return data


def _choose(log: VmafLog, columns: Sequence[str]) -> VmafLog:
    """The scores that become ``columns``, all if there is none."""
    if not columns:
        return log
    named = {column: name for name, column in name_columns(log.names).items()}
    for column in columns:
        if column not in named:
            raise LogError(f"has no {column}{suggest(column, named) or '; run vmaf again with what gives it'}")
    names = tuple(name for name in log.names if name in {named[column] for column in columns})
    return replace(log, names=names, scores=log.scores[:, [log.names.index(name) for name in names]])


def _facts(name: str, digest: str, log: VmafLog, pools: Sequence[str]) -> LogFacts:
    counts = np.isnan(log.scores).sum(axis=0).tolist()
    empty = {column: count for column, count in zip(log.names, counts, strict=True) if count}
    rows = 1 if pools else len(log.frames)
    return LogFacts(name, digest, rows, log.step, log.is_rounded, log.version, log.names, empty)


def _other_names(parsed: Sequence[tuple[LogFacts, VmafLog]]) -> list[tuple[str, str]]:
    """The first log of a part that has other scores than its first."""
    others = ((facts.log, differ(parsed[0][0], facts.names)) for facts, _ in parsed[1:])
    return [(log, why) for log, why in others if why][:1]


def differ(first: LogFacts, names: Sequence[str]) -> str | None:
    """How a log with ``names`` has other scores than the ``first``, in words that follow its name."""
    if names == first.names:
        return None
    lacking = [name for name in first.names if name not in names]
    more = [name for name in names if name not in first.names]
    if not lacking and not more:
        return None
    what = f"lacks {lacking[0]}, which {first.log} has" if lacking else f"has {more[0]}, which {first.log} lacks"
    return f"{what}; run vmaf with the same features on every encode, or choose with --features"


def _serialise(parsed: Sequence[tuple[LogFacts, VmafLog]], pools: Sequence[str]) -> pa.Buffer:
    names = parsed[0][0].names
    blocks = [pool(_in_order(log, names), pools) if pools else _in_order(log, names) for _, log in parsed]
    scores = np.ascontiguousarray(np.concatenate(blocks).T)
    frames = [log.frames for _, log in parsed]
    counter = {FRAMES: [*map(len, frames)]} if pools else {FRAME_INDEX: np.concatenate(frames)}
    columns = {name: integers(values, 32) for name, values in counter.items()}
    titles = [f"{name}_{each}" for each in pools for name in names] if pools else list(names)
    for title, values in zip(titles, scores, strict=True):
        columns[title] = doubles(values)
    facts = orjson.dumps([vars(each) for each, _ in parsed])
    table = pa.table(columns).replace_schema_metadata({FACTS: facts})
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue()


def _write(path: Path, part: pa.Buffer) -> None:
    try:
        with replacing(path) as own:  # two attempts at one part write files of their own
            own.write_bytes(part)
    except OSError as error:
        raise TableError(f"cannot write {path}: {explain(error)}") from error


def _in_order(log: VmafLog, names: Sequence[str]) -> NDArray[np.float64]:
    return log.scores if log.names == names else log.scores[:, [log.names.index(name) for name in names]]
