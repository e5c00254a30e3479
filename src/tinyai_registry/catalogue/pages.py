"""The pages of the catalogue, from templates. Every word of the registry is escaped by Jinja2's autoescaping."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

from tinyai_registry.catalogue import chart
from tinyai_registry.catalogue.collection import MAX_DOWNLOAD, Listed
from tinyai_registry.documents import front_matter
from tinyai_registry.documents.markdown import metric_names
from tinyai_registry.documents.refusal import refusal
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import File, Folder
from tinyai_registry.workflows.status import STATES

_HERE = Path(__file__).parent
STATIC = ("site.css", "site.js")

# The card is a part of a page.
_BELOW = {f"h{level}": f"h{level + 1}" for level in range(1, 6)}

# The page has the model's name as its heading already.
_TITLE = re.compile(r"\A\s*# .*\n")


def render(models: Sequence[Listed], folder: Folder, title: str, progress: Progress) -> Iterator[tuple[str, bytes]]:
    """Every page of the catalogue with its path, then the style, the script and the files of the models.

    One at a time: a registry may be larger than the memory. ``progress`` is told how many models are done.
    """
    shared: dict[str, Any] = {"title": title, "models": models, "states": STATES, "chart": chart}
    yield "index.html", _page("index.html", top=".", **shared)
    yield "compare.html", _page("compare.html", top=".", comparison=[_comparison(m) for m in models], **shared)
    for model in progress.each(models, "the models"):
        history = chart.draw_history(model.entries)
        names = {download.name for download in model.downloads}
        page = _page("model.html", top="../..", model=model, names=names, history=history, **shared)
        yield f"models/{model.place}/index.html", page
        for download in model.downloads:
            file = folder.fetch(download.name, MAX_DOWNLOAD)
            if isinstance(file, File):
                yield f"models/{model.place}/{download.name}", file.data
    for name in STATIC:
        yield name, (_HERE / "static" / name).read_bytes()


def _page(template: str, **words: Any) -> bytes:
    return _environment().get_template(template).render(**words).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {}  # in the order in which things are told, not the alphabet's
    filters: dict[str, Callable[..., Any]] = {"card": _card, "refusal": refusal}
    environment.filters |= filters
    return environment


@cache
def _markdown() -> MarkdownIt:
    # Raw HTML stays text, and a link is none unless markdown-it finds its scheme harmless.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    # A table that is wider than the page scrolls, by keyboard too.
    around = {"table_open": '<div class="wide" role="region" aria-label="Table" tabindex="0"><table>\n'}
    for rule, markup in (around | {"table_close": "</table></div>\n"}).items():
        markdown.add_render_rule(rule, _always(markup))
    return markdown


def _always(markup: str) -> Callable[..., str]:
    return lambda *_: markup


def _card(text: str, files: Collection[str]) -> Markup:
    """The card ``text`` as a part of a page beside which ``files`` lie: what leads nowhere there is words."""
    markdown = _markdown()
    tokens = markdown.parse(_TITLE.sub("", front_matter.strip(text)))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = _BELOW.get(token.tag, "h6")
        if token.attrs.pop("style", None) == "text-align:right":  # the pages allow no style but that of their file
            token.attrJoin("class", "figure")
        if token.children:
            token.children = list(_within_reach(token.children, files))
    return Markup(markdown.renderer.render(tokens, markdown.options, {}))  # noqa: S704 - markdown-it has escaped it


def _within_reach(tokens: Sequence[Token], files: Collection[str]) -> Iterator[Token]:
    """``tokens`` of a line without links to what is not beside the page, and pictures that are not."""
    kept: list[bool] = []
    for token in tokens:
        if token.type == "image" and unquote(str(token.attrs["src"])) not in files:
            yield Token("text", "", 0, content=token.content)
        elif token.type == "link_open":
            target = str(token.attrs["href"])
            kept.append(bool(urlsplit(target).scheme) or unquote(target) in files)
            if kept[-1]:
                yield token
        elif token.type != "link_close" or kept.pop():
            yield token


def _comparison(model: Listed) -> dict[str, Any]:
    """What two models are compared by, as JSON."""
    evaluation = model.sidecar.get("evaluation")
    summary = evaluation.get("summary", {}) if isinstance(evaluation, dict) else {}
    headline = model.headline
    figures = {
        f"{statistic} {metric.upper()}": found[statistic]
        for statistic in ("mean", "std", "min")
        for metric, found in ((metric, summary[metric]) for metric in metric_names(summary))
        if isinstance(found, dict) and isinstance(found.get(statistic), int | float)
    }
    facts = {
        "state": model.standing.state,
        "kind": model.row.get("kind"),
        "stage": headline.stage,
        "released": headline.released,
        "licence": model.row.get("license"),
        "opset": model.row.get("opset"),
        "bytes": next((f.size for f in model.downloads if f.name == model.row.get("onnx")), None),
        "twin": headline.twin,
        "findings": len(model.findings),
    }
    shown = {name: str(value) for name, value in facts.items() if value is not None}
    return {"id": model.id, "place": model.place, "facts": shown, "figures": figures}
