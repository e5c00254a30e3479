"""Parts become one table: each as soon as it and all before it are there, while workers read the next ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tinyai_registry.errors import EngineError
from tinyai_registry.files import sha256_of
from tinyai_registry.tables.arrow import repeat
from tinyai_registry.tables.naming import name_columns
from tinyai_registry.tables.part import LogFacts, Part, differ, open_part
from tinyai_registry.tables.writing import GROUP_ROWS, TableWriter


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
        lines = self._said.slice(len(self.facts), len(facts))
        self.facts += facts
        self._fits = self._fits and differ(self.facts[0], facts[0].names) is None
        if self._fits:
            self._append(lines, np.cumsum([0, *(each.rows for each in facts)]), scores)

    def _read(self, part: Part) -> bytes:
        data = (self._folder / str(part.file)).read_bytes()
        if sha256_of(data) != part.sha256:
            raise EngineError(f"the part {part.file} is not what its worker has written; run this again")
        return data

    def _append(self, lines: pa.Table, ends: NDArray[np.int64], scores: pa.Table) -> None:
        """Write ``scores``, beside each what its line of the manifest says: the n-th those from end n to end n + 1."""
        counter, *_ = scores.column_names
        for start in range(0, len(scores), GROUP_ROWS):
            piece = scores.slice(start, GROUP_ROWS)
            here = np.clip(ends, start, start + GROUP_ROWS)
            said = {name: repeat(lines[name].combine_chunks(), here[1:] - here[:-1]) for name in lines.column_names}
            named = {column: piece[name] for name, column in self.titles.items()}
            self._writer.write(pa.table({**said, counter: piece[counter], **named}))

    @cached_property
    def titles(self) -> Mapping[str, str]:
        """The column of the table that each column of a part becomes; the target comes last."""
        names = name_columns(self.facts[0].names)
        columns = sorted(names.items(), key=lambda item: item[1] == self._target)
        if not self._pools:
            return dict(columns)
        return {f"{name}_{each}": f"{column}_{each}" for each in self._pools for name, column in columns}
