"""What every plugin must hold to, as tests that its own suite runs with one line.

::

    TestConformance = conformance("sharpness_v1", write_table)

``write_table(folder)`` writes a table into the folder and returns its path. The table may be small or made up, but the
recipe's gate must pass on it: the last three tests publish the model that was trained on it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnxruntime
import pandas as pd
import pytest
from numpy.typing import NDArray

from tinyai_registry.checks.selection import is_failure
from tinyai_registry.errors import PluginError
from tinyai_registry.evaluation import Fit, TrainedModel
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab import folds
from tinyai_registry.lab.ensemble import mean_prediction
from tinyai_registry.lab.inference import run_rows
from tinyai_registry.lab.parquet import open_parquet
from tinyai_registry.lab.rows import choose
from tinyai_registry.lab.table import Table, read_table
from tinyai_registry.lab.trial import Trial, run_models
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.plugins.discovery import BLOCK_VARIABLE, discover
from tinyai_registry.plugins.installed import Plugins
from tinyai_registry.plugins.owner import Owner, find_owner
from tinyai_registry.recipe import KFold, RepeatedHoldout, decisive, fingerprint
from tinyai_registry.release import PARITY
from tinyai_registry.store.publish import init
from tinyai_registry.testing.recorder import record
from tinyai_registry.text import enumerate_names
from tinyai_registry.workflows.evaluate import judge, train
from tinyai_registry.workflows.judging.held_out import Trained
from tinyai_registry.workflows.refresh import refresh
from tinyai_registry.workflows.refreshing.export import export
from tinyai_registry.workflows.refreshing.starting_point import Request
from tinyai_registry.workflows.validate import validate

HEAVY = frozenset({"torch", "pandas", "scipy", "pyarrow", "onnxruntime", "onnxsim"})

# In another process, and with another order of sets: what the recipe's fingerprint is, and what was loaded for it.
ELSEWHERE = """
import json, sys
from tinyai_registry.onnxfile.runtime import load_runtime
from tinyai_registry.plugins.discovery import discover
from tinyai_registry.recipe import decisive, fingerprint
_, recipe = discover().owner(sys.argv[1])
print(json.dumps([fingerprint(decisive(recipe)), sorted(name.partition(".")[0] for name in sys.modules)]))
"""


@dataclass(frozen=True)
class Training:
    """One training of a model: what ``tinyai_train`` was handed, what came back, and what was made of it."""

    trained: Trained
    fits: Sequence[Fit]
    models: Sequence[TrainedModel]

    @property
    def table(self) -> Table:
        """The table that was trained on."""
        return self.trained.table

    def scores(self, model: TrainedModel) -> NDArray[np.float64]:
        """What ``model`` says of every row of the table, float64 ``[N]``, or ``[N, *shape]`` of a tensor."""
        return _predict([model], self.table)


@dataclass(frozen=True)
class Stuck:
    """A model that gives every row the same score."""

    score: float
    shape: tuple[int, ...] = ()
    standardisation: None = None

    def predict(self, inputs: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """The score, for each row; of a tensor, in each place."""
        return np.full((len(next(iter(inputs.values()))), *self.shape), self.score)


class Conformance:
    """The suite. Each test says in its name what a plugin must hold to; :func:`conformance` makes one for a model."""

    model: ClassVar[str]
    write_table: ClassVar[Callable[[Path], Path]]

    @pytest.fixture(scope="class")
    @classmethod
    def owner(cls) -> Owner:
        """The plugin and recipe that own the model."""
        return find_owner(discover(), cls.model)

    @pytest.fixture(scope="class")
    @classmethod
    def path(cls, owner: Owner, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """The table that the plugin gave."""
        path = cls.write_table(tmp_path_factory.mktemp("table"))
        there = open_parquet(path).names
        lacking = enumerate_names("column", [name for name in owner.recipe.columns if name not in there])
        told = (
            f"the write_table that was given to conformance makes no {lacking}, which {cls.model} needs: change it too"
        )
        assert set(there) >= set(owner.recipe.columns), told
        return path

    @pytest.fixture(scope="class")
    @classmethod
    def training(cls, owner: Owner, path: Path) -> Training:
        """One training, listened to."""
        with record() as calls:
            trained = train(owner, path, Progress())
        [call] = [call for call in calls if call.hook == "tinyai_train"]
        return Training(trained, call.arguments["fits"], call.answer)

    @pytest.fixture(scope="class")
    @classmethod
    def registry(cls, owner: Owner, path: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A registry in which the model was published."""
        root = init(tmp_path_factory.mktemp("conformance") / "registry").parent
        # A protocol may be a hundred fits more; where it has no criteria, neither gate nor fingerprint knows of it.
        short = replace(owner, recipe=replace(owner.recipe, protocols=owner.recipe.judged_protocols))
        outcome = refresh(short, Request(root, path, f"tinyai refresh {cls.model}"), Progress())
        assert outcome.status == "published", f"the gate must pass on the table that conformance is given: {outcome}"
        return root

    def test_the_recipe_has_one_fingerprint_in_any_process_and_loads_nothing_heavy(self, owner: Owner) -> None:
        others = [plugin.name for plugin in owner.plugins.all if plugin.name not in ("builtin", owner.plugin.name)]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            "PYTHONHASHSEED": "12345",
            BLOCK_VARIABLE: ",".join(others),
        }
        found = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, self.model], env=environment, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stderr
        there, loaded = json.loads(found.stdout.splitlines()[-1])
        assert there == fingerprint(decisive(owner.recipe))
        assert not HEAVY & set(loaded), "import what is heavy inside the hooks: light commands load the plugin too"

    def test_a_fit_comes_out_the_same_to_the_last_bit_again_in_another_order_and_alone(
        self, owner: Owner, training: Training
    ) -> None:
        table, fits, models = training.table, training.fits, training.models
        turned = _train(owner, table, fits[::-1])[::-1]
        for fit, first, second in zip(fits, models, turned, strict=True):
            assert np.array_equal(training.scores(first), training.scores(second)), (
                f"{fit.label}: trained again, in another order, it scores otherwise; draw from fit.seed alone"
            )
        for k in sorted({0, len(fits) // 2, len(fits) - 1}):
            [alone] = _train(owner, table, fits[k : k + 1])
            assert np.array_equal(training.scores(models[k]), training.scores(alone)), (
                f"{fits[k].label}: trained alone, it scores otherwise than among its neighbours"
            )

    def test_no_fit_sees_what_its_fold_holds_out(
        self, owner: Owner, path: Path, training: Training, tmp_path: Path
    ) -> None:
        table, recipe = training.table, owner.recipe
        cut = folds.plan(table, recipe.folds)
        splits = [*cut.splits, *([cut.test] if cut.test else [])]
        for split in splits:
            shared: set[Any] = set(split.train) & set(split.held_out)
            if not isinstance(recipe.folds, KFold | RepeatedHoldout):  # those hold out rows, not groups
                shared = set(table.groups[split.train]) & set(table.groups[split.held_out])
            assert not shared, f"{split.group} is judged on what it was trained on: {sorted(shared)[:3]}"
        for split, k in ((splits[0], 0), (splits[-1], -1 if cut.test else (len(splits) - 1) * len(recipe.seeds))):
            other = _overwritten(path, table, split.held_out, tmp_path / "overwritten.parquet")
            [blind] = _train(owner, other, [training.fits[k]])
            assert np.array_equal(training.scores(training.models[k]), training.scores(blind)), (
                f"the model of {split.group} changes with the rows that it must not see; train on fit.rows alone"
            )

    def test_the_gate_refuses_a_model_that_gives_every_row_one_score(
        self, owner: Owner, path: Path, training: Training, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _train_only(monkeypatch, Stuck(training.table.fingerprint.target_mean, owner.recipe.output_shape))
        judgement = judge(owner, train(owner, path, Progress()), None, Progress())
        assert not judgement.passed, "the gate passes a constant; add a criterion on a correlation"

    def test_a_model_that_predicts_nan_is_stopped_under_its_plugins_name(
        self, owner: Owner, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _train_only(monkeypatch, Stuck(float("nan"), owner.recipe.output_shape))
        with pytest.raises(PluginError, match=rf"plugin {owner.plugin.name} .*nan"):
            judge(owner, train(owner, path, Progress()), None, Progress())

    def test_the_export_passes_every_check_and_has_the_same_bytes_each_time(
        self, owner: Owner, training: Training
    ) -> None:
        first, second = (export(owner, training.trained, load_runtime()) for _ in range(2))
        assert [artifact.sha256 for artifact in first] == [artifact.sha256 for artifact in second]

    def test_the_published_release_is_valid_and_nothing_else_is_left_behind(self, owner: Owner, registry: Path) -> None:
        findings = validate(registry)
        assert not is_failure(findings, strict=True), findings
        sidecar = _sidecar(registry, owner)
        assert sidecar["plugin"] == {"distribution": owner.plugin.distribution, "version": owner.plugin.version}
        assert all(path.name.startswith(owner.recipe.id) for path in registry.iterdir() if path.suffix == ".onnx")

    def test_the_published_release_reloads_and_says_what_the_trained_model_said(
        self, owner: Owner, training: Training, registry: Path
    ) -> None:
        expected = _predict(training.trained.final, training.table)
        low, high = owner.recipe.target_range
        scores = _reloaded(registry, _sidecar(registry, owner), training.table)
        assert np.abs(scores - expected).max() <= PARITY * (high - low)

    def test_every_published_file_gives_the_numbers_of_its_test_vector(self, owner: Owner, registry: Path) -> None:
        sidecar = _sidecar(registry, owner)
        files = [artifact["path"] for artifact in sidecar["artifacts"]]
        assert list(run_models(Trial(name, (registry / name).read_bytes(), sidecar) for name in files)) == []


def conformance(model: str, write_table: Callable[[Path], Path]) -> type[Conformance]:
    """The suite for ``model``, on the table that ``write_table(folder)`` writes. Bind it to a name like ``TestX``."""
    members = {"model": model, "write_table": staticmethod(write_table)}
    return type(f"Conformance of {model}", (Conformance,), members)


def _train(owner: Owner, table: Table, fits: Sequence[Fit]) -> Sequence[TrainedModel]:
    models: Sequence[TrainedModel] = owner.call("tinyai_train", table=table, fits=list(fits), progress=Progress())
    return models


def _train_only(monkeypatch: pytest.MonkeyPatch, model: Stuck) -> None:
    """From here on, whatever is trained comes out as ``model``; every other hook is asked as ever."""
    ask = Plugins.ask

    def answered(self: Plugins, hook: str, name: str, arguments: Mapping[str, Any]) -> Any:
        return [model] * len(arguments["fits"]) if hook == "tinyai_train" else ask(self, hook, name, arguments)

    monkeypatch.setattr(Plugins, "ask", answered)


def _overwritten(path: Path, table: Table, rows: NDArray[np.int64], other: Path) -> Table:
    """The table of ``path`` with other inputs and the opposite target in ``rows``, written to ``other`` and read."""
    frame, recipe = pd.read_parquet(path).reset_index(drop=True), table.recipe
    low, high = recipe.target_range
    chosen = [np.ones(len(frame), bool), *(choose(frame, where) for where in recipe.rows)]
    places = np.flatnonzero(np.all(chosen, axis=0))[rows]  # row numbers of the file, of which the recipe chose some
    for column in (recipe.target, *(name for name in recipe.feature_order if name in frame.columns)):
        if isinstance(column, str):
            values = frame[column].to_numpy(np.float64, copy=True)
            values[places] = low + high - values[places] if column == recipe.target else 2 * values[places] + 1
            frame[column] = values
    frame.to_parquet(other)

    def fetch(read: Table, asked: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
        tensors = dict(table.fetch(replace(read, folder=table.folder), asked)) if table.fetch else {}
        hidden = np.isin(asked, rows)
        for name, values in tensors.items():
            turned = low + high - values if name == recipe.target_name else 2 * values + 1
            tensors[name] = np.where(hidden.reshape(-1, *[1] * (values.ndim - 1)), turned, values)
        return tensors

    return read_table(other, recipe, fetch if table.fetch else None)


def _sidecar(registry: Path, owner: Owner) -> Any:
    return json.loads((registry / f"{owner.recipe.id}.json").read_text(encoding="ascii"))


def _predict(models: Sequence[TrainedModel], table: Table) -> NDArray[np.float64]:
    """The mean of what ``models`` say of every row of ``table``."""
    rows = table.batches(np.arange(len(table)))
    return np.concatenate([mean_prediction(models, table.inputs(batch)) for batch in rows])


def _reloaded(registry: Path, sidecar: Mapping[str, Any], table: Table) -> NDArray[np.float64]:
    """What the published file says of every row of ``table``: onnxruntime and the sidecar, as a stranger uses them."""
    session = onnxruntime.InferenceSession(registry / sidecar["onnx"], providers=["CPUExecutionProvider"])
    of_first = {name: sidecar[f"feature_{name}"] for name in ("mean", "std", "fill") if f"feature_{name}" in sidecar}
    columns = [each.tensor for each in table.recipe.inputs if each.columns]
    vectors = {each["tensor"]: each for each in sidecar.get("inputs", [])} or dict.fromkeys(columns, of_first)
    parts = []
    for rows in table.batches(np.arange(len(table))):
        raw = table.inputs(rows)
        feed = {name: _fill(vectors[name], raw[name]) if name in vectors else raw[name] for name in raw}
        [values] = run_rows(session, sidecar["output_names"], feed)
        parts.append(values.astype(np.float64).reshape(len(rows), *table.recipe.output_shape))
    return np.concatenate(parts)


def _fill(vectors: Mapping[str, Any], raw: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows of one input, as the sidecar says that it is fed."""
    rows = raw.astype(np.float64)
    if vectors.get("fill") is not None:
        rows = np.where(np.isnan(rows), vectors["fill"], rows)
    if vectors.get("mean") is not None:
        rows = (rows - vectors["mean"]) / vectors["std"]
    return rows.astype(np.float32)
