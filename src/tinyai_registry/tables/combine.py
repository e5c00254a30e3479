"""The story of a corpus: several tables become one, by names; what one lacks is refused, or filled and counted."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tinyai_registry.documents import strict_json, table_record
from tinyai_registry.documents.url import fetch
from tinyai_registry.errors import TableError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.parquet import require_parquet
from tinyai_registry.lab.table_file import file_digest
from tinyai_registry.tables.built import Built
from tinyai_registry.tables.record import beside_table
from tinyai_registry.tables.writing import GROUP_ROWS, require_place, writing
from tinyai_registry.text import encodable, enumerate_names

CORPUS = "corpus"
MAKERS = ("teacher_model", "extractor")


@dataclass(frozen=True)
class Ingredient:
    """A table that goes in: the name that its rows have in the column ``corpus``, and new names of columns by old."""

    corpus: str
    path: Path
    renamed: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Opened:
    """An ingredient of which the footer has been read. ``schema`` has the new names."""

    what: Ingredient
    file: pq.ParquetFile
    schema: pa.Schema
    sha256: str

    @property
    def rows(self) -> int:
        """How many it has."""
        return int(self.file.metadata.num_rows)

    @property
    def record(self) -> table_record.Record | None:
        """What it says of itself."""
        noted: Mapping[bytes, bytes] = self.file.metadata.metadata or {}
        name = str(self.what.path)
        return table_record.decode(noted[table_record.KEY], name) if table_record.KEY in noted else None

    def maker(self, name: str) -> str | None:
        """The teacher or extractor, from its column or its record."""
        if name not in self.schema.names:
            record = self.record
            if record is None:
                return None
            return table_record.extractor(record) if name == "extractor" else record[name]
        with _telling_of(self.what.path):
            values = pc.unique(self.file.read(columns=[self.old(name)]).column(0)).to_pylist()
        if len(values) != 1:
            raise TableError(f"{self.what.path}: column {name} has {len(values)} values; a table has one, so split it")
        return None if values[0] is None else str(values[0])

    def old(self, name: str) -> str:
        """What a column is called in the file."""
        return {new: old for old, new in self.what.renamed.items()}.get(name, name)


def combine(
    ingredients: Sequence[Ingredient], output: Path, command: str, progress: Progress, *, fill: bool = False
) -> Built:
    """Write the rows of all ``ingredients``, one after another, into ``output``, and its record beside it.

    Raises TableError where they do not fit each other: a column that one lacks (unless ``fill`` says that its cells are
    left empty), text here and numbers there, two teachers or extractors, a name that is given twice.
    """
    beside = table_record.beside(output)
    require_place([output, beside], (os.path.realpath(each.path) for each in ingredients))
    with progress.step("open tables"):
        opened = [_open(each) for each in progress.each(ingredients, f"{len(ingredients)} tables")]
        _check_names(opened)
        columns = _union(opened, fill=fill)
        for name in MAKERS:
            _check_maker(name, opened, fill=fill)
    filled = {each.what.corpus: [n for n in columns if n not in each.schema.names] for each in opened}
    record = _record(opened, filled, {name: _maker(name, opened) for name in MAKERS})
    schema = pa.schema([(CORPUS, pa.string()), *columns.items()])
    with progress.step("write"), writing(output, beside) as writer:
        for piece in _pieces(opened, schema, progress):
            writer.write(piece)
        made = writer.finish({table_record.KEY: table_record.encode(record)})
        document = beside_table(record, output, made, schema.names, command)
        writer.write_beside(beside, strict_json.dumps(document))
    return Built(document, tuple(record["notes"]))


def _record(
    opened: Sequence[Opened], filled: Mapping[str, Sequence[str]], makers: Mapping[str, str | None]
) -> dict[str, Any]:
    """The record of a table that was combined from others; ``filled`` has the columns that each lacked, by corpus."""
    records = [each.record for each in opened]
    versions = {version for record in records if record is not None for version in record["libvmaf"]}
    return {
        "schema_version": 1,
        "libvmaf": sorted(versions),
        **makers,
        "rows": sum(each.rows for each in opened),
        "parts": [
            {
                "corpus": each.what.corpus,
                "file": encodable(each.what.path.name),
                "sha256": each.sha256,
                "rows": each.rows,
                "renamed": dict(each.what.renamed),
                "filled": dict.fromkeys(filled[each.what.corpus], each.rows),
                "record": record,
            }
            for each, record in zip(opened, records, strict=True)
        ],
        "notes": [
            encodable(f"{corpus} lacks {', '.join(names)}; the cells are empty")
            for corpus, names in filled.items()
            if names
        ],
    }


def _open(what: Ingredient) -> Opened:
    sha256 = file_digest(what.path)
    require_parquet(what.path)
    with _telling_of(what.path):
        file = pq.ParquetFile(pa.OSFile(os.fsencode(what.path), "rb"))
    names = file.schema_arrow.names
    missing = [old for old in what.renamed if old not in names]
    if missing:
        raise TableError(f"{what.path} has no column {missing[0]} to rename (it has: {', '.join(names)})")
    schema = pa.schema([field.with_name(what.renamed.get(field.name, field.name)) for field in file.schema_arrow])
    twice = [name for name in schema.names if schema.names.count(name) > 1]
    if twice:
        raise TableError(f"{what.path} would have two columns called {twice[0]}; rename one, or drop one")
    return Opened(what, file, schema, sha256)


@contextmanager
def _telling_of(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, ValueError) as error:  # a footer or a page that is damaged
        first = str(error).strip().partition("\n")[0]
        raise TableError(f"{path} is no readable parquet file: {first}; make or copy it again") from error


def _check_names(opened: Sequence[Opened]) -> None:
    names, files = [each.what.corpus for each in opened], dict[str, str]()
    for each in opened:
        if names.count(each.what.corpus) > 1:
            raise TableError(f"two tables are called {each.what.corpus}; give each a name of its own: NAME=FILE")
        if each.sha256 in files:
            raise TableError(f"{files[each.sha256]} and {each.what.corpus} are one file, byte for byte; drop one")
        files[each.sha256] = each.what.corpus
        if CORPUS in each.schema.names:
            raise TableError(
                f"{each.what.path} has a column {CORPUS}; combine the tables that it came from, or rename it "
                f"(--rename {each.what.corpus}:{CORPUS}=NAME)"
            )
        nested = [field.name for field in each.schema if pa.types.is_nested(field.type)]
        if nested:
            raise TableError(f"{each.what.path}: column {nested[0]} has not one value for each row; flatten it")


def _union(opened: Sequence[Opened], *, fill: bool) -> dict[str, pa.DataType]:
    """Every column, in the order in which they come up, with a type that holds all of its values."""
    columns: dict[str, pa.DataType] = {}
    for each in opened:
        for found in each.schema:
            kind = _plain(found.type)
            other = columns.get(found.name, kind)
            try:
                columns[found.name] = _wider(other, kind)
            except pa.ArrowTypeError as error:
                told = f"column {found.name} is {kind} in {each.what.path}, elsewhere {other}; convert one"
                raise TableError(told) from error
    for each in opened:
        lacking = [name for name in columns if name not in each.schema.names]
        if lacking and not fill:
            raise TableError(
                f"{each.what.path} lacks the {enumerate_names('column', lacking)} that another table has; rename one "
                f"(--rename {each.what.corpus}:OLD=NEW), drop it there, or leave the cells empty (--fill)"
            )
    return columns


def _check_maker(name: str, opened: Sequence[Opened], *, fill: bool) -> None:
    (first, one), *others = [(each.what.corpus, each.maker(name)) for each in opened]
    for other, two in others:
        if one and two and one != two:
            raise TableError(
                f"{first} has the {name} {one}, and {other} {two}; what two have made is no one "
                "corpus, so make one again"
            )
        if (one is None) != (two is None) and not fill:
            named, silent = (first, other) if one else (other, first)
            raise TableError(
                f"{named} says which {name} made it, and {silent} does not; give that one a column {name}, or leave it "
                "open (--fill)"
            )


def _maker(name: str, opened: Sequence[Opened]) -> str | None:
    """Who made all of them; nobody that is known, if one does not say."""
    said = {each.maker(name) for each in opened}
    return said.pop() if len(said) == 1 else None


def _plain(kind: pa.DataType) -> pa.DataType:
    """The type of the values, text as plain text."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return pa.string() if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) else kind


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    """What holds the values of both. Raises ArrowTypeError where nothing does without making text of one."""
    if one != other and _is_number(one) and _is_number(other):
        return pa.int64() if pa.types.is_integer(one) and pa.types.is_integer(other) else pa.float64()
    sides = [pa.schema([("either", kind)]) for kind in (one, other)]
    return pa.unify_schemas(sides, promote_options="permissive").field("either").type


def _pieces(opened: Sequence[Opened], schema: pa.Schema, progress: Progress) -> Iterator[pa.Table]:
    done, total = 0, sum(each.rows for each in opened)
    yield schema.empty_table()  # it says what columns there are, where no table has a row
    for each in opened:
        for batch in _batches(each):
            columns = dict(zip(each.schema.names, batch.columns, strict=True))
            yield pa.table([_column(each, columns, field, len(batch)) for field in schema], schema)
            done += len(batch)
            progress.advance(done, total, f"{total} rows")


def _batches(each: Opened) -> Iterator[pa.RecordBatch]:
    batches = each.file.iter_batches(GROUP_ROWS)
    while True:
        with _telling_of(each.what.path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _column(each: Opened, columns: Mapping[str, pa.Array], field: pa.Field, rows: int) -> pa.Array:
    if field.name == CORPUS:
        return pa.array([each.what.corpus] * rows, pa.string())
    if field.name not in columns:
        return pa.nulls(rows, field.type)
    try:
        return columns[field.name].cast(field.type)
    except pa.ArrowInvalid as error:
        raise TableError(f"{each.what.path}: column {field.name} does not fit {field.type} ({error})") from error


def parse_ingredients(words: Sequence[str], renames: Sequence[str]) -> list[Ingredient]:
    """``NAME=FILE`` or ``FILE`` (whose name is that of the file) each, and ``NAME:OLD=NEW`` for a column of one.

    A file is given by its path or URL.

    Raises TableError for words of another form, UrlError for what cannot be fetched.
    """
    for word in renames:
        if encodable(word) != word:
            raise TableError(f"--rename {word!a} has bytes that are no UTF-8; give the column another name")
    pairs = [_pair(word) for word in words]
    renamed: dict[str, dict[str, str]] = {name: {} for name, _ in pairs}
    for word in renames:
        corpus, colon, rest = word.partition(":")
        old, equals, new = rest.partition("=")
        if not (colon and equals and old and new):
            raise TableError(f"--rename {word}: write NAME:OLD=NEW")
        if corpus not in renamed:
            raise TableError(f"--rename {word}: no table is called {corpus} (there are: {', '.join(renamed)})")
        if old in renamed[corpus]:
            raise TableError(f"--rename {word}: {old} is called {renamed[corpus][old]} already; drop one")
        renamed[corpus][old] = new
    return [Ingredient(name, path, renamed[name]) for name, path in pairs]


def _pair(word: str) -> tuple[str, Path]:
    name, equals, location = word.partition("=")
    if not equals or "/" in name:
        name, location = "", word
    if not location:
        raise TableError(f"{word!r} names no file; write NAME=FILE, or FILE")
    path = fetch(location)
    corpus = name or path.stem
    if encodable(corpus) != corpus:
        raise TableError(f"{corpus!a} has bytes that are no UTF-8; give the table a name: NAME=FILE")
    return corpus, path
