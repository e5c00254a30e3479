"""What `tinyai import` and the refresh of an imported model have in common: publish it, and tell what came of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyai_registry.cli.session import Session
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.upstream import describe_scaling
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.release.provenance import give_account
from tinyai_registry.store.registry import Registered, open_registry
from tinyai_registry.text import count
from tinyai_registry.workflows.import_model import Handed, import_model, is_current
from tinyai_registry.workflows.staged import tell_unsigned


@dataclass(frozen=True)
class Wishes:
    """How to publish: why, whether only to try, whether even if it is what is registered already, how patiently."""

    reason: str | None
    dry_run: bool
    force: bool
    patience: float


def take_in(session: Session, root: Path, handed: Handed, wishes: Wishes) -> int:
    """Publish ``handed`` in the registry ``root``, and answer."""
    model, config = handed.claim.id, session.config
    if not wishes.force and is_current(root, handed):
        session.answer({"model": model, "status": "up-to-date"}) if session.as_json else session.say(
            f"{model}: up to date; it is that very file of that commit"
        )
        return 0
    before = open_registry(root).find(model)
    if not wishes.dry_run:
        session.watch(root, [model])
    release, entry = import_model(
        root,
        handed,
        give_account(root, wishes.reason or f"imported from {handed.claim.upstream.source}"),
        wishes.patience,
        dry_run=wishes.dry_run,
        runtime=config.runtime,
        excuses=config.excuses,
    )
    document = strict_json.loads(release.files[f"{model}.json"], f"{model}.json")
    unsigned = tell_unsigned(release, root, load_runtime(config.runtime))
    if session.as_json:
        told = {"model": model, "status": "dry-run" if entry is None else "imported", "unsigned": unsigned}
        session.answer({**told, "entry": entry and entry.number, "sidecar": document})
        return 0
    session.say(f"{model}: {'would be imported' if entry is None else 'imported'}, at stage proposed")
    session.say(*(f"  {change}" for change in document["upstream"]["changes"]))
    if "test_vector" not in document["artifacts"][0]:
        session.say("  it runs; not all that it takes and gives is float32, so it has no test vector")
    session.say(*_tell_columns(before, document, handed))
    session.say("  nothing was trained or judged here")
    if unsigned is not None:
        session.say(f"  {unsigned}; `tinyai sign {model}`")
    return 0


def _tell_columns(before: Registered | None, document: Mapping[str, Any], handed: Handed) -> Iterator[str]:
    """Which columns feed the model; or that nobody says so, or no more, as was said of the release ``before``."""
    if "feature_order" in document:
        yield f"  columns: {', '.join(document['feature_order'])}; {describe_scaling(document)}"
    elif before is not None and "feature_order" in (before.sidecar or {}):
        named = ",".join(map(str, (before.sidecar or {})["feature_order"]))
        yield f"  which columns feed it is told no more; it was --features {named}"
    elif not handed.shapes and (width := _count_columns(document["artifacts"][0])) is not None:
        yield f"  it takes {count(width, 'column')}; name them with --features, so that tables can be scored"


def _count_columns(artifact: Mapping[str, Any]) -> int | None:
    """How many numbers a row of the one input of ``artifact`` has; None where it takes anything but one such input."""
    fed = [each.get("values") for each in artifact.get("test_vector", {}).get("inputs", ())]
    return len(fed[0][0]) if len(fed) == 1 and fed[0] is not None else None
