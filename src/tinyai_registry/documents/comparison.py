"""Two releases of a model, or a release and what would replace it, held side by side: one JSON document.

Either side is a sidecar or the report of a refresh, of any dialect: what one of them does not record is null. Nobody
computes anything anew but the drift, which is a function of the two tables' statistics.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from tinyai_registry.documents.markdown import metric_names
from tinyai_registry.documents.parts import HEADLINES, headlines, headlines_of_training
from tinyai_registry.evaluation.drift import measure_shift
from tinyai_registry.recipe.lock import ABSENT, list_changes

Json = Mapping[str, Any]
NOTHING: Json = {}

# What of a table is told apart, and what of the way in which a release was made.
OF_TABLE = ("file", "sha256", "rows", "columns", "clips", "teacher_model", "extractor")
OF_TARGET = ("target_min", "target_max", "target_mean", "target_std")

# Where a sidecar or a report says what a part of the comparison is about. Between a side that says nothing of it and
# one that does, nobody can tell a difference, nor that there is none.
SAID_UNDER = {"recipe": "recipe", "table": "table", "caveats": "caveats", "made_with": "provenance"}


def compare(model: str, old: Json, new: Json) -> dict[str, Any]:
    """What differs between ``old`` and ``new``, and the figures of both."""
    return {
        "model": model,
        "old": _side(old),
        "new": _side(new),
        "gate": list(_gate(old, new)),
        "figures": _figures(old, new),
        "folds": list(_folds(old, new)),
        "recipe": list(_recipe(old, new)),
        "table": _table(old, new),
        "drift": _drift(old, new),
        "files": list(_files(old, new)),
        "caveats": _caveats(old, new),
        "made_with": list(_changes(_versions(old), _versions(new))),
        "unsaid": {
            part: [side for side, said in (("old", old), ("new", new)) if said.get(key) is None]
            for part, key in SAID_UNDER.items()
        },
    }


def _side(said: Json) -> dict[str, Any]:
    artifact = said.get("artifact") or NOTHING
    return {
        "sha256": said.get("sha256", artifact.get("sha256")),
        "released": said.get("provenance", NOTHING).get("time"),
        "status": said.get("status", "released"),
    }


def _gate(old: Json, new: Json) -> Iterator[dict[str, Any]]:
    before = {verdict["criterion"]: verdict for verdict in old.get("gate") or ()}
    for verdict in new.get("gate") or ():
        yield {
            "criterion": verdict["criterion"],
            "old": before.get(verdict["criterion"], NOTHING).get("value"),
            "new": verdict["value"],
            "passed": verdict["passed"],
            **({"reason": verdict["reason"]} if "reason" in verdict else {}),
        }


def _figures(old: Json, new: Json) -> list[dict[str, Any]]:
    """``old_here`` is the old model on the rows of the new table, if it is the one that was run on them."""
    before, now = _headlines(old), _headlines(new)
    shipped = new.get("shipped")
    # What a release was run beside is what it replaced, and that need not be what it is compared with here.
    here = headlines(shipped, None) if shipped and shipped["sha256"] == _side(old)["sha256"] else NOTHING
    return [
        {"figure": label, "old": before.get(key), "old_here": here.get(key), "new": now.get(key)}
        for key, label in HEADLINES.items()
    ]


def _headlines(said: Json) -> Mapping[str, float | None]:
    if said.get("evaluation") is not None:
        return headlines(said["evaluation"], said.get("in_sample"))
    return headlines_of_training(said.get("training", NOTHING))


def _folds(old: Json, new: Json) -> Iterator[dict[str, Any]]:
    before, now = _by_group(old), _by_group(new)
    metrics = metric_names((new.get("evaluation") or old.get("evaluation") or {"summary": NOTHING})["summary"])
    for group in dict.fromkeys((*now, *before)):
        was, is_now = before.get(group, NOTHING), now.get(group, NOTHING)
        yield {"group": group, "metrics": {m: {"old": was.get(m), "new": is_now.get(m)} for m in metrics}}


def _by_group(said: Json) -> dict[str, Json]:
    return {fold["group"]: fold for fold in (said.get("evaluation") or NOTHING).get("folds", ())}


def _recipe(old: Json, new: Json) -> Iterator[dict[str, Any]]:
    """Field by field, null for a default; nothing where a side does not say its recipe."""
    if "recipe" in old and "recipe" in new:
        for where, was, now in list_changes(old["recipe"], new["recipe"]):
            yield {"what": where, "old": None if was is ABSENT else was, "new": None if now is ABSENT else now}


def _table(old: Json, new: Json) -> dict[str, Any]:
    before, now = old.get("table") or NOTHING, new.get("table") or NOTHING
    known = (*OF_TABLE, *OF_TARGET)
    groups, earlier = now.get("groups", []), before.get("groups", [])
    return {
        "changes": list(_changes({k: before.get(k) for k in known}, {k: now.get(k) for k in known})),
        "groups_added": [group for group in groups if group not in earlier] if before else [],
        "groups_gone": [group for group in earlier if group not in groups] if now else [],
    }


def _drift(old: Json, new: Json) -> list[dict[str, Any]]:
    """How far each input moved from the ``old`` table to the ``new``, the farthest first."""
    before, now = _statistics(old), _statistics(new)
    moved = [asdict(measure_shift(name, before[name], now[name])) for name in now if name in before]
    return sorted(moved, key=lambda each: -abs(each["mean_shift"]))


def _statistics(said: Json) -> dict[str, tuple[float, float]]:
    """Mean and standard deviation of each input over all rows, by column."""
    table = said.get("table") or NOTHING
    order = [name for each in said.get("recipe", NOTHING).get("inputs", ()) for name in each.get("columns", ())]
    names: Sequence[str] = order or said.get("feature_order", ())
    means = table.get("feature_means") or said.get("feature_mean", ())
    stds = table.get("feature_stds") or said.get("feature_std", ())
    same = len(names) == len(means) == len(stds)
    return dict(zip(names, zip(means, stds, strict=True), strict=True)) if same else {}


def _files(old: Json, new: Json) -> Iterator[dict[str, Any]]:
    before = {each["path"]: each for each in old.get("artifacts", ())}
    now = {each["path"]: each for each in new.get("artifacts", ())}
    for path in dict.fromkeys((*now, *before)) if now else ():
        was, is_now = before.get(path, NOTHING), now.get(path, NOTHING)
        if was.get("sha256") != is_now.get("sha256"):
            keys = ("sha256", "bytes")
            yield {"path": path, "old": {k: was.get(k) for k in keys}, "new": {k: is_now.get(k) for k in keys}}


def _caveats(old: Json, new: Json) -> dict[str, list[Json]]:
    before, now = list(old.get("caveats") or ()), list(new.get("caveats") or ())
    return {
        "new": [each for each in now if each not in before],
        "gone": [each for each in before if each not in now],
    }


def _versions(said: Json) -> dict[str, Any]:
    made, plugin = said.get("provenance", NOTHING), said.get("plugin", NOTHING)
    named = {"plugin": f"{plugin['distribution']} {plugin['version']}"} if plugin else {}
    found = {"python": made.get("python"), **made.get("packages", {}), "cpu_capability": made.get("cpu_capability")}
    return {**named, **found} if made else {}


def _changes(old: Json, new: Json) -> Iterator[dict[str, Any]]:
    for what in dict.fromkeys((*new, *old)) if old and new else ():
        if old.get(what) != new.get(what):
            yield {"what": what, "old": old.get(what), "new": new.get(what)}
