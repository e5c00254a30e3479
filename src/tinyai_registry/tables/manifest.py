"""The manifest: a CSV file with a line for each encode, which names its log and says what it is."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from tinyai_registry.documents.url import name_of
from tinyai_registry.errors import LogError
from tinyai_registry.files import sha256_of
from tinyai_registry.tables.arrow import doubles, integers, texts
from tinyai_registry.tables.logs.vmaf_log import FRAME_INDEX
from tinyai_registry.text import encodable, shorten

LOG, DIGEST = "log", "sha256"  # which log is meant and, if the manifest says so, what must be in it
FRAMES = "frames"  # like FRAME_INDEX, a column that a build adds
NOT_COLUMNS = (LOG, DIGEST)
KEYS = ("source", "dis_basename")

MAX_BYTES = 2**28

# Bytes of a cell: what a line says stands in every row of its log.
MAX_CELL = 2**12


@dataclass(frozen=True)
class Line:
    """What the manifest says of one encode: ``number`` is its line in the file; ``sha256`` is its log's, if given."""

    number: int
    log: str
    sha256: str | None


@dataclass(frozen=True)
class Manifest:
    """The lines, and what else they say: ``columns`` has a row for each line, typed by what stands in it."""

    file: str
    sha256: str
    lines: tuple[Line, ...]
    columns: pa.Table

    def with_constants(self, constants: Mapping[str, str | None]) -> Manifest:
        """With a column for each that has a value; where there is a column already, it must say the same everywhere.

        Raises LogError where two values of one maker are in the manifest, or another than the one given.
        """
        columns = self.columns
        for name, value in constants.items():
            if value and encodable(value) != value:
                raise LogError(f"{name} {value!a} has bytes that are no UTF-8; say it in UTF-8")
            if name in columns.column_names:
                self._require_one(name, value)
            elif value:
                columns = columns.append_column(name, texts([value] * len(self.lines)))
        return replace(self, columns=columns)

    def _require_one(self, name: str, value: str | None) -> None:
        found = self.columns[name].to_pylist()
        wanted = value or found[0]
        for line, each in zip(self.lines, found, strict=True):
            if each is None or each != wanted:
                raise LogError(
                    f"{self.file}:{line.number}: {name} is {each!r}, elsewhere {wanted!r}; a table has one, so build "
                    "two"
                )


def read_manifest(location: str, data: bytes, keys: Sequence[str] = ()) -> Manifest:
    """The manifest ``data``, read from ``location``; ``keys`` are the columns that tell one encode from another.

    Raises LogError for whatever is wrong with a line; the message names it.
    """
    header, rows = _parse(location, data)
    _check_header(location, header)
    cells = {name: [row[place] for _, row in rows] for place, name in enumerate(header)}
    digests = cells.get(DIGEST, [""] * len(rows))
    lines = tuple(
        Line(number, str(PurePosixPath(log)) if log else log, digest.lower() or None)
        for (number, _), log, digest in zip(rows, cells[LOG], digests, strict=True)
    )
    _check_lines(location, lines)
    _check_keys(location, lines, cells, keys)
    columns = {name: typed(column) for name, column in cells.items() if name not in NOT_COLUMNS}
    return Manifest(name_of(location), sha256_of(data), lines, pa.table(columns))


def _parse(location: str, data: bytes) -> tuple[list[str], list[tuple[int, list[str]]]]:
    if b"\0" in data:
        raise LogError(f"the manifest {location} has a NUL byte, which no text has; save it as CSV in UTF-8")
    try:
        reader = csv.reader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True)
        rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise LogError(f"the manifest {location} is no CSV in UTF-8 ({error}); save it as that") from error
    if not rows:
        raise LogError(f"the manifest {location} is empty; its first line names columns, {LOG} among them")
    (_, header), *lines = rows
    for number, row in lines:
        if len(row) != len(header):
            raise LogError(f"{location}:{number}: {len(row)} cells under {len(header)} names; mend the line")
        if any(len(cell.encode()) > MAX_CELL for cell in row):
            raise LogError(f"{location}:{number}: a cell has more than {MAX_CELL} bytes; say it shorter")
    if not lines:
        raise LogError(f"the manifest {location} names no log; add a line for each encode")
    return header, lines


def _check_header(location: str, header: Sequence[str]) -> None:
    if LOG not in header:
        hint = "; is it separated by something else than commas?" if len(header) == 1 else ""
        raise LogError(f"the manifest {location} has no column {LOG} (it has: {', '.join(header)}){hint}")
    for name in header:
        if header.count(name) > 1:
            raise LogError(f"the manifest {location} has two columns called {shorten(name)!r}; rename one")
        if name in {FRAME_INDEX, FRAMES}:
            raise LogError(f"the manifest {location} has a column {name}, which comes from the logs; rename it")
        if not name:
            raise LogError(f"the manifest {location} has a column without a name; name it, or take it out")
        if not name.isprintable():
            raise LogError(f"the manifest {location} has a column called {shorten(name)!a}, no name; rename it")
    if not set(header) - set(NOT_COLUMNS):
        raise LogError(f"the manifest {location} says nothing of an encode but its log; add the columns of its key")


def _check_lines(location: str, lines: Sequence[Line]) -> None:
    seen: dict[str, Line] = {}
    for line in lines:
        at = f"{location}:{line.number}"
        if not line.log:
            raise LogError(f"{at}: names no log")
        if ".." in line.log.split("/") or line.log.startswith("/") or "\\" in line.log:
            raise LogError(f"{at}: the log {shorten(line.log)!r} does not lie in the folder of the logs; name it there")
        if line.sha256 is not None and not (len(line.sha256) == 64 and set(line.sha256) <= set("0123456789abcdef")):  # noqa: PLR2004 - hex digits of 256 bits
            raise LogError(f"{at}: {DIGEST} is {shorten(line.sha256)!r}, no SHA-256 in hex")
        if line.log in seen:
            raise LogError(f"{at}: the log {shorten(line.log)} stands in line {seen[line.log].number} too; drop one")
        seen[line.log] = line


def _check_keys(location: str, lines: Sequence[Line], cells: dict[str, list[str]], keys: Sequence[str]) -> None:
    missing = [name for name in keys if name not in cells or name in NOT_COLUMNS]
    if missing:
        raise LogError(f"the manifest {location} has no key column {missing[0]} (it has: {', '.join(cells)})")
    names = list(keys) or [name for name in KEYS if name in cells] or [n for n in cells if n not in NOT_COLUMNS]
    seen: dict[tuple[str, ...], int] = {}
    for line, key in zip(lines, zip(*(cells[name] for name in names), strict=True), strict=True):
        if "" in key:
            raise LogError(f"{location}:{line.number}: {names[key.index('')]} is empty; an encode must say what it is")
        if key in seen:
            told = ", ".join(f"{name} {shorten(cell)}" for name, cell in zip(names, key, strict=True))
            raise LogError(
                f"{location}:{line.number}: a second log of one encode ({told}), the first is in line {seen[key]}; "
                "drop one"
            )
        seen[key] = line.number


def typed(cells: Sequence[str]) -> pa.Array:
    """``cells`` as int64 or double if each of them is the one way to write a number, else as text; empty is null.

    >>> typed(["1", "", "2"]).type, typed(["1.5", "2"]).type, typed(["007"]).type
    (DataType(int64), DataType(double), DataType(string))
    """
    values = [text or None for text in cells]
    given = [text for text in values if text is not None]
    kinds: Sequence[tuple[Callable[[Sequence[Any]], pa.Array], Callable[[str], float | None]]]
    kinds = [(integers, _integer), (doubles, _number)]
    for as_array, convert in kinds:
        if given and all(convert(text) is not None for text in given):
            return as_array([None if text is None else convert(text) for text in values])
    return texts(values)


def _integer(text: str) -> int | None:
    written = text.removeprefix("-")
    plain = written.isascii() and written.isdigit() and (written == "0" or not written.startswith("0"))
    return int(text) if plain and len(written) < 19 else None  # noqa: PLR2004 - digits that surely fit 64 bits


def _number(text: str) -> float | None:
    if not text.isascii() or "_" in text or text[:1].isalpha() or (text[:1] == "0" and text[1:2].isdigit()):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
