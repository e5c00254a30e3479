"""What would stop a release after minutes of training, and can be known before."""

from __future__ import annotations

from collections.abc import Sequence

from tinyai_registry.checks import identity, licence
from tinyai_registry.documents.schema import announceable
from tinyai_registry.errors import PluginError, RecipeError, RegistryError
from tinyai_registry.evaluation import STANDARD_METRICS, Evaluation, Metrics
from tinyai_registry.onnxfile.runtime import Runtime, load_runtime
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import Criterion, Recipe
from tinyai_registry.store.rehearsal import rehearse
from tinyai_registry.workflows.refreshing.starting_point import Request, StartingPoint

# What a twin needs of its runtime beyond what its graph needs.
TWIN_OPERATORS = {
    "static": frozenset({"DequantizeLinear", "QuantizeLinear"}),
    "dynamic": frozenset({"DynamicQuantizeLinear", "MatMulInteger"}),
}
# What a plugin that adds criteria is asked with before there is an evaluation.
NO_FIGURES = Evaluation(folds=(), expected_groups=(), summary={}, in_sample=Metrics({}))


def check_prerequisites(owner: Owner, request: Request, start: StartingPoint) -> None:
    """Raises a TinyaiError if the model's names are taken, its gate cannot be judged, or nothing can be written."""
    check_names(owner.recipe, start)
    check_licence(owner.recipe, start)
    check_announced(owner.recipe)
    check_twins(owner.recipe, load_runtime(request.runtime))
    for criterion in (*owner.recipe.gate, *_known_criteria(owner, start)):
        check_criterion(criterion, owner)
    if not request.dry_run:
        rehearse(request.registry, owner.recipe.id)


def check_twins(recipe: Recipe, runtime: Runtime) -> None:
    """Raises RecipeError if ``runtime`` lacks the operators of an int8 twin."""
    for twin in recipe.twins:
        missing = TWIN_OPERATORS[twin.mode] - runtime.operators
        if missing:
            raise RecipeError(
                f"{recipe.id} declares a {twin.mode} int8 twin, and the runtime {runtime.name} does not run its "
                f'{", ".join(sorted(missing))}; declare Int8("static"), or name another runtime in tinyai.toml'
            )


def check_names(recipe: Recipe, start: StartingPoint) -> None:
    """Raises RegistryError if the registry has another model under an id or a file name of the release."""
    if whole := (start.sidecar or {}).get("member_of"):
        raise RegistryError(f"{recipe.id} is registered as a member of the ensemble {whole}; give the model another id")
    ours = {recipe.id, *(member["id"] for member in (start.sidecar or {}).get("members", ()))}
    others = [row for row in start.registry.rows if row.get("id") not in ours]
    names = (recipe.id, *recipe.member_names)
    rows = [{"id": name, "onnx": f"{name}.onnx"} for name in names]
    for found in identity.of_rows([*others, *rows]):
        if found.model in names:
            raise RegistryError(
                f"{start.registry.root}: the name {found.model} is taken ({found.message}, the last of them being "
                f"those of {recipe.id}); give the model another id, or remove the other row"
            )


def check_licence(recipe: Recipe, start: StartingPoint) -> None:
    """Raises RecipeError if the licence that the row will have is none; a row that has one keeps it."""
    row = start.before.row if start.before else {}
    flaw = licence.find_flaw(recipe.license)
    if "license" not in row and flaw is not None:
        raise RecipeError(
            f"the licence of {recipe.id} would not pass `tinyai validate`: {flaw}; look it up in the SPDX licence "
            "list, or write LicenseRef-<name> for one of your own"
        )


def check_announced(recipe: Recipe) -> None:
    """Raises RecipeError if the sidecar has no such key as an input or a derived column announces."""
    strange = recipe.announced.keys() - announceable()
    if strange:
        raise RecipeError(
            f"{recipe.id} announces {', '.join(sorted(strange))} by a sidecar_key, and the sidecar has no such key; "
            f"there are {', '.join(sorted(announceable()))}"
        )


def _known_criteria(owner: Owner, start: StartingPoint) -> Sequence[Criterion]:
    """What plugins add to the gate whatever the evaluation says; one that needs figures is asked again with them."""
    try:
        return owner.added_criteria(NO_FIGURES, start.sidecar)
    except PluginError:
        return ()


def check_criterion(criterion: Criterion, owner: Owner) -> None:
    """Raises RecipeError if no evaluation of the recipe can have what ``criterion`` judges."""
    recipe = owner.recipe
    why = recipe.flaw(criterion, recipe.folds)
    if why is None and criterion.part != "artifacts" and recipe.output_shape:
        is_standard = criterion.metric in STANDARD_METRICS
        why = f"{criterion.metric} is of scores, and the target is a tensor" if is_standard else None
    elif why is None and criterion.part != "artifacts" and criterion.metric not in STANDARD_METRICS:
        if criterion.part == "in-sample":
            why = f"{criterion.metric} is not computed in sample"
        elif "tinyai_evaluate" not in owner.plugin.hooks:
            why = f"{owner.plugin} has no tinyai_evaluate, which would have to compute {criterion.metric}"
    if why is not None:
        raise RecipeError(f"the gate of {recipe.id} can never be passed: {criterion} cannot be judged, as {why}")
