"""Parts become one table: each as soon as it and all before it are there, while workers read the next ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from tinyai_registry.errors import EngineError
from tinyai_registry.files import sha256_of
from tinyai_registry.tables.arrow import integers
from tinyai_registry.tables.naming import name_columns
from tinyai_registry.tables.part import LogFacts, Part, differ, open_part
from tinyai_registry.tables.writing import TableWriter


class Merge:
    """Appends parts, in the order of the manifest, to the table of ``writer``.

    ``facts`` are those of every log that was read, ``flaws`` what is wrong with others. Once a part cannot go in, no
    other does: then these say why, and there will be no table.
    """

    def __init__(
        self, said: pa.Table, folder: Path, target: str | None, pools: Sequence[str], writer: TableWriter
    ) -> None:
        self.facts: list[LogFacts] = []
        self.flaws: list[tuple[str, str]] = []
        self._fits = True
        self._said, self._folder, self._target, self._pools, self._writer = said, folder, target, pools, writer

    def take(self, part: Part) -> None:
        """Append ``part``. Raises EngineError if it is not what its worker has written, TableError if that fails."""
        self.flaws += part.flaws
        if self.flaws:
            return
        scores, facts = open_part(self._read(part))
        lines = np.arange(len(self.facts), len(self.facts) + len(facts))
        self.facts += facts
        self._fits = self._fits and differ(self.facts[0], facts[0].names) is None
        if self._fits:
            said = self._said.take(integers(np.repeat(lines, [each.rows for each in facts])))
            self._writer.write(self._beside(said, scores))

    def _read(self, part: Part) -> bytes:
        data = (self._folder / str(part.file)).read_bytes()
        if sha256_of(data) != part.sha256:
            raise EngineError(f"the part {part.file} is not what its worker has written; run this again")
        return data

    def _beside(self, said: pa.Table, scores: pa.Table) -> pa.Table:
        """What the manifest says of some rows, their counter, and their scores under the names of columns."""
        counter = scores.column_names[0]
        named = {column: scores[name] for name, column in self.titles.items()}
        return pa.table({**dict(zip(said.column_names, said.columns, strict=True)), counter: scores[counter], **named})

    @property
    def titles(self) -> Mapping[str, str]:
        """The column of the table that each column of a part becomes; the target comes last."""
        names = name_columns(self.facts[0].names)
        columns = sorted(names.items(), key=lambda item: item[1] == self._target)
        if not self._pools:
            return dict(columns)
        return {f"{name}_{each}": f"{column}_{each}" for each in self._pools for name, column in columns}
