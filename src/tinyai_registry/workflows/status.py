"""The story of a status: what each model needs, by what has changed since its release and by what its log says.

Nothing is written, no table is read but for its digest, or fetched unless somebody asks for that, and nothing heavy is
imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tinyai_registry.checks.reading import Document, read_document
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.bundle import signed_digest
from tinyai_registry.documents.config import Config
from tinyai_registry.documents.headline import Headline, read_headline
from tinyai_registry.documents.origin import tell_origin
from tinyai_registry.documents.refusal import refusal
from tinyai_registry.documents.upstream import is_fed_as
from tinyai_registry.errors import TinyaiError
from tinyai_registry.files import MAX_BYTES, Folder, Unreadable
from tinyai_registry.lab.table_file import file_digest, join_digests
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.plugins.owner import Owner, find_owner
from tinyai_registry.recipe import Imported, Recipe
from tinyai_registry.store import layout, log
from tinyai_registry.store.glance import glance_sidecar
from tinyai_registry.store.registry import Registry
from tinyai_registry.workflows.refreshing.starting_point import what_changed

# In the order in which they want somebody's attention.
State = Literal[
    "damaged",
    "refused",
    "stale",
    "untrained",
    "not-imported",
    "no-table",
    "not-compared",
    "no-plugin",
    "imported",
    "up-to-date",
]
STATES: Mapping[State, str] = {
    "damaged": "its files are not those of its release",
    "refused": "the gate refused the last refresh, and nothing has changed since",
    "stale": "something has changed since its release",
    "untrained": "a plugin declares it, and it was never trained here",
    "not-imported": "a plugin declares it as made by others, and it was never imported here",
    "no-table": "its table, or its makers' file, is missing, so whether it is stale cannot be told",
    "not-compared": "its table, or its makers' file, lies behind a URL, and nobody asked to fetch that",
    "no-plugin": "it was trained here, and no plugin declares it any more",
    "imported": "others made it; nothing was trained or judged here",
    "up-to-date": "same recipe, table and plugin as its release",
}
# What fails a job that asks whether everything is up to date.
STALE: frozenset[State] = frozenset({"damaged", "refused", "stale"})

# A refresh of such a model is refused; somebody has to decide.
RECIPE_CHANGED = "its recipe has changed: restore it, or give the model a new id"

Signature = Literal["named", "missing", "void"]

# Who speaks of a model: the registry has it, the project names its table, or nobody but an installed plugin.
Source = Literal["registry", "project", "plugin"]
SOURCES: tuple[Source, ...] = ("registry", "project", "plugin")


@dataclass(frozen=True)
class Standing:
    """How a model stands. ``reasons`` are in words; ``command`` are those of what mends it, after ``tinyai``.

    ``member_of`` is the ensemble that it is a part of.

    ``signature`` says of the bundle that the row names whether it is there, and made for other bytes (``void``).
    """

    model: str
    state: State
    reasons: tuple[str, ...]
    command: tuple[str, ...]
    headline: Headline
    signature: Signature | None
    member_of: str | None = None
    known_from: Source = "registry"


Json = Mapping[str, Any]
NOTHING: Json = {}


@dataclass(frozen=True)
class _Table:
    """The digest of the table that a refresh would take now, and of each corpus.

    Where it is not known, ``why``, and the ``state`` of a model of which nothing else is to tell. ``is_named`` is
    whether the project names the table.
    """

    sha256: str | None
    corpora: Mapping[str, str] = field(default_factory=dict)
    state: State = "no-table"
    why: str = ""
    is_named: bool = True

    @property
    def unknown(self) -> tuple[str, ...]:
        """Why the digest is not known, which is told whatever else a model needs."""
        return (self.why,) if self.sha256 is None else ()

    @property
    def is_missing(self) -> bool:
        """Whether there is none to refresh from."""
        return self.sha256 is None and self.state == "no-table"


@dataclass(frozen=True)
class _Place:
    """Everything that a model is held against. ``tables`` are by data set, each digested once."""

    folder: Folder
    plugins: Plugins
    recipes: Mapping[str, Recipe]
    imports: Mapping[str, Imported]
    policy: tuple[str, ...]
    tables: Mapping[str, _Table]
    logged: frozenset[str]


def read_status(registry: Registry, plugins: Plugins, config: Config, *, fetching: bool) -> list[Standing]:
    """Every model that the registry has, those that need something first; then those that only a plugin declares.

    One whose documents or plugin cannot be read is told of like the others. Only if ``fetching`` are tables that lie
    behind a URL fetched and compared.
    """
    recipes = {recipe.id: recipe for recipe in plugins.recipes}
    imports = {each.id: each for plugin in plugins.all for each in plugin.imports}
    named = {recipe.dataset for recipe in recipes.values()} | {each.file for each in imports.values()}
    place = _Place(
        folder=Folder(registry.root),
        plugins=plugins,
        recipes=recipes,
        imports=imports,
        policy=config.policy,
        tables={name: _read_table(config, name, fetching=fetching) for name in named},
        logged=frozenset(layout.logged_models(registry.root)),
    )
    found = [_of_row(place, row) for row in registry.rows]
    registered = {each.model for each in found}
    found += [_of_recipe(place, recipes[model]) for model in recipes.keys() - registered]
    found += [_of_import(place, imports[model]) for model in imports.keys() - recipes.keys() - registered]
    order = list(STATES)
    return sorted(found, key=lambda each: (SOURCES.index(each.known_from), order.index(each.state), each.model))


def _read_table(config: Config, dataset: str, *, fetching: bool) -> _Table:
    if dataset not in config.tables:
        return _Table(None, why=f"tinyai.toml names no table of {dataset}", is_named=False)
    if config.tables[dataset].is_behind_url and not fetching:
        return _Table(
            None, state="not-compared", why=f"{dataset} lies behind a URL, and was not fetched to be compared"
        )
    try:
        data = config.table(dataset)
        digests = [file_digest(path) for path in data.paths]
        return _Table(join_digests(data, digests), dict(zip(data.corpora, digests, strict=False)))
    except TinyaiError as error:
        return _Table(None, why=str(error))


def _of_row(place: _Place, row: Json) -> Standing:
    model = str(row.get("id"))
    try:
        sidecar = glance_sidecar(place.folder, row)
        state, reasons = _judge(place, row, sidecar, _last_refusal(place, model))
    except TinyaiError as error:
        sidecar, state, reasons = NOTHING, "damaged", (str(error),)
    headline = read_headline(row, sidecar)
    whole = str(sidecar.get("member_of", model))
    member_of = whole if whole != model else None
    command = () if RECIPE_CHANGED in reasons else _mend(state, whole)
    return Standing(model, state, reasons, command, headline, _signature(place.folder, row), member_of)


def _of_recipe(place: _Place, recipe: Recipe) -> Standing:
    """A model that a plugin declares and the registry does not have; its first refresh may have been refused."""
    table, last = place.tables[recipe.dataset], _last_refusal(place, recipe.id)
    state: State = "untrained"
    reasons: tuple[str, ...] = ()
    if last is not None and _is_refused(last, table):
        state, reasons = "refused", (*_refusals(last), *table.unknown)
    elif table.is_missing:
        state, reasons = "no-table", table.unknown
    return _unregistered(recipe.id, state, reasons, table)


def _of_import(place: _Place, declared: Imported) -> Standing:
    """A model of others that a plugin declares and the registry does not have."""
    table = place.tables[declared.file]
    if table.is_missing:
        return _unregistered(declared.id, "no-table", table.unknown, table)
    return _unregistered(declared.id, "not-imported", (), table)


def _unregistered(model: str, state: State, reasons: tuple[str, ...], table: _Table) -> Standing:
    source: Source = "plugin" if state == "no-table" and not table.is_named else "project"
    nothing = read_headline(NOTHING, NOTHING)
    return Standing(model, state, reasons, _mend(state, model), nothing, None, known_from=source)


def _judge(place: _Place, row: Json, sidecar: Json, last: log.Entry | None) -> tuple[State, tuple[str, ...]]:
    if damage := tuple(_damage(place.folder, row)) or tuple(_missing_sidecar(place, row, sidecar)):
        return "damaged", damage
    recipe = place.recipes.get(str(sidecar.get("member_of", row.get("id"))))
    is_ours = "recipe_fingerprint" in sidecar
    if recipe is None:
        return ("no-plugin", (tell_origin(sidecar),)) if is_ours else _judge_import(place, row, sidecar)
    table = place.tables[recipe.dataset]
    if last is not None and _is_refused(last, table):
        return "refused", (*_refusals(last), *table.unknown)
    if is_ours:
        return _judge_release(place, row, sidecar, recipe)
    return ("no-table", table.unknown) if table.is_missing else ("untrained", ("another tool registered it",))


def _judge_release(place: _Place, row: Json, sidecar: Json, recipe: Recipe) -> tuple[State, tuple[str, ...]]:
    """A model that was released here, held against what a refresh would start from now."""
    owner, table = find_owner(place.plugins, recipe.id, place.policy), place.tables[recipe.dataset]
    changed = what_changed(sidecar, owner, table.sha256 or "")
    reasons = tuple(_tell_change(what, owner, sidecar, table) for what in changed if what != "table" or table.sha256)
    if reasons:
        return "stale", (*reasons, *table.unknown)
    if damage := tuple(_damage_since(place, row, sidecar)):
        return "damaged", damage
    return (table.state, table.unknown) if table.sha256 is None else ("up-to-date", ())


def _judge_import(place: _Place, row: Json, sidecar: Json) -> tuple[State, tuple[str, ...]]:
    """A model that others made, held against what its plugin declares now, if one does."""
    declared, said = place.imports.get(str(row.get("id"))), sidecar.get("upstream", NOTHING)
    if declared is None:
        return "imported", (*_tell_columns(sidecar), tell_origin(sidecar))
    if not said:
        return "not-imported", ("another tool registered it",)
    table = place.tables[declared.file]
    reasons = [f"{declared.file} has changed"] if table.sha256 not in {None, said.get("sha256")} else []
    now, then = (declared.source, declared.commit), (said.get("source"), said.get("commit"))
    reasons += [f"its plugin now says {' at '.join(filter(None, now))}"] if now != then else []
    if not is_fed_as(sidecar, declared.regressor):
        reasons.append("its plugin now says other columns, scaling or target")
    if reasons:
        return "stale", (*reasons, *table.unknown)
    if table.sha256 is None:
        return table.state, table.unknown
    return "imported", (f"from {declared.source}, as its plugin says", *_tell_columns(sidecar))


def _tell_columns(sidecar: Json) -> Iterator[str]:
    """What feeds a model of others, where that was said."""
    if "upstream" in sidecar and "feature_order" in sidecar:
        target = f", predicts {sidecar['target']}" if "target" in sidecar else ""
        yield f"takes {', '.join(map(str, sidecar['feature_order']))}{target}"


def _tell_change(what: str, owner: Owner, sidecar: Json, table: _Table) -> str:
    if what == "recipe":
        return RECIPE_CHANGED
    if what == "plugin":
        return f"its plugin is now {owner.plugin.distribution} {owner.plugin.version}"
    before = {each["corpus"]: each["sha256"] for each in sidecar.get("table", NOTHING).get("corpora", ())}
    names = sorted({*before, *table.corpora} if before else ())
    changed = [name for name in names if before.get(name) != table.corpora.get(name)]
    which = f" ({', '.join(changed)})" if changed else ""
    return f"the table of {owner.recipe.dataset} has changed{which}"


def _mend(state: State, model: str) -> tuple[str, ...]:
    """The command that a model in ``state`` needs; none where there is nothing to do, or somebody must decide."""
    if state in {"stale", "untrained", "not-imported"}:
        return "refresh", model
    others = {"damaged": ("validate",), "refused": ("log", model), "not-compared": ("status", "--check")}
    return others.get(state, ())


def _is_refused(last: log.Entry, table: _Table) -> bool:
    return table.sha256 in {None, last.account.table}


def _refusals(last: log.Entry) -> tuple[str, ...]:
    return tuple(refusal(verdict) for verdict in last.account.gate if not verdict["passed"])


def _last_refusal(place: _Place, model: str) -> log.Entry | None:
    return log.last_refusal(place.folder.root, model) if model in place.logged else None


def _damage(folder: Folder, row: Json) -> Iterator[str]:
    name = str(row.get("onnx"))
    twin = f"{name.removesuffix('.onnx')}.int8.onnx"
    for path, key in ((name, "sha256"), (twin, "int8_sha256")):
        if key in row:
            yield from _differs(folder, path, row[key])


def _missing_sidecar(place: _Place, row: Json, sidecar: Json) -> Iterator[str]:
    """Without it nobody could tell who has made a model, but its log can."""
    name = f"{str(row.get('onnx')).removesuffix('.onnx')}.json"
    if not sidecar and name in _published(place, str(row.get("id"))):
        yield f"{name} is missing"


def _damage_since(place: _Place, row: Json, sidecar: Json) -> Iterator[str]:
    """What is not as the log has it, of all files of the release, or of those of a member of an ensemble."""
    model, stem = str(row.get("id")), str(row.get("onnx")).removesuffix(".onnx")
    whole = str(sidecar.get("member_of", model))
    for path, sha256 in _published(place, whole).items():
        if whole == model or path.startswith(f"{stem}."):
            yield from _differs(place.folder, path, sha256)


def _published(place: _Place, model: str) -> Mapping[str, str]:
    return (log.find_published(place.folder.root, model) if model in place.logged else None) or {}


def _differs(folder: Folder, path: str, sha256: object) -> Iterator[str]:
    file = folder.fetch(path, MAX_BYTES)
    if isinstance(file, Unreadable):
        yield f"{path} {file.what}"
    elif file.sha256 != sha256:
        yield f"{path} is not what was registered"


def _signature(folder: Folder, row: Json) -> Signature | None:
    name = row.get("sigstore_bundle")
    if not isinstance(name, str):
        return None
    bundle = read_document(folder.fetch(name, strict_json.MAX_BYTES))
    if isinstance(bundle, Unreadable):
        return "missing"
    signed = signed_digest(bundle.value) if isinstance(bundle, Document) else None
    return "void" if signed not in {None, row.get("sha256")} else "named"
