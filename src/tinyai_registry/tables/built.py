"""What a story of this room ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Built:
    """A table that was written: the record as it lies beside it, and what somebody should know who uses it."""

    record: Mapping[str, Any]
    notes: tuple[str, ...]

    @property
    def rows(self) -> int:
        """Those of the table."""
        return int(self.record["record"]["rows"])

    @property
    def sources(self) -> str:
        """What it was made from, in words."""
        record = self.record["record"]
        count, what = (len(record["logs"]), "log") if "logs" in record else (len(record["parts"]), "table")
        return f"{count} {what}" if count == 1 else f"{count} {what}s"

    @property
    def answer(self) -> dict[str, Any]:
        """The one JSON document of the command."""
        record = self.record["record"]
        count = {key: len(record[key]) for key in ("logs", "parts") if key in record}
        return {"table": self.record["table"], "rows": self.rows, **count, "notes": list(self.notes)}
