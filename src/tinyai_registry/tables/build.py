"""The story of a table: a manifest and a folder of logs go in, one parquet file and its record come out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinyai_registry.documents import strict_json, table_record
from tinyai_registry.documents.url import is_url, without_secrets
from tinyai_registry.errors import LogError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.tables import croissant
from tinyai_registry.tables.agreement import check_agreement, notes
from tinyai_registry.tables.built import Built
from tinyai_registry.tables.logs import is_log
from tinyai_registry.tables.manifest import MAX_BYTES, Line, Manifest, read_manifest
from tinyai_registry.tables.merge import Merge
from tinyai_registry.tables.naming import name_columns
from tinyai_registry.tables.part import Assignment, LogFacts, write_part
from tinyai_registry.tables.record import beside_table, compose_record
from tinyai_registry.tables.sources import list_logs, read_source
from tinyai_registry.tables.writing import TableWriter, require_place, writing
from tinyai_registry.text import count, shorten
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import carry_out
from tinyai_registry.workflows.workers.parts import keep_parts

# Logs of one part: so many, or of so many bytes in all. The size of a log behind a URL is not asked for.
PART_LOGS, PART_BYTES = 32, 2**25


@dataclass(frozen=True)
class Order:
    """What was asked for.

    ``target`` is the column of the prediction, ``None`` where the logs have none; ``columns`` are the scores that are
    wanted, all if there is none; ``keys`` are the columns of the manifest that tell one encode from another.
    ``teacher`` and ``extractor`` become constant columns; ``croissant`` asks for a description in that vocabulary, too.
    ``command`` is the command line with names in place of paths.
    """

    manifest: str
    logs: str
    output: Path
    command: str
    target: str | None = "vmaf"
    columns: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    teacher: str | None = None
    extractor: str | None = None
    strict: bool = False
    croissant: bool = False
    engine: Engine = field(default_factory=Engine)


def build(order: Order, progress: Progress) -> Built:
    """Write the table and its record. Raises LogError, TableError or EngineError; then the old table is still there.

    Parts that were finished before workers died or a scheduler went away are kept beside the table, and the next build
    goes on from there. Otherwise none is left.
    """
    with progress.step("read manifest"):
        manifest = _read_manifest(order)
        require_place([order.output, *_beside(order)], _inputs(order, manifest))
        unlisted = _find_unlisted(order, manifest)
    folder = order.output.with_name(f".{order.output.name}.parts")
    busy = f"another process builds {order.output}; wait for it, or name another with --output"
    with keep_parts(folder, busy), writing(order.output, *_beside(order)) as writer:
        merge = Merge(manifest.columns, folder, order.target, order.pools, writer)
        with progress.step("read logs"):
            _read_logs(order, manifest, folder, merge, progress)
        with progress.step("write"):
            return _finish(order, manifest, merge, writer, unlisted)


def _read_manifest(order: Order) -> Manifest:
    name = without_secrets(order.manifest)
    try:
        data = read_source(order.manifest, MAX_BYTES)
    except LogError as error:
        raise LogError(f"the manifest {name} {error}") from error
    manifest = read_manifest(name, data, order.keys)
    return manifest.with_constants({"teacher_model": order.teacher, "extractor": order.extractor})


def _beside(order: Order) -> list[Path]:
    return [table_record.beside(order.output), *([croissant.beside(order.output)] if order.croissant else [])]


def _inputs(order: Order, manifest: Manifest) -> Iterator[str]:
    """The real paths of what the table is made from; nothing that lies behind a URL can be written."""
    if not is_url(order.manifest):
        yield os.path.realpath(order.manifest)
    if not is_url(order.logs):
        folder = os.path.realpath(order.logs)
        yield from (f"{folder}/{line.log}" for line in manifest.lines)


def _find_unlisted(order: Order, manifest: Manifest) -> list[str]:
    named = {line.log for line in manifest.lines}
    found = sorted(list_logs(order.logs, named) - named)
    unlisted = [name for name in found if is_log(Path(order.logs, name))]
    if unlisted and order.strict:
        raise LogError(f"{order.logs}: no line of the manifest names {unlisted[0]}; add one, or leave out --strict")
    return unlisted


def _read_logs(order: Order, manifest: Manifest, folder: Path, merge: Merge, progress: Progress) -> None:
    assignments = list(_assign(order, manifest, folder))

    def tell(done: int) -> None:
        read = sum(len(each.names) for each in assignments[:done])
        progress.advance(read, len(manifest.lines), count(len(manifest.lines), "log"))

    carry_out(order.engine, write_part, assignments, tell, take=merge.take)


def _assign(order: Order, manifest: Manifest, folder: Path) -> Iterator[Assignment]:
    wanted = tuple(dict.fromkeys((*order.columns, *([order.target] if order.target else ())))) if order.columns else ()
    for lines in _cut(manifest.lines, _sizes(order, manifest)):
        names, digests = tuple(line.log for line in lines), tuple(line.sha256 for line in lines)
        yield Assignment(names, digests, _absolute(order.logs), str(folder.absolute()), wanted, order.pools)


def _absolute(location: str) -> str:
    return location if is_url(location) else str(Path(location).absolute())


def _sizes(order: Order, manifest: Manifest) -> list[int]:
    """The size of each log in bytes, 0 where that is not known. Raises LogError for lines whose log is not there."""
    if is_url(order.logs):
        return [0] * len(manifest.lines)
    if not Path(order.logs).is_dir():
        raise LogError(f"the folder of the logs, {order.logs}, is not there; give another with --logs")
    sizes, missing = [], []
    for line in manifest.lines:
        try:
            sizes.append(Path(order.logs, line.log).stat().st_size)
        except (FileNotFoundError, NotADirectoryError):
            missing.append(line)
    if missing:
        more = f" (nor are those of {len(missing) - 1} other lines)" if missing[1:] else ""
        raise LogError(
            f"{_place(manifest)[missing[0].log]} is not in {order.logs}{more}; run vmaf, or take the line out"
        )
    return sizes


def _cut(lines: Sequence[Line], sizes: Sequence[int]) -> Iterator[list[Line]]:
    held: list[Line] = []
    taken = 0
    for line, size in zip(lines, sizes, strict=True):
        if held and (len(held) == PART_LOGS or taken + size > PART_BYTES):
            yield held
            held, taken = [], 0
        held.append(line)
        taken += size
    yield held


def _place(manifest: Manifest) -> Mapping[str, str]:
    """How an error names each log."""
    return {line.log: f"{manifest.file}:{line.number}: the log {shorten(line.log)}" for line in manifest.lines}


def _finish(order: Order, manifest: Manifest, merge: Merge, writer: TableWriter, unlisted: Sequence[str]) -> Built:
    """Complete the table and its record, if all that was read agrees."""
    facts, place = merge.facts, _place(manifest)
    _require_no_flaws(merge.flaws, place)
    _require_target(order.target, facts, place)
    check_agreement(facts, place.__getitem__)
    _require_free(manifest, merge.titles)
    told = tuple(notes(facts, name_columns(facts[0].names), unlisted))
    record = compose_record(manifest, facts, order.target, order.pools, told)
    made = writer.finish({table_record.KEY: table_record.encode(record)})
    document = beside_table(record, order.output, made, writer.schema.names, order.command)
    writer.write_beside(table_record.beside(order.output), strict_json.dumps(document))
    if order.croissant:
        described = croissant.describe(order.output, writer.schema, document)
        writer.write_beside(croissant.beside(order.output), strict_json.dumps(described))
    return Built(document, told)


def _require_no_flaws(flaws: Sequence[tuple[str, str]], place: Mapping[str, str]) -> None:
    if flaws:
        log, why = flaws[0]
        more = f" (and {len(flaws) - 1} other logs cannot be used)" if flaws[1:] else ""
        raise LogError(f"{place[log]} {why}{more}")


def _require_target(target: str | None, facts: Sequence[LogFacts], place: Mapping[str, str]) -> None:
    spelt = {column: name for names in {each.names for each in facts} for name, column in name_columns(names).items()}
    for each in facts if target is not None else ():
        if spelt.get(str(target)) not in each.names:
            has = ", ".join(name_columns(each.names).values())
            raise LogError(
                f"{place[each.log]} has no prediction {target} (it has: {has}); "
                "run vmaf with a model, name another with --target, or build a table without one (--no-target)"
            )


def _require_free(manifest: Manifest, titles: Mapping[str, str]) -> None:
    both = [name for name in manifest.columns.column_names if name in titles.values()]
    if both:
        raise LogError(f"the manifest {manifest.file} has a column {both[0]}, and so have the logs; rename that one")
