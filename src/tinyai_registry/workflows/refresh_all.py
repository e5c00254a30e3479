"""The story of refreshing every model: workers train and judge, and only this process publishes.

A worker takes one model after another, and imports once what takes seconds. Where one dies, its model is tried again,
and has failed in the end; the others go on. What was published stays, however this ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from tinyai_registry.documents.config import Config, TableSetting
from tinyai_registry.documents.headline import Score, read_score
from tinyai_registry.documents.refusal import refusal
from tinyai_registry.documents.report import report
from tinyai_registry.errors import EngineError, TinyaiError
from tinyai_registry.evaluation import DataSet, Judgement
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import Folder
from tinyai_registry.lab.table_file import digest
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.plugins.owner import Owner, find_owner
from tinyai_registry.recipe import Recipe
from tinyai_registry.release import Candidate, Outcome
from tinyai_registry.store.glance import glance_sidecar
from tinyai_registry.store.registry import Registry
from tinyai_registry.text import count
from tinyai_registry.workflows.refresh import begin, conclude
from tinyai_registry.workflows.refreshing.starting_point import Request, StartingPoint
from tinyai_registry.workflows.refreshing.task import Failure, Task, expected_work, failure_of, share_out, work_on
from tinyai_registry.workflows.workers.engine import Engine
from tinyai_registry.workflows.workers.executor import ATTEMPTS, as_done, prepare

# What takes workers seconds to import.
HEAVY = "tinyai_registry.workflows.refreshing.attempt"

# The status of a model that has no table, and of one whose refresh ended in an error.
SKIPPED, FAILED = "skipped", "failed"


@dataclass(frozen=True)
class Result:
    """How the refresh of one model ended: ``status`` as in its report, or skipped or failed.

    ``why`` it was refused, skipped or failed, or the signature beside what was published is none of it. ``score`` is
    what was measured, or what a release has that is up to date; ``before`` is the same metric of the release that it
    was to replace.
    """

    model: str
    status: str
    exit_code: int
    why: str | None = None
    score: Score | None = None
    before: float | None = None


@dataclass(frozen=True)
class Round:
    """A refresh of many models: ``ask`` says what is asked of one and its table; ``sign`` takes each outcome."""

    config: Config
    ask: Callable[[Recipe, DataSet], Request]
    sign: Callable[[Outcome], Outcome]


@dataclass(frozen=True)
class _Begun:
    """A model that is to be made anew; ``work`` is how long that takes, in no unit, None where nobody can say."""

    owner: Owner
    request: Request
    start: StartingPoint
    work: float | None


def refresh_all(
    plugins: Plugins,
    recipes: Sequence[Recipe],
    whole: Round,
    engine: Engine,
    tell: Callable[[Result], None],
    progress: Progress,
) -> list[Result]:
    """Refresh each of ``recipes`` whose table is there; call ``tell`` with each result.

    Returns the results in the order of ``recipes``. However this ends, no process that it has started is left.
    """
    results: dict[int, Result] = {}
    begun: dict[int, _Begun] = {}

    def note(place: int, result: Result) -> None:
        results[place] = result
        tell(result)
        shares = share_out({other: each.work for other, each in begun.items()})
        done = sum(share for other, share in shares.items() if other in results)
        progress.advance(round(done), round(sum(shares.values())), count(len(begun), "model"))

    begin_one = _beginner(plugins, whole)
    for place, recipe in enumerate(recipes):
        found = begin_one(recipe)
        if isinstance(found, Result):
            note(place, found)
            continue
        begun[place] = found
        if len(begun) == 2:  # noqa: PLR2004 - one alone takes no process
            prepare(engine, HEAVY)

    places = list(share_out({place: each.work for place, each in begun.items()}))
    tasks = [_task(begun[place], plugins, engine.threads(len(begun))) for place in places]
    with progress.step("refresh"):
        try:
            with closing(as_done(engine, work_on, tasks, _lost)) as made:
                for number, each in made:
                    note(places[number], _conclude(begun[places[number]], each, whole.sign))
        except EngineError as error:
            for place in begun.keys() - results.keys():
                note(place, Result(recipes[place].id, FAILED, error.exit_code, str(error)))
    return [results[place] for place in range(len(recipes))]


def _beginner(plugins: Plugins, whole: Round) -> Callable[[Recipe], Result | _Begun]:
    """What begins with one recipe: what is to be done, or why nothing is. A table is looked for and hashed once."""
    config = whole.config

    @cache
    def table_of(dataset: str) -> tuple[DataSet, str]:
        data = config.tables[dataset].fetch()
        return data, digest(data)

    def begin_one(recipe: Recipe) -> Result | _Begun:
        said = config.tables.get(recipe.dataset, TableSetting())
        if not said.locations:
            return Result(recipe.id, SKIPPED, 0, f"tinyai.toml names no table of {recipe.dataset}")
        if said.missing is not None:
            return Result(recipe.id, SKIPPED, 0, f"no table: {said.missing}")
        try:
            owner = find_owner(plugins, recipe.id, config.policy)
            data, sha256 = table_of(recipe.dataset)
            request = replace(whole.ask(recipe, data), sha256=sha256)
            start = begin(owner, request, Progress())
            work = expected_work(recipe, sum(path.stat().st_size for path in data.paths))
        except Exception as error:  # noqa: BLE001  # whatever it is, the other models go on
            return _failed(recipe, failure_of(error))
        return _result(start) if isinstance(start, Outcome) else _Begun(owner, request, start, work)

    return begin_one


def _task(begun: _Begun, plugins: Plugins, threads: int) -> Task:
    owner, start = begun.owner, begun.start
    return Task(
        recipe=owner.recipe,
        request=begun.request,
        plugin=(owner.plugin.distribution, owner.plugin.version),
        policy=owner.policy,
        blocked=tuple(plugin.name for plugin in plugins.all if plugin.status == "blocked"),
        sidecar=start.sidecar,
        previous=start.previous,
        threads=threads,
    )


def _lost(_: Task) -> Failure:
    return Failure(f"its worker died {ATTEMPTS} times; is there too little memory for it? Try fewer --jobs", 2)


def _conclude(begun: _Begun, made: Candidate | Judgement | Failure, sign: Callable[[Outcome], Outcome]) -> Result:
    """Publish what was ``made``."""
    recipe = begun.owner.recipe
    if isinstance(made, Failure):
        return _failed(recipe, made)
    try:
        outcome = sign(conclude(begun.owner, begun.request, begun.start, made, Progress()))
    except Exception as error:  # noqa: BLE001  # whatever it is, the other models go on
        return _failed(recipe, failure_of(error))
    return _result(outcome)


def _failed(recipe: Recipe, failure: Failure) -> Result:
    return Result(recipe.id, FAILED, failure.exit_code, failure.why)


def _result(outcome: Outcome) -> Result:
    answer = report(outcome, {})
    refused = "; ".join(refusal(verdict) for verdict in answer["gate"] or () if not verdict["passed"])
    score = read_score(answer)
    before = (answer["previous"] or {}).get("metrics", {}).get(f"mean_{score.metric}") if score else None
    return Result(outcome.model, outcome.status, outcome.exit_code, refused or outcome.unsigned, score, before)


def set_aside(registry: Registry, plugins: Plugins) -> list[Result]:
    """The registered models that no recipe makes: each is skipped, with why."""
    made, folder = {recipe.id for recipe in plugins.recipes}, Folder(registry.root)
    declared = {each.id for plugin in plugins.all for each in plugin.imports}
    aside = []
    for row in registry.rows:
        model = str(row.get("id"))
        try:
            sidecar = glance_sidecar(folder, row)
            why = _tell_why(model, sidecar, declared)
        except TinyaiError as error:
            sidecar, why = {}, str(error)
        if model not in made and sidecar.get("member_of") not in made:
            aside.append(Result(model, SKIPPED, 0, why))
    return aside


def _tell_why(model: str, sidecar: Mapping[str, Any], imports: Collection[str]) -> str:
    if model in imports:
        return f"imported: others made it; `tinyai refresh {model}` takes a newer file of theirs"
    if "recipe_fingerprint" in sidecar:
        return "no plugin declares it any more"
    return "imported: others made it, and no plugin declares it"
