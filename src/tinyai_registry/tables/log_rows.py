"""A log as the rows of a table that a model scores: one for each frame, with the columns that a build would give."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

import pyarrow as pa

from tinyai_registry.errors import LogError
from tinyai_registry.lab.rows_file import RowsFile
from tinyai_registry.lab.table_file import read_file
from tinyai_registry.tables.arrow import doubles, integers
from tinyai_registry.tables.logs import read_log
from tinyai_registry.tables.naming import name_columns

FRAME = "frame"


def open_log(path: str | PathLike[str]) -> RowsFile:
    """The scores of the log at ``path``, which ``vmaf`` wrote, by column, and the number of each frame.

    ``load(MODEL).predict`` takes them as they are, and ``pandas.DataFrame`` as a ``dict``. Raises LogError for what is
    no such log, and TableError for what cannot be read.
    """
    try:
        found = read_log(read_file(Path(path)))
    except LogError as error:
        raise LogError(f"{path} {error}") from error
    columns = {name: doubles(found.scores[:, k]) for k, name in enumerate(name_columns(found.names).values())}
    table = pa.table({FRAME: integers(found.frames), **columns})
    return RowsFile(Path(path), table.column_names, table.column, table.column)
