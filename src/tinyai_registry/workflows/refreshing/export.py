"""From trained models to verified artifacts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import onnx

from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab.feed import Tensors, feeds
from tinyai_registry.lab.quantisation import choose_rows, quantise
from tinyai_registry.lab.verification import verify, verify_twin
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Int8
from tinyai_registry.release import Artifact
from tinyai_registry.workflows.judging.held_out import Trained

Graphs = Mapping[str, onnx.ModelProto]


def export(owner: Owner, trained: Trained, runtime: Runtime, progress: Progress | None = None) -> tuple[Artifact, ...]:
    """Every artifact of the release, verified for ``runtime``; ``progress`` is told of each.

    Raises PluginError if they are not those that the recipe names, VerificationError if one fails a check.
    """
    recipe = owner.recipe
    calibration = [batch for twin in recipe.twins for batch in _calibration(trained, twin)]
    protos: Graphs = owner.call("tinyai_export", models=list(trained.final), calibration=calibration)
    _check_names(owner, protos)
    members = dict(zip(recipe.member_names, trained.final, strict=False))
    int8 = f"{recipe.id}.int8"
    graphs = [name for name in protos if name != int8]
    each = (progress or Progress()).each
    with owner.plugin.blame_for("verification of its artifacts"):  # it calls the plugin's predict
        artifacts = {
            name: verify(
                name, protos[name], [members[name]] if name in members else trained.final, trained.table, runtime
            )
            for name in each(graphs, "the graphs")
        }
    twins = [_make_twin(trained, twin, artifacts[recipe.id], protos.get(int8), runtime) for twin in recipe.twins]
    return (*artifacts.values(), *twins)


def _calibration(trained: Trained, twin: Int8) -> Iterator[Tensors]:
    rows = choose_rows(trained.table, trained.plan, twin)
    return feeds(trained.table, trained.final[0], rows.calibration)


def _check_names(owner: Owner, protos: Graphs) -> None:
    recipe = owner.recipe
    own = {recipe.id, *recipe.member_names}
    beside = re.compile(rf"{recipe.id}\.[A-Za-z0-9_]+\Z")
    if not own <= set(protos) or any(name not in own and not beside.match(name) for name in protos):
        raise PluginError(
            f"{owner.plugin}: tinyai_export returned {sorted(protos)}; the artifacts of this recipe are called "
            f"{', '.join((recipe.id, *recipe.member_names))}, any other {recipe.id}.<something>"
        )
    if f"{recipe.id}.int8" in protos and not recipe.twins:
        raise PluginError(
            f"{owner.plugin}: tinyai_export returned the int8 twin {recipe.id}.int8, and the recipe declares none; "
            "declare it in `twins`, with a budget"
        )


def _make_twin(
    trained: Trained, twin: Int8, main: Artifact, given: onnx.ModelProto | None, runtime: Runtime
) -> Artifact:
    """The twin of ``main``: what the plugin has ``given``, else what the quantiser makes of the bytes that ship."""
    table, model = trained.table, trained.final[0]
    proto = quantise(main.data, twin, _calibration(trained, twin)) if given is None else given
    return verify_twin(proto, main, twin, model, table, runtime, choose_rows(table, trained.plan, twin))
