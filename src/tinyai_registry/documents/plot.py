"""The plot of a release, as SVG: predictions against targets, folds against the gate, drift, and the history.

Written with the standard library: the same release gives the same bytes whatever is installed. Folds differ in shape as
well as in colour (the palette of Okabe and Ito, which colour-blind readers can tell apart), so that it can be read in
grey. At a width of 400 pixels the smallest letters are 10 pixels high.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from xml.etree import ElementTree as ET

from tinyai_registry.documents.sidecar_types import FoldDocument, Sidecar, metric_of
from tinyai_registry.evaluation import HeldOutRows, Scatter
from tinyai_registry.evaluation.caveats import MEAN_SHIFT, is_notable_ratio
from tinyai_registry.text import printable, shorten, signed

WIDTH, MARGIN, LINE = 480, 16, 20
FONT = {"font-family": "DejaVu Sans, Verdana, Arial, sans-serif", "font-size": "13"}
INK, QUIET, GRID, GATE = "#1a1a1a", "#595959", "#c8c8c8", "#b00020"
COLOURS = ("#0072b2", "#d55e00", "#007a5a", "#b5548a", "#8a6000", "#2b86c0", "#000000")
SHAPES: tuple[Callable[[float, float], str], ...] = (
    lambda x, y: f"M{x - 2:.1f} {y:.1f}a2 2 0 1 0 4 0a2 2 0 1 0-4 0",
    lambda x, y: f"M{x - 2:.1f} {y - 2:.1f}h4v4h-4z",
    lambda x, y: f"M{x:.1f} {y - 3:.1f}l3 5h-6z",
    lambda x, y: f"M{x:.1f} {y - 3:.1f}l3 3-3 3-3-3z",
    lambda x, y: f"M{x - 3:.1f} {y - 3:.1f}l6 6m0-6l-6 6",
    lambda x, y: f"M{x - 3:.1f} {y:.1f}h6m-3-3v6",
)
# Points in all, folds, and inputs that are drawn: what can be told apart, in a file that can be shown.
MOST_POINTS, MOST_FOLDS, MOST_INPUTS = 900, 24, 16
MOST_STEPS = 7  # of an axis
NAME = 20  # characters
TIMES = "\N{MULTIPLICATION SIGN}"
# The lines of the panel of folds that a criterion judges, by its aggregate: the mean, or each fold, to the last.
JUDGED: Mapping[str, tuple[int, int | None]] = {"mean": (1, 2), "min": (2, None), "max": (2, None)}


@dataclass(frozen=True)
class Scale:
    """From values between ``low`` and ``high`` to places between ``start`` and ``end``; what lies beyond is cut off."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The place of ``value``."""
        share = (value - self.low) / (self.high - self.low) if self.high > self.low else 0.5
        return self.start + (self.end - self.start) * min(max(share, 0.0), 1.0)


def choose(held_out: Sequence[HeldOutRows]) -> Scatter:
    """What a plot can show of ``held_out``, the same for the same predictions."""
    step = max(1, -(-sum(len(part.rows) for part in held_out) // MOST_POINTS))
    pairs = (zip(part.target[::step].tolist(), part.prediction[::step].tolist(), strict=True) for part in held_out)
    return Scatter(tuple(map(tuple, pairs)), step)


def draw(sidecar: Sidecar, shown: Scatter, history: Sequence[float]) -> bytes:
    """The plot of the release that ``sidecar`` describes.

    ``shown`` has the points of each fold, in the order of the sidecar; ``history`` what the first criterion of the gate
    measured in each release, this one last.
    """
    page = _Page()
    _draw_predictions(page, sidecar, shown)
    _draw_folds(page, sidecar)
    _draw_drift(page, sidecar)
    _draw_history(page, sidecar, history)
    return page.render(f"{sidecar['id']}: {describe(sidecar)}")


def describe(sidecar: Sidecar) -> str:
    """What the plot shows, in one sentence, for those who do not see it."""
    folds, metric = sidecar["evaluation"]["folds"], _metrics(sidecar)[0]
    known = [(value, fold["group"]) for fold in folds if (value := metric_of(fold, metric)) is not None]
    said = f"Held-out predictions against targets in {len(folds)} folds"
    if not known:
        return f"{said}; {metric.upper()} is undefined."
    mean, (least, weakest) = sum(value for value, _ in known) / len(known), min(known)
    name = printable(shorten(weakest, NAME))
    return f"{said}: mean {metric.upper()} {mean:.4f}, lowest {least:.4f} ({name})."


def _metrics(sidecar: Sidecar) -> list[str]:
    """What folds are compared by: the metric of the first criterion, and RMSE."""
    criteria = [c for c in sidecar["recipe"]["criteria"] if c.get("part", "folds") == "folds"]
    there = sidecar["evaluation"]["summary"]
    wanted = [c["metric"] for c in criteria] + ["rmse"]
    return list(dict.fromkeys(metric for metric in [*wanted[:1], "rmse", *wanted] if metric in there))[:2]


class _Page:
    """Panels, one below the other."""

    def __init__(self) -> None:
        self.root = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", role="img", attrib=FONT)
        self.bottom = float(MARGIN)

    def panel(self, title: str, height: float) -> float:
        """Begin a panel of that height; returns where it begins below its title."""
        top = self.bottom + LINE + 6
        self.text(MARGIN, self.bottom + 14, title, weight="bold")
        self.bottom = top + height + LINE
        return top

    def add(self, tag: str, **attributes: object) -> ET.Element:
        """Draw a shape; numbers are rounded to a tenth, and underscores in names stand for hyphens."""
        said = {k.replace("_", "-"): f"{v:.1f}" if isinstance(v, float) else str(v) for k, v in attributes.items()}
        return ET.SubElement(self.root, tag, said)

    def text(
        self,
        x: float,
        y: float,
        words: str,
        anchor: str = "start",
        fill: str = INK,
        weight: str = "normal",
        *,
        turned: bool = False,
    ) -> None:
        """Write words, from left to right, or ``turned``, from below upwards."""
        placed = {"transform": f"rotate(-90 {x:.1f} {y:.1f})"} if turned else {}
        drawn = self.add("text", x=float(x), y=float(y), text_anchor=anchor, fill=fill, font_weight=weight, **placed)
        drawn.text = printable(words)

    def line(self, x1: float, y1: float, x2: float, y2: float, stroke: str = GRID, **more: object) -> None:
        """Draw a line."""
        self.add("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), stroke=stroke, **more)

    def marks(self, number: int, places: Iterable[tuple[float, float]]) -> None:
        """Draw the mark of fold ``number`` at each place."""
        colour, shape = COLOURS[number % len(COLOURS)], SHAPES[number % len(SHAPES)]
        path = "".join(shape(x, y) for x, y in places)
        if path:
            self.add("path", d=path, stroke=colour, fill="none", stroke_width=1.2)

    def render(self, title: str) -> bytes:
        """The page as a file."""
        height = self.bottom
        self.root.set("viewBox", f"0 0 {WIDTH} {height:.0f}")
        named = ET.Element("title")
        named.text = printable(title)
        ground = ET.Element("rect", width=str(WIDTH), height=f"{height:.0f}", fill="#ffffff")
        self.root[:0] = [named, ground]
        return ET.tostring(self.root, encoding="unicode").encode() + b"\n"


def _draw_predictions(page: _Page, sidecar: Sidecar, shown: Scatter) -> None:
    size = 360.0
    which = f", every {shown.step}th row" if shown.step > 1 else ""
    top = page.panel(f"Held-out predictions{which}", size + 2 * LINE)
    ticks = _ticks([value for points in shown.folds for point in points for value in point])
    low, high = ticks[0], ticks[-1]
    across, up = Scale(low, high, 80.0, 80.0 + size), Scale(low, high, top + size, top)
    for value in ticks:
        page.line(across(low), up(value), across(high), up(value))
        page.line(across(value), up(low), across(value), up(high))
        page.text(across(low) - 6, up(value) + 4, f"{value:g}", "end", QUIET)
        page.text(across(value), up(low) + 16, f"{value:g}", "middle", QUIET)
    middle = (low + high) / 2
    page.text(across(middle), up(low) + 2 * LINE - 4, shorten(f"target: {_target(sidecar)}", 48), "middle")
    page.text(MARGIN + 12, up(middle), "prediction", "middle", turned=True)
    page.line(across(low), up(low), across(high), up(high), QUIET, stroke_dasharray="4 3")
    for number, points in enumerate(shown.folds):
        page.marks(number, ((across(target), up(said)) for target, said in points))


def _target(sidecar: Sidecar) -> str:
    target = sidecar["recipe"]["target"]
    return target if isinstance(target, str) else str(target["Tensor"]["tensor"])


def _ticks(values: Sequence[float]) -> list[float]:
    """Round numbers in equal steps, from below the least of ``values`` to above the greatest."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    rough = (high - low) / MOST_STEPS or abs(high) or 1.0
    unit = 10.0 ** math.floor(math.log10(rough))
    step = unit * next((times for times in (1, 2, 5) if unit * times >= rough), 10)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [step * number for number in range(first, max(last, first + 1) + 1)]


def _draw_folds(page: _Page, sidecar: Sidecar) -> None:
    folds, metrics = sidecar["evaluation"]["folds"], _metrics(sidecar)
    if not metrics:
        return
    order = sorted(range(len(folds)), key=lambda n: _weakness(folds[n], metrics[0]))[:MOST_FOLDS]
    some = f", the {len(order)} weakest of {len(folds)}" if len(order) < len(folds) else ""
    top = page.panel(f"Folds{some}", LINE * (len(order) + 2))
    page.text(MARGIN + 18, top + LINE + 14, "mean", weight="bold")
    for place, number in enumerate(order, start=2):
        y = top + LINE * place
        page.marks(number, [(MARGIN + 6.0, y + 10)])
        page.text(MARGIN + 18, y + 14, shorten(folds[number]["group"], NAME))
    for column, metric in enumerate(metrics):
        values = [sidecar["evaluation"]["summary"][metric]["mean"], *(metric_of(folds[n], metric) for n in order)]
        _draw_values(page, sidecar, metric, values, (196.0 + column * 140, top))


def _weakness(fold: FoldDocument, metric: str) -> tuple[bool, float]:
    value = metric_of(fold, metric)
    return value is not None, 0.0 if value is None else value


def _draw_values(
    page: _Page, sidecar: Sidecar, metric: str, values: Sequence[float | None], corner: tuple[float, float]
) -> None:
    """The mean and each fold, a line for each, and the gate at those that it judges."""
    left, top = corner
    gates = [
        criterion
        for criterion in sidecar["recipe"]["criteria"]
        if criterion["metric"] == metric
        and criterion["aggregate"] in JUDGED
        and criterion.get("part", "folds") == "folds"
        and "against" not in criterion
    ]
    bounds = [*(value for value in values if value is not None), *(gate["threshold"] for gate in gates)]
    # Shares, such as correlations, lie close together near 1 and are drawn from the least of them; others from zero.
    shares = all(0 <= bound <= 1 for bound in bounds)
    low = min(bounds, default=0.0) if shares else min(0.0, *bounds)
    scale = Scale(low - 0.02 * abs(low), max(bounds, default=1.0), left, left + 68)
    page.text(left, top + 14, metric.upper(), fill=QUIET)
    for place, value in enumerate(values, start=1):
        y = top + LINE * place
        if value is None:
            page.text(left, y + 14, "undefined", fill=QUIET)
            continue
        page.line(left, y + 10, scale(value), y + 10)  # no bar: it does not begin at zero
        page.add("circle", cx=scale(value), cy=y + 10, r=4.0, fill=INK)
        page.text(left + 78, y + 14, f"{value:.4g}", weight="bold" if place == 1 else "normal")
    for gate in gates:
        x, (first, last) = scale(gate["threshold"]), JUDGED[gate["aggregate"]]
        page.line(x, top + LINE * first + 1, x, top + LINE * (last or len(values) + 1) - 1, GATE, stroke_width=2)
    if gates:
        page.text(left + 52, top + 14, f"gate {gates[0]['threshold']:g}", fill=GATE)


def _draw_drift(page: _Page, sidecar: Sidecar) -> None:
    drift = sidecar["drift"]
    moved = sorted(drift["inputs"], key=lambda each: -abs(each["mean_shift"]))[:MOST_INPUTS] if drift else []
    if not moved:
        return
    top = page.panel("Drift of inputs, in old standard deviations", LINE * (len(moved) + 1))
    most = max(2 * MEAN_SHIFT, *(abs(each["mean_shift"]) for each in moved))
    scale = Scale(-most, most, 190.0, 300.0)
    for bound in (-MEAN_SHIFT, MEAN_SHIFT):
        page.line(scale(bound), top, scale(bound), top + LINE * len(moved), GATE, stroke_dasharray="3 3")
    page.line(scale(0), top, scale(0), top + LINE * len(moved), QUIET)
    for place, each in enumerate(moved):
        y, shift, ratio = top + LINE * place, each["mean_shift"], each["std_ratio"]
        page.text(MARGIN, y + 14, shorten(each["column"], NAME))
        left = min(scale(0), scale(shift))
        page.add("rect", x=left, y=y + 5, width=max(abs(scale(shift) - scale(0)), 1.0), height=10.0, fill="#8fa9bd")
        page.text(348, y + 14, signed(shift, 2), "end", GATE if abs(shift) > MEAN_SHIFT else INK)
        spread = f"spread {TIMES} {ratio:.2f}"
        page.text(WIDTH - MARGIN, y + 14, spread, "end", GATE if is_notable_ratio(ratio) else INK)
    told = f"dashed: a mean that moved by {MEAN_SHIFT:g}; beyond it is a caveat"
    page.text(MARGIN, top + LINE * len(moved) + 16, told, fill=QUIET)


def _draw_history(page: _Page, sidecar: Sidecar, history: Sequence[float]) -> None:
    if not history[1:]:  # this one alone, at most
        return
    height = 90.0
    top = page.panel(f"Releases: {shorten(_first_criterion(sidecar), 48)}", height)
    up = Scale(min(history), max(history), top + height - 16, top + 12)
    across = Scale(0, len(history) - 1, 80.0, 440.0)
    places = [(across(number), up(value)) for number, value in enumerate(history)]
    for value in sorted({min(history), max(history)}):
        page.line(72, up(value), 448, up(value))
        page.text(66, up(value) + 4, f"{value:.4f}", "end", QUIET)
    page.add("polyline", points=" ".join(f"{x:.1f},{y:.1f}" for x, y in places), fill="none", stroke=COLOURS[0])
    page.marks(0, places)
    page.text(72, top + height + 6, f"first {history[0]:.4f}", fill=QUIET)
    page.text(448, top + height + 6, f"this one {history[-1]:.4f}", "end", QUIET)


def _first_criterion(sidecar: Sidecar) -> str:
    return next((verdict["criterion"] for verdict in sidecar["gate"] if "=" in verdict["criterion"]), "")
