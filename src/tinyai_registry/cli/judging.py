"""Show what ``refresh`` and ``evaluate`` do, and their outcome. Imports rich."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from rich.table import Table
from rich.text import Text

from tinyai_registry.cli.steps import Steps
from tinyai_registry.documents.markdown import metric_names
from tinyai_registry.documents.parts import HEADLINES, headlines
from tinyai_registry.evaluation import STANDARD_METRICS, Fold
from tinyai_registry.text import figure, log_line, without_commands

AFTER_REFUSAL = (
    "next: look at the folds above, and at the table (`tinyai table diff OLD NEW`); a lower gate is another model, "
    "under another id"
)

Report = Mapping[str, Any]

# What of a fold stands beside its figure in the registered release: more does not fit into 80 columns.
COMPARED = ("plcc", "srocc", "rmse")

# However narrow a terminal is, words get this many characters.
MIN_ROOM = 20


class Display(Steps):
    """Writes steps and folds as they come, then the outcome, to standard error; nothing at all if ``quiet``."""

    def begin(self, name: str) -> None:
        """Write one dim line for a step."""
        self._line(f"{name} …", style="dim")
        super().begin(name)

    def fold(self, fold: Fold, before: Report | None = None) -> None:
        """Write one line for a fold, old beside new where there is an old one."""
        now = fold.metrics.values
        if before is None or not now.keys() >= set(COMPARED):
            shown = [metric for metric in STANDARD_METRICS if metric in now] or list(now)
            figures = " ".join(f"{m.upper()} {figure(now[m])}" for m in shown)
            self._line(f"  {fold.group:<16} {fold.rows:>5} rows {figures}")
        else:
            pairs = (f"{m.upper()} {' → '.join(_short(before.get(m), now[m]))}" for m in COMPARED)
            self._line(f"  {fold.group:<14} {'  '.join(pairs)}")

    def outcome(self, document: Report) -> None:
        """Write old against new, the gate, the caveats, and what became of the release.

        Nothing was computed for a release that is up to date: its figures are those of an earlier run.
        """
        if document["status"] == "up-to-date":
            self._line(sentence(document))
            return
        if document["previous"] is not None and document["evaluation"] is not None:
            self.console.print(_comparison(document))
            if document["shipped"] is not None and "why" in document["shipped"]:
                self._line(f"the registered model could not be run on this table: {document['shipped']['why']}")
        if document["status"] == "evaluated" and not document["protocols"]:
            self.console.print(_summary(document))
        for protocol in document["protocols"]:
            self._protocol(protocol)
        for verdict in document["gate"] or ():
            mark = ("passed ", "green") if verdict["passed"] else ("refused", "red")
            why = f" ({verdict['reason']})" if "reason" in verdict else ""
            self._line(f"{verdict['criterion']}: {figure(verdict['value'])}{why}", mark)
        for caveat in document["caveats"] or ():
            self._line(caveat["message"], ("caveat ", "yellow"))
        if document["unsigned"] is not None:
            self._line(f"{document['unsigned']}; `tinyai sign {document['model']}`", ("unsigned", "yellow"))
        self._line(sentence(document))
        if document["status"] == "refused":
            self._line(AFTER_REFUSAL)

    def _protocol(self, protocol: Mapping[str, Any]) -> None:
        """Write every figure under a protocol, beside what was published."""
        self.console.print(_protocol_table(protocol))
        mapped = "; PLCC and RMSE after a four-parameter logistic mapping" if protocol["mapping"] else ""
        self._line(f"over {protocol['splits']} splits{mapped}", style="dim")
        for source in dict.fromkeys(each["source"] for each in protocol["published"]):
            self._line(f"published (medians): {source}", style="dim")

    def _line(self, words: str, mark: tuple[str, str] | None = None, *, style: str = "") -> None:
        """Write ``words``, which may be anyone's, behind a coloured mark."""
        before = (mark, " ") if mark else ()
        told = log_line(words)
        if mark and self.console.is_terminal:
            told = _hang(told, " " * (len(mark[0]) + 1), self.console.width)
        # Elsewhere never wrapped: a word in the middle of a line would begin one, and could be a command to a runner.
        self.console.print(Text.assemble(*before, (told, style)), soft_wrap=True)


def _hang(words: str, indent: str, room: int) -> str:
    """``words`` in lines of at most ``room`` characters, below each other; what stands before the first is no part."""
    lines = wrap(words, max(room - len(indent), MIN_ROOM), break_long_words=False, break_on_hyphens=False)
    return f"\n{indent}".join(map(without_commands, lines))


def _comparison(document: Report) -> Table:
    shipped = document["shipped"]
    table = Table("", "previous", "previous, on this table", "refresh", title=Text(log_line(document["model"])))
    before, now = document["previous"]["metrics"], headlines(document["evaluation"], document["in_sample"])
    here = headlines(shipped, None) if shipped else {}
    for name, label in HEADLINES.items():
        table.add_row(label, figure(before.get(name)), figure(here.get(name)), figure(now.get(name)))
    return table


def _summary(document: Report) -> Table:
    statistics = ("mean", "std", "min", "max", "median")
    table = Table("", *statistics, title=Text(log_line(document["model"])))
    for metric, over_folds in document["evaluation"]["summary"].items():
        table.add_row(Text(log_line(metric.upper())), *(figure(over_folds[s]) for s in statistics))
    return table


def _protocol_table(protocol: Mapping[str, Any]) -> Table:
    statistics = ("median", "mean", "std", "min", "max")
    table = Table("", *statistics, "published", title=Text(log_line(f"protocol {protocol['protocol']}")))
    published = {each["metric"]: each["value"] for each in protocol["published"]}
    for metric in metric_names(protocol["summary"]):
        measured = [protocol["summary"][metric][each] for each in statistics]
        table.add_row(Text(log_line(metric.upper())), *map(figure, (*measured, published.get(metric))))
    return table


def sentence(document: Report) -> str:
    """What became of the model, in one sentence."""
    model, artifact = document["model"], document["artifact"] or {}
    log = f"the log has the refusal: tinyai log {model}" if document["recorded"] else "this was a dry run"
    if document["status"] == "evaluated":
        verdicts = {True: "; its gate would pass", False: "; its gate would refuse"}
        gate = verdicts[all(v["passed"] for v in document["gate"])] if document["gate"] else ""
        return f"{model} evaluated{gate}. Nothing was written."
    return {
        "published": f"{model} published: {artifact.get('path')}, sha256 {artifact.get('sha256')}",
        "dry-run": f"{model} would be published; this was a dry run and nothing has changed.",
        "up-to-date": f"{model} is up to date: same recipe, table and plugin, and every file as published.",
        "refused": f"{model} refused by its gate; no file of its release has changed, and {log}",
    }[document["status"]]


def _short(*values: float | None) -> list[str]:
    """As narrow as is of use: errors in target units need fewer decimals than correlations."""
    large = any(value is not None and abs(value) > 1 for value in values)
    return [f"{value:.2f}" if large and value is not None else figure(value) for value in values]
