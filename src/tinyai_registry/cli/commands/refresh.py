"""``tinyai refresh MODEL``."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import click

from tinyai_registry.cli.answer import tell
from tinyai_registry.cli.columns import align
from tinyai_registry.cli.engine_options import engine_options
from tinyai_registry.cli.importing import Wishes, take_in
from tinyai_registry.cli.judging import Display, sentence
from tinyai_registry.cli.output_file import require_writable, write
from tinyai_registry.cli.owner import find_owner_of
from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option, table_option
from tinyai_registry.cli.steps import Steps
from tinyai_registry.documents import note as decision_note
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.config import Config
from tinyai_registry.documents.report import report
from tinyai_registry.documents.side_by_side import render_markdown
from tinyai_registry.documents.sidecar_types import as_sidecar
from tinyai_registry.errors import TinyaiError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.lab.table_file import require_ending
from tinyai_registry.recipe import Imported, Recipe
from tinyai_registry.release import Outcome
from tinyai_registry.store.registry import open_registry
from tinyai_registry.trust.signing import PrivateKey, SignatureError, read_signable, sign
from tinyai_registry.workflows.diff import compare_outcome, find_sidecar
from tinyai_registry.workflows.refresh import refresh
from tinyai_registry.workflows.refresh_all import Result, Round, refresh_all, set_aside
from tinyai_registry.workflows.refreshing.starting_point import Request
from tinyai_registry.workflows.workers.engine import Engine


@click.command()
@click.argument("model", required=False)
@click.option("--all", "everything", is_flag=True, help="Refresh every registered model whose table is there.")
@click.option("--new", is_flag=True, help="With --all: those that the registry does not have yet, too.")
@table_option
@registry_option
@click.option("--metrics-out", type=click.Path(path_type=Path), help="Also write the JSON document here.")
@click.option("--reason", help="Why the model was stale; goes into sidecar and card.")
@click.option("--note", type=click.Path(path_type=Path), help="Write a decision note (Markdown) here.")
@click.option(
    "--comment", type=click.Path(path_type=Path), help="Write old against new as Markdown, for a pull request, here."
)
@click.option("--predictions", type=click.Path(path_type=Path), help="Write the held-out predictions, parquet, here.")
@click.option("--dry-run", is_flag=True, help="Do everything but publish.")
@lock_timeout_option
@click.option("--force", is_flag=True, help="Retrain even if the release is up to date.")
@in_session
@engine_options
def command(
    session: Session,
    model: str | None,
    everything: bool,
    new: bool,
    table: tuple[str, ...],
    registry: Path | None,
    metrics_out: Path | None,
    reason: str | None,
    note: Path | None,
    comment: Path | None,
    predictions: Path | None,
    dry_run: bool,
    lock_timeout: float,
    force: bool,
    engine: Engine | None,
) -> int:
    """Retrain a model from a fresh table and publish it, if its gate passes.

    --jobs and --engine say who trains: with --all each model is a piece of work, of one MODEL those of its protocols,
    which this process trains by default. Whoever it is, the files are the same.

    Exit codes: 0 done, 2 bad input, 3 the gate refused, 4 the recipe changed, 5 the registry is busy. With --all: the
    highest of the models'; a model without a table and one that others made are skipped, and one that is not registered
    is left out.
    """
    if everything == (model is not None):
        raise TinyaiError("name one MODEL, or give --all")
    wishes = Wishes(reason, dry_run=dry_run, force=force, patience=lock_timeout)
    if model is None:
        if table or metrics_out or note or comment or predictions:
            files = "--table, --metrics-out, --note, --comment and --predictions"
            told = f"{files} go with one MODEL; name each table in tinyai.toml"
            raise TinyaiError(told)
        return _refresh_all(session, registry, engine or Engine(), wishes, new=new)
    if new:
        raise TinyaiError("--new goes with --all; one MODEL is refreshed whether or not the registry has it")
    beside = Beside(metrics_out, note, comment, predictions)
    beside.require_writable()
    return _refresh_one(session, model, table, registry, engine, wishes, beside)


@dataclass(frozen=True)
class Beside:
    """The files that are written beside a release, where somebody asks for them."""

    metrics: Path | None
    note: Path | None
    comment: Path | None
    predictions: Path | None

    def require_writable(self) -> None:
        """Raise TinyaiError if one of them cannot be written: before the work, not after it."""
        for file in (self.metrics, self.note, self.comment, self.predictions):
            require_writable(file)
        if self.predictions is not None:
            require_ending(self.predictions)

    def write(self, outcome: Outcome, document: Mapping[str, Any]) -> None:
        """Write the report, and the note of what was made."""
        if self.metrics is not None:
            write(self.metrics, strict_json.dumps(document))
        if self.note is not None and outcome.sidecar is not None:
            write(self.note, decision_note.render(as_sidecar(outcome.sidecar)))


def _refresh_one(
    session: Session,
    model: str,
    table: Sequence[str],
    registry: Path | None,
    engine: Engine | None,
    wishes: Wishes,
    beside: Beside,
) -> int:
    config, plugins = session.config, session.plugins()
    if (declared := plugins.find_import(model)) is not None:
        return _import(session, config.registry_folder(registry), declared, table, wishes)
    owner = find_owner_of(session, plugins, model, registry)
    data, folder = config.table(owner.recipe.dataset, table), config.registry_folder(registry)
    request = _request(config, folder, wishes, owner.recipe, data)
    request = replace(request, predictions=beside.predictions, engine=engine)
    if not wishes.dry_run:
        session.watch(folder, [model])
    display = Display(session.as_json)
    before = find_sidecar(folder, model) if beside.comment else None
    outcome = _sign(config, folder, refresh(owner, request, display))
    document = report(outcome, display.seconds)
    beside.write(outcome, document)
    if beside.comment is not None:
        found = compare_outcome(before, outcome, owner.recipe)
        write(beside.comment, render_markdown(found, model, sentence(document)))
    session.answer(document) if session.as_json else display.outcome(document)
    return outcome.exit_code


def _request(config: Config, folder: Path, wishes: Wishes, recipe: Recipe, data: DataSet) -> Request:
    flags = [flag for flag, given in (("--dry-run", wishes.dry_run), ("--force", wishes.force)) if given]
    # What is published of the command line: a path shows someone's folders, its last part says enough.
    tables = [word for named in data.name_files(lambda path: path.name) for word in ("--table", named)]
    command_line = " ".join(("tinyai refresh", recipe.id, *tables, *flags))
    return Request(
        folder, data, command_line, wishes.reason, wishes.force, wishes.dry_run, wishes.patience, config.runtime
    )


def _import(session: Session, root: Path, declared: Imported, given: Sequence[str], wishes: Wishes) -> int:
    """Publish the file that a plugin keeps up to date with its makers, if it is a newer one."""
    paths = session.config.table(declared.file, given).paths
    if len(paths) != 1:
        raise TinyaiError(f"{declared.id} was made by others: --table gives its one ONNX file")
    from tinyai_registry.workflows.import_model import Handed, claim_of  # noqa: PLC0415 - for imported models alone

    return take_in(session, root, Handed(claim_of(declared, paths[0]), paths[0], declared.shapes), wishes)


def _sign(config: Config, root: Path, outcome: Outcome) -> Outcome:
    """Sign the release that was published, where a key is configured for that; the old signature no longer is one."""
    model, trust = outcome.model, config.trust
    if outcome.status != "published" or trust is None or trust.signing_key is None:
        return outcome
    try:
        name = sign(root, read_signable(root, model, config.runtime), PrivateKey(trust.signing_key))
    except SignatureError as error:
        raise SignatureError(f"{model} is published, and not signed: {error}; see `tinyai sign`") from error
    tell(f"{model}: signed, see {name}")
    return replace(outcome, unsigned=None)


def _refresh_all(session: Session, registry: Path | None, engine: Engine, wishes: Wishes, *, new: bool) -> int:
    config = session.config
    folder = config.registry_folder(registry).absolute()  # a worker may be started elsewhere
    opened, plugins = open_registry(folder), session.plugins()
    registered = {row.get("id") for row in opened.rows}
    declared = plugins.recipes
    recipes = [recipe for recipe in declared if new or recipe.id in registered]
    session.watch(folder, dict.fromkeys(recipe.id for recipe in recipes))
    aside = set_aside(opened, plugins)
    for each in aside:
        _echo(each)
    whole = Round(config, partial(_request, config, folder, wishes), partial(_sign, config, folder))
    steps = Steps(session.as_json or not sys.stderr.isatty())  # elsewhere a line for each model says enough
    results = [*refresh_all(plugins, recipes, whole, engine, _echo, steps), *aside]
    left = [recipe.id for recipe in declared if recipe not in recipes]
    if session.as_json:
        session.answer({"models": [asdict(result) for result in results], "not_registered": left})
    else:
        tell(*_summary(results, left))
    return max((result.exit_code for result in results), default=0)


def _echo(result: Result) -> None:
    tell(f"{result.model}: {result.status}{f' ({result.why})' if result.why else ''}")


def _summary(results: Sequence[Result], left: Sequence[str]) -> Iterator[str]:
    """A table of scores, what became of how many, and which models were not asked for."""
    if results:
        rows = [(each.model, each.status, str(each.score or "-"), _figure(each.before)) for each in results]
        yield from ("", *align([("model", "status", "score", "before"), *rows]))
    counts = Counter(result.status for result in results)
    yield ", ".join(f"{count} {status}" for status, count in counts.items()) or "no models"
    if left:
        yield f"not registered: {', '.join(left)}; --new refreshes them too"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"
