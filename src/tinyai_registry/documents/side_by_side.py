"""A comparison as tables of text, the same for a terminal and for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tinyai_registry.documents import markdown
from tinyai_registry.text import figure, markdown_words, shorten

Json = Mapping[str, Any]
NOTHING: Json = {}

# Of a digest, and of the columns that moved: what people look at.
DIGITS, COLUMNS = 12, 10
# What of a fold is told; the JSON document has all of it.
SHOWN = ("plcc", "srocc", "rmse")


@dataclass(frozen=True)
class Section:
    """A title, and under it a table with a ``header``, or ``sentences``, or where there is neither the ``note``.

    All of them are words of anybody, and nobody's markup.
    """

    title: str
    header: tuple[str, ...] = ()
    rows: Sequence[tuple[str, ...]] = ()
    sentences: Sequence[str] = ()
    note: str = "None."


def lay_out(found: Json) -> Iterator[Section]:
    """The sections of the comparison ``found``: first what decides, then what explains it."""
    gate = [
        (each["criterion"], figure(each["old"]), each.get("reason") or figure(each["new"]), _mark(each["passed"]))
        for each in found["gate"]
    ]
    yield Section("Gate", ("criterion", "old", "new", ""), gate, note="Nothing was judged.")
    figures = [
        (each["figure"], *(figure(each[side]) for side in ("old", "old_here", "new")), _change(each))
        for each in found["figures"]
    ]
    yield Section("Figures", ("", "old", "old, on this table", "new", "change"), figures)
    yield _fold_section(found["folds"])
    yield Section("Recipe", ("field", "old", "new"), _changes(found["recipe"]), note=_note(found, "recipe"))
    yield Section("Table", ("", "old", "new"), _table_rows(found["table"]), note=_note(found, "table"))
    moved = found["drift"][:COLUMNS]
    drift = [(each["column"], f"{each['mean_shift']:+.3f}", f"{each['std_ratio']:.3f}") for each in moved]
    yield Section("Drift", ("column", "mean shift (old std)", "std ratio"), drift, note="Not known.")
    files = [(each["path"], _file(each["old"]), _file(each["new"])) for each in found["files"]]
    yield Section("Files", ("file", "old", "new"), files, note="Unchanged, or none were made.")
    caveats = [f"{when}: {each['message']}" for when, told in found["caveats"].items() for each in told]
    yield Section("Caveats", sentences=caveats, note=_note(found, "caveats"))
    yield Section("Made with", ("", "old", "new"), _changes(found["made_with"]), note=_note(found, "made_with"))


def _note(found: Json, part: str) -> str:
    """What is said where no difference is shown: that there is none, or who would have to say more."""
    silent = found["unsaid"][part]
    if not silent:
        return "Unchanged."
    if "old" in silent and found["old"]["sha256"] is None:
        return "Not known: there is no old one."
    return f"Not known: {'neither says' if silent[1:] else f'the {silent[0]} one does not say'}."


def render_markdown(found: Json, heading: str, said: str) -> str:
    """The comparison as a comment on a pull request: ``said`` first, then what decides; the rest folded away."""
    first, *rest = list(lay_out(found))
    shown = [_markdown(first), *(_markdown(each) for each in rest if each.title in _OPEN)]
    folded = "\n\n".join(_markdown(each) for each in rest if each.title not in _OPEN)
    parts = [f"### {markdown_words(heading)}", markdown_words(said), *shown]
    parts += ["<details><summary>Folds, table, drift, files</summary>", folded, "</details>"]
    return "\n\n".join(parts) + "\n"


_OPEN = frozenset({"Figures", "Caveats"})


def _markdown(section: Section) -> str:
    title = f"**{section.title}**"
    if section.sentences:
        return "\n".join((title, "", *(f"- {markdown_words(each)}" for each in section.sentences)))
    if not section.rows:
        return f"{title}: {section.note}"
    rows = [[markdown_words(cell) for cell in row] for row in section.rows]
    return f"{title}\n\n{markdown.table(section.header, rows)}"


def _fold_section(folds: Sequence[Json]) -> Section:
    known = [metric for metric in SHOWN if any(metric in fold["metrics"] for fold in folds)]
    known = known or sorted({metric for fold in folds for metric in fold["metrics"]})[: len(SHOWN)]
    rows = [(fold["group"], *(_old_and_new(fold["metrics"].get(m, NOTHING)) for m in known)) for fold in folds]
    return Section("Folds", ("held out", *(metric.upper() for metric in known)), rows)


def _old_and_new(each: Json) -> str:
    return f"{figure(each.get('old'))} -> {figure(each.get('new'))}"


def _change(each: Json) -> str:
    old, new = each["old"], each["new"]
    return "" if old is None or new is None else f"{round(new - old, 4) + 0.0:+.4f}"


def _table_rows(table: Json) -> list[tuple[str, ...]]:
    groups = [("groups", "", f"+ {group}") for group in table["groups_added"]]
    groups += [("groups", f"- {group}", "") for group in table["groups_gone"]]
    return [*_changes(table["changes"]), *groups]


def _changes(changes: Sequence[Json]) -> list[tuple[str, ...]]:
    return [(each["what"], _word(each["what"], each["old"]), _word(each["what"], each["new"])) for each in changes]


def _word(what: str, value: Any) -> str:
    if what == "sha256" and isinstance(value, str):
        return value[:DIGITS]
    return "-" if value is None else f"{value:.4f}" if isinstance(value, float) else shorten(str(value), 60)


def _file(file: Json) -> str:
    return "-" if file["sha256"] is None else f"{file['sha256'][:DIGITS]}, {file['bytes']} bytes"


def _mark(passed: object) -> str:
    return "passed" if passed else "refused"
