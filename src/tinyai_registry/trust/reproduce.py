"""The story of making a release again: the same table, recipe and plugin, nothing published, everything compared.

The answer is *identical* (every graph and every held-out prediction to the last bit, and every figure over them),
*equivalent* (figures and outputs within the stated tolerance: another processor or library rounds otherwise), or
*different*. It goes by what the sidecar holds, whatever that is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tinyai_registry.checks.files import flaws
from tinyai_registry.documents import parts, sidecar, strict_json
from tinyai_registry.documents.schema import require_valid
from tinyai_registry.documents.sidecar_types import Sidecar, as_sidecar
from tinyai_registry.errors import RegistryError
from tinyai_registry.evaluation import DataSet
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.files import MAX_BYTES, File, Folder
from tinyai_registry.lab.processor import cpu_capability
from tinyai_registry.lab.table import read_table
from tinyai_registry.lab.trial import Trial, run_models
from tinyai_registry.lab.verification import draw_samples, make_vector
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.plugins.owner import Owner
from tinyai_registry.recipe import decisive
from tinyai_registry.release import PARITY, Account, Artifact, Candidate
from tinyai_registry.release.provenance import collect
from tinyai_registry.store.snapshot import read_as_it_stands
from tinyai_registry.text import name_some, suggest
from tinyai_registry.trust.comparison import Difference, compare, compare_graphs, is_within
from tinyai_registry.trust.environment import Deviation, deviations
from tinyai_registry.workflows.evaluate import judge, judge_artifacts, train
from tinyai_registry.workflows.judging.held_out import Trained, fetch_by
from tinyai_registry.workflows.refreshing.candidate import make_candidate
from tinyai_registry.workflows.refreshing.export import export

Answer = Literal["identical", "equivalent", "different"]

# What a sidecar tells of the moment: of the run, and of the releases before, which the plot shows, too.
MOMENT = frozenset({"caveats", "drift", "plot", "previous", "provenance", "shipped"})
# What is for people to read; another version of the plugin may put it otherwise.
WORDS = frozenset({"card", "dataset_license", "decision", "license", "notes", "plugin", "stage"})
# Figures over the same predictions are the same but for the order of a sum, which hangs on a library's threads.
SUMMATION = 1e-12
# Figures in units of the target, which are held to its range.
TARGET_UNITS = ("rmse", "/test_vector/outputs/", "/parity_max_abs")
# What follows from weights that differ in their last bits: digests, and words with figures in them.
FOLLOWING = frozenset({"bytes", "int8_sha256", "message", "notes", "predictions_sha256", "reason", "sha256"})


class NotMadeHereError(RegistryError):
    """A model that somebody registered, and nobody judged: there is nothing to make again."""


@dataclass(frozen=True)
class Reproduction:
    """What came of making the release of ``model`` again.

    ``files`` are the digests of what was compared. ``differences`` are those that count for the answer, the first one
    first; ``deviations`` are what the release was made with and is another here. ``tolerance`` is that of figures
    (absolute below 1, relative above) and, as a share of the target range, of outputs and of errors. ``made`` is the
    sidecar that a refresh would have written; None if it never came to that.
    """

    model: str
    answer: Answer
    files: Mapping[str, str]
    differences: tuple[Difference, ...]
    deviations: tuple[Deviation, ...] = ()
    tolerance: float = 0.0
    made: Sidecar | None = None


@dataclass(frozen=True)
class Released:
    """The release as it stands in the registry: its sidecar, and those of its files that can be read."""

    sidecar: Sidecar
    folder: Folder

    def read(self, name: str) -> bytes | None:
        """The file ``name``, None where there is none that could be loaded."""
        file = self.folder.fetch(name, MAX_BYTES)
        return file.data if isinstance(file, File) and not list(flaws(file)) else None

    @property
    def files(self) -> dict[str, str]:
        """The digests of its graphs and its sidecar, as far as they are there."""
        names = (f"{self.sidecar['id']}.json", *(each["path"] for each in self.sidecar["artifacts"]))
        fetched = {name: self.folder.fetch(name, MAX_BYTES) for name in names}
        return {name: file.sha256 for name, file in fetched.items() if isinstance(file, File)}


def read_released(root: Path, model: str) -> Released:
    """The release of ``model`` in the registry at ``root``, whether or not its files are those that were published.

    That of a member is the one of its ensemble, which is made as a whole.

    Raises RegistryError if there is none, NotMadeHereError if it has no evidence, DocumentError if its sidecar is
    broken.
    """
    registry, found = read_as_it_stands(root, model)
    if found is None:
        known = [str(row.get("id")) for row in registry.rows]
        raise RegistryError(f"{root} has no release of {model!r}; it has: {name_some(known)}{suggest(model, known)}")
    if found.sidecar is None or "evaluation" not in found.sidecar:
        raise NotMadeHereError(f"{model} was not made here: its sidecar has no evidence to hold anything against")
    if whole := found.sidecar.get("member_of"):
        return _read_whole(root, model, str(whole))
    require_valid("sidecar", found.sidecar, f"the registered sidecar {found.stem}.json is broken")
    return Released(as_sidecar(found.sidecar), Folder(root))


def _read_whole(root: Path, member: str, whole: str) -> Released:
    released = read_released(root, whole)
    if member not in {each["id"] for each in released.sidecar.get("members", ())}:
        raise RegistryError(f"{member} says that it is a member of {whole}, which does not know it")
    return released


def reproduce(
    owner: Owner, released: Released, data: DataSet, profile: str, progress: Progress, account: Account
) -> Reproduction:
    """Make the release again from the table ``data``, for the runtime ``profile``, and compare. Writes nothing.

    Raises what an evaluation and an export raise: a table or a plugin that does not do.
    """
    said, model = released.sidecar, owner.recipe.id
    recipe = _plain(decisive(owner.recipe))
    premises = [*compare("/recipe", {**dict.fromkeys(recipe, "the default"), **said["recipe"]}, recipe)]
    premises = premises or [*_of_table(owner, said, data)]
    if premises:
        return Reproduction(model, "different", released.files, tuple(premises))
    trained = train(owner, data, progress)
    judgement = judge(owner, trained, _recorded(said), progress)
    with progress.step("export and verify"):
        artifacts = export(owner, trained, load_runtime(profile))
    judgement = judge_artifacts(judgement, artifacts)
    here = collect(account, "", released.folder.root, owner.plugin.distribution, owner.recipe.seeds, cpu_capability())
    candidate = make_candidate(owner, trained, judgement, artifacts, here, progress)
    with progress.step("compare"):
        return _compare(released, candidate, trained)


def _of_table(owner: Owner, said: Sidecar, data: DataSet) -> Iterator[Difference]:
    """Where the table is not the one of the release: columns, counts, means, at last its digest."""
    made = parts.table_document(read_table(data, owner.recipe, fetch_by(owner)).fingerprint)
    if made["sha256"] == said["table"]["sha256"]:
        return
    told = {key: value for key, value in said["table"].items() if key not in {"file", "sha256"}}
    for each in compare("/table", told, _plain(made)):
        yield replace(each, of=_column(owner, each.place))
    yield Difference("/table/sha256", said["table"]["sha256"], made["sha256"])


def _column(owner: Owner, place: str) -> str | None:
    """The column that ``place`` in the fingerprint of the table is about."""
    _, _, key, *index = place.split("/")
    return owner.recipe.feature_order[int(index[0])] if key in {"feature_means", "feature_stds"} and index else None


def _recorded(said: Sidecar) -> dict[str, Any] | None:
    """The release before, as far as this one has recorded it, for criteria that look back."""
    before = said["evaluation"].get("previous")
    return None if before is None else {"evaluation": before}


def _compare(released: Released, candidate: Candidate, trained: Trained) -> Reproduction:
    said, made = released.sidecar, _plain(sidecar.compose(candidate, None, None))
    same_plugin = said["plugin"] == made["plugin"]
    told = [*_documents(said, made, MOMENT if same_plugin else MOMENT | WORDS)]
    read = {artifact.path: released.read(artifact.path) for artifact in candidate.artifacts}
    compared = {a.path: compare_graphs(a.path, read[a.path], a.data) for a in candidate.artifacts}
    graphs = {path: difference for path, difference in compared.items() if difference is not None}
    # Where every fold came out the same to the last bit, the final model has no excuse to be another.
    rounds = bool(graphs) and any(each.place.startswith("/evaluation/") for each in told)
    low, high = candidate.recipe.target_range
    counting = [each for each in told if not _is_excused(each, high - low, rounds=rounds)]
    counting += _outputs(candidate, trained, read, graphs) if rounds else graphs.values()
    differences = [*told, *graphs.values()]
    return Reproduction(
        model=candidate.recipe.id,
        answer="different" if counting else "equivalent" if graphs else "identical",
        files=released.files,
        differences=tuple(counting or differences),
        deviations=deviations(said["provenance"], made["provenance"]),
        tolerance=PARITY if rounds else SUMMATION,
        made=as_sidecar(made),
    )


def _documents(said: Sidecar, made: Mapping[str, Any], left_out: frozenset[str]) -> Iterator[Difference]:
    """Where the sidecars differ; of the caveats, that each which is made was released."""
    told = {**said, "table": {**said["table"], "file": made["table"]["file"]}}  # the same table, wherever it lies
    yield from compare("", {key: value for key, value in told.items() if key not in left_out}, made)
    for caveat in made["caveats"]:
        if caveat["code"] not in {each["code"] for each in said["caveats"]}:
            yield Difference("/caveats", "nothing", caveat["message"], None, caveat["code"])


def _is_excused(difference: Difference, target_range: float, *, rounds: bool) -> bool:
    """Whether the difference is one of figures that are close, or follows from weights that ``rounds`` otherwise."""
    in_target_units = any(word in difference.place for word in TARGET_UNITS)
    if is_within(difference, PARITY if rounds else SUMMATION, target_range if rounds and in_target_units else 1.0):
        return True
    follows = difference.place.rpartition("/")[2] in FOLLOWING and not difference.place.startswith("/table/")
    return rounds and follows


def _outputs(
    candidate: Candidate, trained: Trained, read: Mapping[str, bytes | None], graphs: Mapping[str, Difference]
) -> Iterator[Difference]:
    """Of the ``graphs`` that differ those that are missing, or give other numbers, on rows of the table and drawn."""
    for artifact in candidate.artifacts:
        data = read[artifact.path]
        if artifact.path in graphs and (data is None or _gives_other_numbers(artifact, data, candidate, trained)):
            yield graphs[artifact.path]


def _gives_other_numbers(artifact: Artifact, data: bytes, candidate: Candidate, trained: Trained) -> bool:
    """Asked in a process apart, as ``tinyai validate --load`` asks: the released graph may be anything."""
    recipe, model = candidate.recipe, trained.final[0]
    made = (make_vector(artifact.data, recipe, model, raw) for raw in draw_samples(trained.table))
    vectors = (parts.vector_document(replace(vector, tolerance=artifact.vector.tolerance)) for vector in made)
    said = ({"artifacts": [{"path": artifact.path, "test_vector": vector}]} for vector in vectors)
    return any(True for _ in run_models(Trial(artifact.path, data, each) for each in said))


def _plain(document: Any) -> Any:
    """``document`` as whoever reads it from a file has it."""
    return strict_json.loads(strict_json.dumps(document).encode(), "what was made")
