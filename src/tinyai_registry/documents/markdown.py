"""The pieces of Markdown that card and note share: tables of folds, of previous against refresh, of drift.

Words of the sidecar are escaped where they are put into a piece; a piece is Markdown and is not escaped again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

from tinyai_registry.documents.parts import HEADLINES, headlines
from tinyai_registry.documents.sidecar_types import (
    AggregateDocument,
    EvaluationDocument,
    FoldDocument,
    ProtocolDocument,
    Sidecar,
    VerdictDocument,
    metric_of,
)
from tinyai_registry.text import markdown_cell, markdown_code, markdown_words, signed

# How pages are laid out. A release says by which layout its card was written, and is rendered by it for ever: a page of
# an earlier version is no edited one.
LAYOUT = 2


def layout_of(sidecar: Sidecar) -> int:
    """The layout that the pages of a release are written in; the first had no number."""
    return sidecar["card"].get("layout", 1)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A pipe table of cells in Markdown; the first column is text, the others are figures."""
    alignment = ["---", *("---:" for _ in header[1:])]
    return "\n".join(f"| {' | '.join(map(markdown_cell, cells))} |" for cells in (header, alignment, *rows))


def figure(value: float | None, digits: int = 4) -> str:
    """A number, or the word for one that does not exist."""
    return "undefined" if value is None else f"{value:.{digits}f}"


def metric_names(summary: Mapping[str, AggregateDocument]) -> list[str]:
    """Every metric of a summary, the standard ones first, whatever order its keys were read in."""
    return sorted(summary, key=lambda m: (m not in _ORDER, _ORDER.get(m, 0), m))


def fold_table(evaluation: EvaluationDocument) -> str:
    """One line for each fold, then the aggregates; test split, corpora, members and reference where there are such."""
    metrics = metric_names(evaluation["summary"])
    rows = [_fold_row(markdown_words(fold["group"]), fold, metrics) for fold in evaluation["folds"]]
    rows += _aggregate_rows("", evaluation, metrics)
    if "test" in evaluation:
        rows.append(_fold_row("**test split**", evaluation["test"], metrics))
    for fold in evaluation.get("corpora", ()):
        rows.append(_fold_row(f"*corpus {markdown_words(fold['group'])}*", fold, metrics))
    for member in evaluation.get("seeds", ()):
        rows += _aggregate_rows(f"seed {member['seed']}, ", member["evaluation"], metrics, ("mean",))
    if "reference" in evaluation:
        rows += _aggregate_rows("reference, ", evaluation["reference"], metrics, ("mean",))
        if "test" in evaluation["reference"]:
            rows.append(_fold_row("*reference, test split*", evaluation["reference"]["test"], metrics))
    return table(["held out", "rows", "clips", *map(_heading, metrics), "tied targets"], rows)


def protocol_table(protocol: ProtocolDocument) -> str:
    """The medians over the splits, beside what was published; every fold where the gate has judged them."""
    summary = protocol["summary"]
    published = {each["metric"]: each["value"] for each in protocol["published"]}
    rows = [
        [_heading(metric), figure(summary[metric]["median"]), _known(published.get(metric))]
        for metric in metric_names(summary)
    ]
    mapping = "; PLCC and RMSE after a four-parameter logistic mapping" if protocol["mapping"] else ""
    sources = "; ".join(dict.fromkeys(markdown_words(each["source"]) for each in protocol["published"]))
    return (
        f"{_scheme(protocol)}Medians over {protocol['splits']} splits{mapping}.\n\n"
        + table(["", "this model", "published"], rows)
        + (f"\n\nPublished: {sources}." if sources else "")
        + (f"\n\n{fold_table(protocol['evaluation'])}" if "evaluation" in protocol else "")
    )


def _scheme(protocol: ProtocolDocument) -> str:
    [(name, settings)] = protocol.get("scheme", {"": {}}).items()
    said = ", ".join(f"{setting}={value}" for setting, value in sorted(settings.items()))
    return f"Held out by {markdown_code(f'{name}({said})')}.\n\n" if name else ""


def comparison_table(sidecar: Sidecar) -> str:
    """Previous against refresh, or a line that says there was nothing before."""
    if sidecar["previous"] is None:
        return "This is the first release of the model in this registry."
    before, now = sidecar["previous"]["metrics"], headlines(sidecar["evaluation"], sidecar.get("in_sample"))
    rows = [
        [label, _known(before.get(name)), _known(now.get(name)), _change(sidecar, before.get(name), now.get(name))]
        for name, label in HEADLINES.items()
    ]
    return table(["", "previous", "refresh", "change"], rows) + _shipped(sidecar)


def recipe_of_before(sidecar: Sidecar) -> str:
    """What is known of the recipe of the release before, as the end of a sentence about that of this one.

    Nothing can be said of the recipe of a release that names none: it was held against what its sidecar does say.
    """
    if sidecar["previous"] is None:
        return ""
    if "adopted" not in sidecar["previous"]:
        return "; that of the release before is the same"
    agreed = ", ".join(map(markdown_code, sidecar["previous"]["adopted"])) or "nothing that it says"
    return f"; the release before names no recipe, and agrees with this one in {agreed}"


def _shipped(sidecar: Sidecar) -> str:
    """The model before on this table, beside the refresh; nothing where nobody has tried that."""
    shipped = sidecar.get("shipped")
    if shipped is None:
        return ""
    if shipped["summary"] is None:
        return f"\n\nThe model before could not be run on this table: {markdown_words(shipped.get('why', ''))}."
    before, now = headlines(shipped, None), headlines(sidecar["evaluation"], None)
    rows = [
        [label, _known(before[name]), _known(now[name]), _change(sidecar, before[name], now[name])]
        for name, label in HEADLINES.items()
        if not name.startswith("in_sample")
    ]
    return (
        "\n\nOn the same rows of this table, those that the folds hold out; the model before may have been trained on "
        f"some of them:\n\n{table(['', 'model before', 'refresh', 'change'], rows)}"
    )


def drift_table(sidecar: Sidecar) -> str:
    """How far each input, the target and its range moved since the previous release's table."""
    drift = sidecar["drift"]
    if drift is None:
        return "No statistics of an earlier table are recorded, so drift cannot be told."
    target = drift.get("target")
    moved = [*drift["inputs"], *([target] if target else [])]
    rows = [[markdown_words(m["column"]), _signed(sidecar, m["mean_shift"], 3), f"{m['std_ratio']:.3f}"] for m in moved]
    before = _range(drift["target_before"]) if drift["target_before"] else "not recorded"
    return (
        table(["column" if target else "input", "mean shift (old std)", "std ratio (new / old)"], rows)
        + f"\n\nTarget range: {before} before, {_range(drift['target_now'])} now."
    )


def gate_list(sidecar: Sidecar) -> str:
    """One line for each criterion."""
    return "\n".join(_verdict(sidecar, verdict) for verdict in sidecar["gate"])


def caveat_list(sidecar: Sidecar) -> str:
    """One line for each caveat, or a line that says there are none."""
    found = [(markdown_words(caveat["message"]), markdown_code(caveat["code"])) for caveat in sidecar["caveats"]]
    return "\n".join(f"- {message} ({code})" for message, code in found) or "None."


def sections(title: str, parts: Iterable[tuple[str, str]]) -> str:
    """A page: a title, then a heading, both of them words, and a text in Markdown for each part."""
    return "\n\n".join(_sections(title, parts)) + "\n"


def _sections(title: str, parts: Iterable[tuple[str, str]]) -> Iterator[str]:
    yield f"# {markdown_words(title)}"
    for heading, text in parts:
        yield f"## {markdown_words(heading)}" if heading else text
        if heading:
            yield text


Statistic = Literal["mean", "std", "min", "max"]
_ORDER = {"plcc": 1, "srocc": 2, "krocc": 3, "rmse": 4}


def _heading(metric: str) -> str:
    return markdown_words(metric.upper())


def _known(value: float | None) -> str:
    return "not recorded" if value is None else figure(value)


def _change(sidecar: Sidecar, before: float | None, now: float | None) -> str:
    return "" if before is None or now is None else _signed(sidecar, now - before, 4)


def _signed(sidecar: Sidecar, value: float, digits: int) -> str:
    return signed(value, digits) if layout_of(sidecar) >= LAYOUT else f"{value:+.{digits}f}"


def _range(bounds: Sequence[float]) -> str:
    return f"{bounds[0]:.2f} to {bounds[1]:.2f}"


def _verdict(sidecar: Sidecar, verdict: VerdictDocument) -> str:
    mark = "passed" if verdict["passed"] else "**refused**"
    why = f" ({markdown_words(verdict['reason'])})" if "reason" in verdict else ""
    return f"- {mark}: {markdown_words(verdict['criterion'])}; value {_counted(sidecar, verdict['value'])}{why}"


def _counted(sidecar: Sidecar, value: float | None) -> str:
    """A figure; a count has no decimals."""
    is_count = value is not None and value > 1 and value == round(value) and layout_of(sidecar) >= LAYOUT
    return f"{value:.0f}" if is_count else figure(value)


def _fold_row(name: str, fold: FoldDocument, metrics: Sequence[str]) -> list[str]:
    figures = [figure(metric_of(fold, metric)) for metric in metrics]
    return [name, str(fold["rows"]), str(fold["clips"]), *figures, f"{fold['tied_targets']:.1%}"]


def _aggregate_rows(
    prefix: str,
    evaluation: EvaluationDocument,
    metrics: Sequence[str],
    statistics: Sequence[Statistic] = ("mean", "std", "min", "max"),
) -> Iterator[list[str]]:
    for statistic in statistics:
        known = [evaluation["summary"].get(metric) for metric in metrics]
        figures = [figure(each[statistic] if each else None) for each in known]
        yield [f"*{prefix}{statistic}*", "", "", *figures, ""]
