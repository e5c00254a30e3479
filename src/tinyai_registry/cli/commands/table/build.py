"""``tinyai table build``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.cli.commands.table.command_line import describe_command
from tinyai_registry.cli.engine_options import engine_options
from tinyai_registry.cli.output_file import require_writable
from tinyai_registry.cli.session import Session, in_session
from tinyai_registry.documents.url import folder_of
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import prepare


def _words(text: str | None) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip()) if text else ()


@click.command()
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
@click.option(
    "--croissant", is_flag=True, help="Also write FILE.croissant.json, a description of the table in Croissant."
)
@in_session
@engine_options
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
    croissant: bool,
    engine: Engine | None,
) -> int:
    """Build a table from libvmaf's logs: JSON, XML, CSV or sub.

    Beside it lies its record, FILE.json: the digest of each log, and what was found in them. Exit codes: 0 done, 2 bad
    input.
    """
    workers = engine or Engine()
    prepare(workers, "tinyai_registry.tables.part")
    from tinyai_registry.cli.commands.table.display import TableDisplay
    from tinyai_registry.tables.build import Order, build
    from tinyai_registry.tables.pooling import parse_pools

    require_writable(output)
    order = Order(
        manifest=manifest,
        logs=logs if logs is not None else folder_of(manifest),
        output=output,
        command=describe_command(),
        target=None if no_target else target,
        columns=_words(features),
        keys=_words(keys),
        pools=parse_pools(pools),
        teacher=teacher,
        extractor=extractor,
        strict=strict,
        croissant=croissant,
        engine=workers,
    )
    display = TableDisplay(session.as_json)
    built = build(order, display)
    if session.as_json:
        session.answer(built.answer)
    else:
        display.tell(built, output)
    return 0
