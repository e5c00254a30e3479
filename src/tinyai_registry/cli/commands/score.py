"""``tinyai score MODEL INPUT``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

from tinyai_registry.cli.columns import align
from tinyai_registry.cli.output_file import require_writable
from tinyai_registry.cli.session import Session, in_session, registry_option
from tinyai_registry.documents.url import fetch
from tinyai_registry.errors import TableError
from tinyai_registry.lab.call import RANK_OF_ROWS
from tinyai_registry.lab.loaded_model import LoadedModel
from tinyai_registry.lab.rows_file import RowsFile, open_rows, write_rows
from tinyai_registry.lab.table_file import require_ending
from tinyai_registry.tables.log_rows import FRAME, open_log
from tinyai_registry.tables.logs import is_log
from tinyai_registry.text import suggest
from tinyai_registry.workflows.score import Pooled, load, pool

PREDICTION, ROW = "prediction", "row"
# Rows that are shown: all where there are no more, else the lowest.
MOST, LOWEST = 20, 5
Labels = Mapping[str, Sequence[Any]]


@click.command()
@click.argument("model")
@click.argument("rows", metavar="INPUT")
@registry_option
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write a prediction for each row here.")
@click.option("--by", metavar="COLUMN", help="Pool the rows of each value of COLUMN, too: a clip, for instance.")
@click.option("--twin", is_flag=True, help="Run the int8 twin in place of the graph.")
@in_session
def command(
    session: Session,
    model: str,
    rows: str,
    registry: Path | None,
    output: Path | None,
    by: str | None,
    twin: bool,
) -> int:
    """Predict with a registered model: a score for each row of a table or log, and pooled.

    INPUT is the path or URL of a log that vmaf wrote (JSON, XML, CSV or sub), or of a table, parquet or CSV, with the
    model's columns. OUTPUT ends in .parquet, .csv or .json. Files are held against their digests and the model against
    its test vector first.
    """
    require_writable(output)
    if output is not None:
        require_ending(output)
    loaded = load(model, session.config.registry_folder(registry), twin=twin)
    if loaded.arrays:
        raise TableError(_needs_arrays(loaded))
    path = fetch(rows)
    columns = open_log(path) if is_log(path) else open_rows(path)
    if len(columns) == 1 and not {*columns} & {*loaded.sources}:
        raise TableError(f"{rows} is neither a table nor a log of vmaf; {model} takes {', '.join(loaded.columns)}")
    if by is not None and by not in columns:
        raise TableError(f"{rows} has no column {by!r}{suggest(by, columns)}")
    predictions = loaded.predict(columns)
    if predictions.ndim > 1:
        raise TableError(f"{model} gives several numbers for a row; in Python: load({model!r}).predict(...)")
    keys = [*loaded.sidecar.get("recipe", {}).get("key", []), FRAME]
    labels = {key: columns.label(key) for key in keys if key in columns} or {ROW: list(range(len(predictions)))}
    if output is not None:
        write_rows(output, {**labels, PREDICTION: predictions})
    groups = {} if by is None else _pool_by(columns.label(by), predictions)
    if session.as_json:
        session.answer(_document(loaded, groups, labels, predictions))
    else:
        session.say(
            *_pools(groups, predictions),
            *_given(loaded, columns),
            *_beyond(loaded, predictions),
            *_rows(labels, predictions),
        )
    return 0


def _needs_arrays(loaded: LoadedModel) -> str:
    needed = ", ".join(loaded.arrays)
    if "upstream" in loaded.sidecar and len(loaded.arrays) == 1:
        [shape] = loaded.arrays.values()
        if len(shape) == RANK_OF_ROWS:
            return (
                f"nobody said which columns feed {needed} of {loaded.id}, {shape[1]} numbers for each row; "
                "import it again, with --features NAMES"
            )
    return f"{loaded.id} takes arrays ({needed}), which no table has; in Python: load({loaded.id!r}).predict(...)"


def _pool_by(labels: Sequence[Any], predictions: NDArray[Any]) -> dict[str, Pooled]:
    names, which = np.unique([str(label) for label in labels], return_inverse=True)
    return {str(name): pool(predictions[which == number]) for number, name in enumerate(names)}


def _document(
    loaded: LoadedModel, groups: Mapping[str, Pooled], labels: Labels, predictions: NDArray[Any]
) -> dict[str, Any]:
    return {
        "model": loaded.id,
        "sha256": loaded.sha256,
        "target_range": loaded.target_range,
        "beyond_range": _count_beyond(loaded, predictions),
        "pooled": asdict(pool(predictions)),
        "groups": {name: asdict(pooled) for name, pooled in groups.items()},
        "rows": [
            dict(zip((*labels, PREDICTION), row, strict=True))
            for row in zip(*labels.values(), predictions.tolist(), strict=True)
        ],
    }


def _pools(groups: Mapping[str, Pooled], predictions: NDArray[Any]) -> Iterator[str]:
    pooled = [*groups.items(), ("all", pool(predictions))]
    head = ("", "rows", "mean", "harmonic mean", "p5", "min")
    yield from align([head, *((name, str(each.rows), *_figures(each)) for name, each in pooled)])


def _given(loaded: LoadedModel, columns: RowsFile) -> Iterator[str]:
    """What the input itself has of the target, to be held against the mean of the predictions."""
    target = loaded.sidecar.get("recipe", loaded.sidecar).get("target")
    if not isinstance(target, str) or target not in columns:
        return
    values = columns[target]
    if np.issubdtype(values.dtype, np.number) and np.isfinite(values).all():
        yield f"{target} of the input itself has mean {values.mean():.4f}"


def _rows(labels: Labels, predictions: NDArray[Any]) -> Iterator[str]:
    few = len(predictions) <= MOST
    shown = np.arange(len(predictions)) if few else np.argsort(predictions, kind="stable")[:LOWEST]
    yield ""
    if not few:
        yield "the lowest; --output writes all:"
    cells = [[*(str(names[row]) for names in labels.values()), f"{predictions[row]:.4f}"] for row in shown]
    yield from align([[*labels, PREDICTION], *cells])


def _count_beyond(loaded: LoadedModel, predictions: NDArray[Any]) -> int | None:
    """How many predictions lie outside the range of the target; None where nobody says what that is."""
    if loaded.target_range is None:
        return None
    low, high = loaded.target_range
    return int(np.count_nonzero((predictions < low) | (predictions > high)))


def _beyond(loaded: LoadedModel, predictions: NDArray[Any]) -> Iterator[str]:
    found = _count_beyond(loaded, predictions)
    if found and loaded.target_range is not None:
        low, high = loaded.target_range
        yield f"{found} of {len(predictions)} lie outside the target's range, {low:g} to {high:g}; nothing is clipped"


def _figures(pooled: Pooled) -> tuple[str, str, str, str]:
    figures = (pooled.mean, pooled.harmonic_mean, pooled.p5, pooled.min)
    mean, harmonic, p5, least = ("-" if figure is None else f"{figure:.4f}" for figure in figures)
    return mean, harmonic, p5, least
