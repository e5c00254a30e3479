"""From trained models to verified artifacts."""

from __future__ import annotations

import re

from tinyai_registry.errors import PluginError
from tinyai_registry.lab.verification import verify
from tinyai_registry.onnxfile.runtime import Runtime
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.release import Artifact
from tinyai_registry.workflows.cross_validation import Trained


def export(owner: Owner, trained: Trained, runtime: Runtime) -> tuple[Artifact, ...]:
    """Every artifact of the release, verified for ``runtime``.

    Raises PluginError if they are not those that the recipe names, VerificationError if one fails a check.
    """
    recipe = owner.recipe
    protos = owner.call("tinyai_export", models=list(trained.final))
    members = dict(zip(recipe.member_names, trained.final, strict=False))
    twin = re.compile(rf"{recipe.id}\.[A-Za-z0-9_]+\Z")
    foreign = [n for n in protos if n != recipe.id and n not in members and not twin.match(n)]
    if foreign or not {recipe.id, *members} <= set(protos):
        raise PluginError(
            f"{owner.plugin}: tinyai_export returned {sorted(protos)}; the artifacts of this recipe are called "
            f"{', '.join((recipe.id, *members))}, any other {recipe.id}.<something>"
        )
    with owner.plugin.blame_for("verification of its artifacts"):  # it calls the plugin's predict
        return tuple(
            verify(name, proto, [members[name]] if name in members else trained.final, trained.table, runtime)
            for name, proto in protos.items()
        )
