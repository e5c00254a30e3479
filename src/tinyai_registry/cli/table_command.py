"""``tinyai table``: build."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from tinyai_registry.cli.output_file import require_writable
from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.cli.table_display import TableDisplay
from tinyai_registry.errors import TinyaiError
from tinyai_registry.workflows.executor import Engine


@click.group()
def command() -> None:
    """From libvmaf's logs to a feature table: build one, combine several, check one, tell two apart."""


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


@command.command()
@click.option("--manifest", required=True, help="A CSV file with a line for each encode: its log, its key, columns.")
@click.option("--logs", help="The folder or URL of the logs [default: the manifest's folder].")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The parquet file to write.")
@click.option("--target", default="vmaf", show_default=True, help="The prediction, as a column.")
@click.option("--no-target", is_flag=True, help="The logs have no prediction.")
@click.option("--features", help="The scores that are wanted, as columns, separated by commas [default: all].")
@click.option("--key", "keys", help="Columns that tell one encode from another [default: source,dis_basename].")
@click.option("--pool", "pools", default="", help="A row for each clip: mean, std, min, max, median, p10, …")
@click.option("--teacher", help="What made the target; becomes the column teacher_model.")
@click.option("--extractor", help="What made the features; becomes the column extractor.")
@click.option("--strict", is_flag=True, help="Refuse logs that no line names.")
@click.option("--engine", type=click.Choice(["processes", "dask"]), default="processes", show_default=True)
@click.option("--scheduler", help="With --engine dask: the address of a scheduler [default: workers of our own].")
@click.option("--jobs", type=click.IntRange(min=1), help="So many processes [default: one for each core].")
@in_session
def build(
    session: Session,
    manifest: str,
    logs: str | None,
    output: Path,
    target: str,
    no_target: bool,
    features: str | None,
    keys: str | None,
    pools: str,
    teacher: str | None,
    extractor: str | None,
    strict: bool,
    engine: Literal["processes", "dask"],
    scheduler: str | None,
    jobs: int | None,
) -> int:
    """Build a table from libvmaf's logs: JSON, XML, CSV or sub.

    Beside it lies its record, FILE.json: the digest of each log, and what was found in them. Exit codes: 0 done, 2 bad
    input.
    """
    from tinyai_registry.tables.build import Order, build
    from tinyai_registry.tables.pooling import parse_pools

    require_writable(output)
    order = Order(
        manifest=manifest,
        logs=logs if logs is not None else manifest.rpartition("/")[0] or ".",
        output=output,
        command=_command_line(session),
        target=None if no_target else target,
        columns=_words(features),
        keys=_words(keys),
        pools=parse_pools(pools),
        teacher=teacher,
        extractor=extractor,
        strict=strict,
        engine=_engine(engine, scheduler, jobs),
    )
    with TableDisplay(session.as_json) as display:
        built = build(order, display)
    table, record = built.record["table"], built.record["record"]
    if session.as_json:
        session.answer(
            {"table": table, "rows": record["rows"], "logs": len(record["logs"]), "notes": list(built.notes)}
        )
    else:
        display.say(
            *(f"note: {note}" for note in built.notes),
            f"{output}: {record['rows']} rows from {len(record['logs'])} logs, sha256 {table['sha256']}",
        )
    return 0


def _engine(name: Literal["processes", "dask"], scheduler: str | None, jobs: int | None) -> Engine:
    if scheduler is not None and name != "dask":
        raise TinyaiError("--scheduler goes with --engine dask")
    return Engine(name, jobs, scheduler) if jobs else Engine(name, scheduler=scheduler)


# Options that change nothing in a table: who does the work, and where things lie.
_ELSEWHERE = ("engine", "scheduler", "jobs", "strict", "as_json", "logs", "output")


def _command_line(session: Session) -> str:
    """The command as it may be published: without folders, and without what does not matter to the table."""
    context = click.get_current_context()
    words = [f"tinyai table {context.info_name}"]
    for option in context.command.params:
        value = context.params.get(option.name or "")
        if option.name in _ELSEWHERE or value in (None, "", False, ()) or value == option.get_default(context):
            continue
        shown = Path(str(value)).name if option.name == "manifest" else str(value)
        words.append(option.opts[-1] if value is True else f"{option.opts[-1]} {shown}")
    return " ".join(words)
