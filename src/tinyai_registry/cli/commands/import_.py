"""``tinyai import ID FILE``."""

from __future__ import annotations

from pathlib import Path

import click

from tinyai_registry.checks import licence as licence_check
from tinyai_registry.cli.importing import Wishes, take_in
from tinyai_registry.cli.session import Session, in_session, lock_timeout_option, registry_option
from tinyai_registry.documents import strict_json
from tinyai_registry.documents.upstream import Claim, Upstream, read_figures, read_scaler
from tinyai_registry.errors import TinyaiError
from tinyai_registry.recipe import KINDS, Regressor
from tinyai_registry.workflows.import_model import Handed


@click.command()
@click.argument("model", metavar="ID")
@click.argument("file", type=click.Path(path_type=Path))
@registry_option
@click.option(
    "--kind",
    type=click.Choice(KINDS),
    required=True,
    help="What it gives: a score with or without a reference, or what a filter makes of its input.",
)
@click.option("--license", "licence", required=True, help="The SPDX expression of its licence.")
@click.option("--source", required=True, metavar="URL", help="Where it is from.")
@click.option("--commit", help="The version there that the file is of.")
@click.option("--notes", default="", help="A sentence or two on what it is; goes into row, sidecar and card.")
@click.option(
    "--evidence", type=click.Path(path_type=Path), metavar="JSON", help="Figures of others, each with its source."
)
@click.option(
    "--features", metavar="NAMES", help="The columns that feed its one input, in order: adm2,vif_scale0,motion2."
)
@click.option(
    "--scaler",
    type=click.Path(path_type=Path),
    metavar="JSON",
    help="What the caller scales them by, where the graph does not: mean and std, a list of numbers each.",
)
@click.option("--target", metavar="NAME", help="What it predicts from them.")
@click.option("--target-range", metavar="LOW,HIGH", help="The least and the greatest of that: 0,100.")
@click.option(
    "--shape",
    "shapes",
    multiple=True,
    metavar="INPUT=SIZES",
    help="Sizes to try an input with that leaves some open: frame=1,3,64,64.",
)
@click.option("--reason", help="Why; goes into the log.")
@click.option("--dry-run", is_flag=True, help="Do everything but publish.")
@lock_timeout_option
@in_session
def command(
    session: Session,
    model: str,
    file: Path,
    registry: Path | None,
    kind: str,
    licence: str,
    source: str,
    commit: str | None,
    notes: str,
    evidence: Path | None,
    features: str | None,
    scaler: Path | None,
    target: str | None,
    target_range: str | None,
    shapes: tuple[str, ...],
    reason: str | None,
    dry_run: bool,
    lock_timeout: float,
) -> int:
    """Publish a model that others made, at stage `proposed`: nothing is trained or judged here.

    Its card says so. Signature and opset are read from the graph, weights beside it are taken in, traces of its maker's
    machine taken out; it is checked for the runtime and run. With --features, `tinyai score` takes tables
    for it. A later version of one that was imported takes its place.

    Exit codes: 0 done, 2 bad input, 5 the registry is busy.
    """
    if licence_check.find_flaw(licence) is not None:
        raise TinyaiError(
            f"--license {licence} is no SPDX expression, such as BSD-3-Clause; look it up in the SPDX licence list, or "
            "write LicenseRef-<name> for one of your own"
        )
    opened = session.open_to_read(registry) if dry_run else session.open_to_write(registry)
    figures = () if evidence is None else read_figures(strict_json.bytes_of(evidence), str(evidence))
    regressor = _regressor(features, scaler, target, target_range)
    claim = Claim(model, kind, licence, notes, Upstream(source, commit, file.name, ""), figures, regressor)
    handed = Handed(claim, file, dict(map(_shape, shapes)))
    return take_in(session, opened.root, handed, Wishes(reason, dry_run, force=True, patience=lock_timeout))


def _regressor(
    features: str | None, scaler: Path | None, target: str | None, target_range: str | None
) -> Regressor | None:
    if features is None:
        for option, given in {"--scaler": scaler, "--target": target, "--target-range": target_range}.items():
            if given is not None:
                raise TinyaiError(
                    f"{option} is told of a model that columns feed; name them, in order, with --features"
                )
        return None
    mean, std = ((), ()) if scaler is None else read_scaler(strict_json.bytes_of(scaler), str(scaler))
    return Regressor(tuple(name.strip() for name in features.split(",")), mean, std, target, _range(target_range))


def _range(words: str | None) -> tuple[float, float] | None:
    if words is None:
        return None
    try:
        low, high = map(float, words.split(","))
    except ValueError:
        raise TinyaiError(f"--target-range {words}: give LOW,HIGH, such as 0,100") from None
    return low, high


def _shape(words: str) -> tuple[str, list[int]]:
    name, _, sizes = words.rpartition("=")
    try:
        found = [int(size) for size in sizes.split(",")]
    except ValueError:
        found = []
    if not name or not found or min(found) < 1:
        raise TinyaiError(f"--shape {words}: give INPUT=SIZES, such as frame=1,3,64,64")
    return name, found
