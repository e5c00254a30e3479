"""The stacked trainer against a plain PyTorch loop, and each fit against itself, alone."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from tinyai_registry.errors import RecipeError, TableError
from tinyai_registry.evaluation import Fit
from tinyai_registry.evaluation.progress import Progress
from tinyai_registry.lab import export, perceptrons, training, training_rows
from tinyai_registry.lab.draws import initial_parameters
from tinyai_registry.lab.ensemble import mean_prediction
from tinyai_registry.lab.folds import fits, plan
from tinyai_registry.lab.training import train_mlps
from tinyai_registry.recipe import MLP, Adam, AdamW, Ensemble, GroupKFold, Input, OneHot
from tinyai_registry.recipe._network import OutputActivation

ACTIVATION_MODULES = {"gelu": nn.GELU, "relu": nn.ReLU, "tanh": nn.Tanh}
OUTPUT_MODULES = {"linear": [], "sigmoid": [nn.Sigmoid()], "softplus": [nn.Softplus()]}


class Scaled(nn.Module):
    def __init__(self, start, factor):
        super().__init__()
        self.start, self.factor = start, factor

    def forward(self, x):
        return self.start + self.factor * x


def plain_loop(recipe, table, fit):
    """The recipe as anyone would write it; returns what predicts raw rows."""
    torch.set_num_threads(1)
    torch.manual_seed(fit.seed)
    features, target = table.features[fit.rows], table.target[fit.rows]
    for one_hot in recipe.derived:
        slots = [recipe.feature_order.index(column) for column in one_hot.columns]
        drawn = (torch.rand(len(features)) < one_hot.unknown_share).numpy()
        features[np.ix_(drawn, slots)] = [0.0] * (len(slots) - 1) + [1.0]
    as_they_are = [not i.standardise for i in recipe.inputs for _ in i.columns]
    mean = np.where(as_they_are, 0.0, features.mean(axis=0))
    std = np.where(as_they_are, 1.0, features.std(axis=0))
    rows = torch.tensor((features - mean) / std, dtype=torch.float32)
    data = TensorDataset(rows, torch.tensor(target, dtype=torch.float32))
    layers, width = [], features.shape[1]
    for hidden in recipe.architecture.hidden:
        activation = ACTIVATION_MODULES[recipe.architecture.activation]()
        layers += [nn.Linear(width, hidden), activation, nn.Dropout(recipe.architecture.dropout)]
        width = hidden
    last = [nn.Linear(width, 1), *OUTPUT_MODULES[recipe.architecture.output_activation]]
    if recipe.architecture.bounded:
        low, high = recipe.target_range
        last += [nn.Sigmoid(), Scaled(low, high - low)]
    squash = recipe.architecture.squash
    first = [] if squash is None else [Scaled(0.0, 1 / squash), nn.Tanh(), Scaled(0.0, squash)]
    if recipe.architecture.layer_norm:
        first.append(nn.LayerNorm(features.shape[1]))
    network = nn.Sequential(*first, *layers, *last)
    settings = recipe.training
    algorithm = getattr(torch.optim, type(settings).__name__)
    optimiser = algorithm(network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    loader = DataLoader(data, batch_size=settings.batch_size, shuffle=True)
    for _ in range(settings.epochs):
        for batch, wanted in loader:
            optimiser.zero_grad()
            nn.functional.mse_loss(network(batch).squeeze(-1), wanted).backward()
            optimiser.step()
    network.eval()

    def predict(raw):
        with torch.no_grad():
            return network(torch.tensor((raw - mean) / std, dtype=torch.float32)).squeeze(-1).numpy()

    return predict


@pytest.fixture(autouse=True)
def _same_torch_afterwards():
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield
    torch.set_num_threads(threads)
    torch.set_rng_state(state)


def everything(table):
    return table.inputs(np.arange(len(table.target)))


def bits(model):
    return hashlib.sha256(b"".join(p.tobytes() for p in model.parameters)).hexdigest()


RECIPES = {
    "as declared": {},
    "without dropout": {"architecture": MLP((12, 10), "gelu", 0.0)},
    "with tanh": {"architecture": MLP((12, 10), "tanh", 0.1)},
    "squashed": {"architecture": MLP((12, 10), "gelu", 0.1, squash=3.0)},
    "bounded": {"architecture": MLP((12, 10), "gelu", 0.1, bounded=True)},
    "squashed and bounded": {"architecture": MLP((12, 10), "tanh", 0.0, squash=1.5, bounded=True)},
    "with relu": {"architecture": MLP((12, 10), "relu", 0.1)},
    "with one hidden layer": {"architecture": MLP((7,), "gelu", 0.3)},
    "with three hidden layers": {"architecture": MLP((9, 16, 5), "relu", 0.2)},
    "with one short batch an epoch": {"training": AdamW(1e-2, 0.0, 1000, 20)},
    "with a layer of one unit": {"architecture": MLP((20, 1, 4), "gelu", 0.1)},
    "with batches of two rows": {"training": AdamW(1e-3, 1e-2, 2, 1)},
    "with another seed": {"seed": 7},
    "with Adam": {"training": Adam(1e-2, 1e-2, 37, 3)},
    "with Adam without decay": {"training": Adam(1e-2, 0.0, 37, 3)},
    "layer-normalised": {"architecture": MLP((12, 10), "relu", 0.1, layer_norm=True)},
    "squashed, layer-normalised, bounded, with Adam": {
        "architecture": MLP((12, 10), "gelu", 0.1, squash=3.0, bounded=True, layer_norm=True),
        "training": Adam(1e-2, 1e-2, 37, 3),
    },
    "with a sigmoid at the output": {"architecture": MLP((12, 10), output_activation="sigmoid")},
    "with softplus at the output": {"architecture": MLP((12, 10), output_activation="softplus")},
    "at the size that ships": {"architecture": MLP((64, 64), "gelu", 0.1)},
}


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_every_fit_has_the_numbers_of_the_plain_loop(recipe, table, all_fits, changes):
    recipe = replace(recipe, **changes)
    asked = [replace(fit, seed=recipe.seed) for fit in all_fits[-4:]]
    assert len({len(fit.rows) for fit in asked}) > 1
    for fit, model in zip(asked, train_mlps(recipe, table, asked), strict=True):
        plain = plain_loop(recipe, table, fit)(table.features)
        np.testing.assert_allclose(model.predict(everything(table)), plain, rtol=0, atol=2e-4)


def test_all_twelve_fits_have_the_numbers_of_the_plain_loop(recipe, table, all_fits, trained):
    for fit, model in zip(all_fits, trained, strict=True):
        plain = plain_loop(recipe, table, fit)(table.features)
        np.testing.assert_allclose(model.predict(everything(table)), plain, rtol=0, atol=2e-4)


def test_the_folds_of_the_table_are_as_unequal_as_real_ones(recipe, all_fits):
    batch = recipe.training.batch_size
    sizes = [len(fit.rows) for fit in all_fits]
    assert len({-(-size // batch) for size in sizes}) > 1  # they take unequal numbers of steps
    assert all(size % batch for size in sizes)  # and their last batch is short


@pytest.mark.parametrize(("workers", "fits_of_a_stack"), [(1, 12), (1, 1), (1, 5), (2, 12), (2, 2), (3, 12)])
def test_a_fit_is_the_same_alone_and_in_any_stack(recipe, table, all_fits, workers, fits_of_a_stack, monkeypatch):
    alone = [bits(train_mlps(recipe, table, [fit])[0]) for fit in all_fits]
    torch.set_num_threads(workers)
    monkeypatch.setattr(training, "WORKERS", workers)
    monkeypatch.setattr(training, "WIDEST", 4 * recipe.training.batch_size * 12 * fits_of_a_stack)
    for chosen in (range(12), range(11, -1, -1), (11, 0), (5, 5, 2), (9,)):
        together = train_mlps(recipe, table, [all_fits[i] for i in chosen])
        assert [bits(model) for model in together] == [alone[i] for i in chosen]


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_a_fit_is_the_same_alone_whatever_the_recipe(recipe, table, all_fits, changes):
    recipe = replace(recipe, **changes)
    asked = all_fits[6:]
    together = train_mlps(recipe, table, asked)
    assert [bits(model) for model in together] == [bits(train_mlps(recipe, table, [f])[0]) for f in asked]


@pytest.mark.parametrize("changes", RECIPES.values(), ids=RECIPES)
def test_rows_that_are_standardised_as_they_are_drawn_give_the_same_fits(recipe, table, all_fits, changes, monkeypatch):
    recipe, asked = replace(recipe, **changes), all_fits[8:]
    kept = train_mlps(recipe, table, asked)
    monkeypatch.setattr(training_rows, "KEPT_BYTES", 0)
    assert [bits(model) for model in train_mlps(recipe, table, asked)] == [bits(model) for model in kept]


@pytest.mark.parametrize("hidden", [(64, 64), (33,)])
def test_a_fit_on_one_column_is_the_same_alone(recipe, read, frame, all_fits, hidden):
    inputs = (Input("features", ("vif_scale3",)),)
    table = read(frame, inputs=inputs)
    recipe = replace(recipe, inputs=inputs, architecture=MLP(hidden, "relu", 0.1))
    together = train_mlps(recipe, table, all_fits)
    alone = [bits(train_mlps(recipe, table, [fit])[0]) for fit in all_fits]
    assert [bits(model) for model in together] == alone


def test_fits_of_very_different_size_share_a_stack(recipe, table):
    rows = np.random.default_rng(0).permutation(len(table.target))
    asked = [Fit(str(n), rows[:n], 0) for n in (2, 400, 36, 37, 38, 75)]
    together = train_mlps(recipe, table, asked)
    for fit, model in zip(asked, together, strict=True):
        [alone] = train_mlps(recipe, table, [fit])
        assert bits(model) == bits(alone)
        plain = plain_loop(recipe, table, fit)(table.features[fit.rows])
        np.testing.assert_allclose(model.predict(table.inputs(fit.rows)), plain, rtol=0, atol=2e-4)


def test_fits_of_different_seeds_share_a_stack(recipe, table, all_fits):
    asked = [replace(all_fits[-1], seed=seed) for seed in (0, 1, 0, 2**31)]
    together = [bits(model) for model in train_mlps(recipe, table, asked)]
    assert together == [bits(train_mlps(recipe, table, [fit])[0]) for fit in asked]
    assert together[0] == together[2]
    assert len(set(together)) == 3


def test_an_ensemble_is_a_fit_for_each_seed_and_each_is_the_same_alone(recipe, table):
    recipe = replace(recipe, seed=5, ensemble=Ensemble(3))
    asked = fits(plan(table, GroupKFold(3)), recipe.seeds)
    assert [fit.seed for fit in asked] == [5, 6, 7] * 4
    together = train_mlps(recipe, table, asked)
    assert [bits(model) for model in together] == [bits(train_mlps(recipe, table, [fit])[0]) for fit in asked]
    assert len({bits(model) for model in together}) == 12
    raw = everything(table)
    mean = np.mean([model.predict(raw) for model in together[-3:]], axis=0)
    np.testing.assert_array_equal(mean_prediction(together[-3:], raw), mean)


@pytest.mark.parametrize("bounds", [(0.0, 100.0), (60.0, 70.0)], ids=str)
def test_a_bounded_model_stays_inside_its_target_range_however_far_its_inputs(recipe, read, frame, all_fits, bounds):
    changes = {"architecture": MLP((12, 10), bounded=True), "target_range": bounds}
    rows = frame[frame.frame_index % 24 == 0]
    table = read(rows.assign(vmaf=rows.vmaf.clip(*bounds)), **changes)
    [model] = train_mlps(table.recipe, table, all_fits[-1:])
    raw = everything(table)
    for far in (raw, {"features": raw["features"] * np.float32(1e4)}, {"features": -raw["features"] * np.float32(1e4)}):
        scores = model.predict(far)
        assert scores.min() >= bounds[0]
        assert scores.max() <= bounds[1]


def test_a_squashed_model_is_not_carried_away_by_an_outlier(recipe, table, all_fits):
    def reach(squash):
        changed = replace(recipe, architecture=MLP((12, 10), squash=squash))
        [model] = train_mlps(changed, table, all_fits[-1:])
        row = table.inputs(np.array([0]))["features"]
        mean, std = model.standardisation.mean, model.standardisation.std
        scores = [model.predict({"features": (row + k * std + 0 * mean).astype(np.float32)})[0] for k in (20, 2000)]
        return abs(scores[1] - scores[0])

    assert reach(2.0) < 1e-3
    assert reach(None) > 1


# --- a codec beside the features


CODEC = OneHot("codec", ("x264", "x265"), unknown=True, unknown_share=0.2)


@pytest.mark.parametrize("standardised", [False, True])
def test_a_share_of_the_rows_is_trained_as_unknown_in_every_fit(recipe, read, frame, all_fits, standardised):
    rows = frame[frame.frame_index % 24 == 0]
    inputs = (*recipe.inputs, Input("codec_block", CODEC.columns, standardise=standardised))
    codec = np.where(np.arange(len(rows)) % 3, "x264", "x265")
    table = read(rows.assign(codec=codec), inputs=inputs, derived=(CODEC,))
    asked = all_fits[-4:]
    together = train_mlps(table.recipe, table, asked)
    for fit, model in zip(asked, together, strict=True):
        assert bits(model) == bits(train_mlps(table.recipe, table, [fit])[0])
        mean, std = model.standardisation.mean[-3:], model.standardisation.std[-3:]
        if standardised:
            assert 0.1 < mean[-1] < 0.3
        else:
            assert (mean.tolist(), std.tolist()) == ([0, 0, 0], [1, 1, 1])
        plain = plain_loop(table.recipe, table, fit)(table.features)
        np.testing.assert_allclose(model.predict(everything(table)), plain, rtol=0, atol=2e-4)


def test_unknown_and_empty_cells_are_the_same_whether_rows_are_kept_or_not(recipe, read, holes, all_fits, monkeypatch):
    inputs = (*recipe.inputs, Input("codec_block", CODEC.columns))
    codec = np.where(np.arange(len(holes)) % 3, "x264", "x265")
    table = read(holes.assign(codec=codec), inputs=inputs, derived=(CODEC,), missing="median")
    kept = train_mlps(table.recipe, table, all_fits[8:])
    monkeypatch.setattr(training_rows, "KEPT_BYTES", 0)
    assert [bits(model) for model in train_mlps(table.recipe, table, all_fits[8:])] == [bits(model) for model in kept]


def test_the_weights_of_unknown_stay_as_drawn_unless_a_share_is_trained(recipe, read, frame, all_fits):
    rows = frame[frame.frame_index % 24 == 0]
    codec = np.where(np.arange(len(rows)) % 3, "x264", "x265")

    def unknown_weights(share):
        one_hot = replace(CODEC, unknown_share=share)
        inputs = (*recipe.inputs, Input("codec_block", CODEC.columns, standardise=False))
        table = read(rows.assign(codec=codec), inputs=inputs, derived=(one_hot,), training=Adam(1e-2, 0.0, 37, 3))
        [model] = train_mlps(table.recipe, table, all_fits[-1:])
        return model.parameters[0][-1]

    start, _ = initial_parameters([(9, 12), (1, 12)], recipe.architecture, torch.Generator().manual_seed(0))
    assert np.array_equal(unknown_weights(0.0), start[-1].numpy())
    assert not np.array_equal(unknown_weights(0.2), start[-1].numpy())


# --- empty cells


@pytest.fixture
def holes(frame):
    """Every fifth ``adm2`` and every seventh ``motion2`` is empty."""
    rows = frame[frame.frame_index % 24 == 0].reset_index(drop=True)
    number = np.arange(len(rows))
    return rows.assign(adm2=rows.adm2.where(number % 5 > 0), motion2=rows.motion2.where(number % 7 > 0))


def test_an_empty_cell_is_filled_with_the_median_of_the_fits_own_rows(read, holes, all_fits):
    table = read(holes, missing="median")
    models = train_mlps(table.recipe, table, all_fits)
    columns = list(table.recipe.feature_order)
    for fit, model in zip(all_fits, models, strict=True):
        own = holes.iloc[fit.rows][columns]
        np.testing.assert_allclose(model.standardisation.fill, own.median())
        np.testing.assert_allclose(model.standardisation.mean, own.fillna(own.median()).mean())
        np.testing.assert_allclose(model.standardisation.std, own.fillna(own.median()).std(ddof=0))
    assert len({model.standardisation.fill[0] for model in models}) > 3


def test_an_empty_cell_is_the_same_as_one_with_the_median_in_it(read, holes, all_fits):
    table = read(holes, missing="median")
    *_, model = train_mlps(table.recipe, table, all_fits[-1:])
    median = dict(zip(table.recipe.feature_order, model.standardisation.fill, strict=True))
    whole = read(holes.fillna(median))
    [other] = train_mlps(whole.recipe, whole, all_fits[-1:])
    assert bits(other) == bits(model)
    np.testing.assert_allclose(model.predict(everything(table)), other.predict(everything(whole)), atol=1e-4)


def test_a_column_that_is_empty_in_a_fit_gives_no_silent_number(read, holes, all_fits):
    fit = all_fits[0]
    inside = np.isin(np.arange(len(holes)), fit.rows)
    table = read(holes.assign(adm2=holes.adm2.fillna(0.5).where(~inside)), missing="median")
    with pytest.raises(TableError, match="adm2"):
        train_mlps(table.recipe, table, [fit])


def test_the_order_of_a_fits_rows_is_part_of_it_and_its_label_is_not(recipe, table, all_fits):
    fit = all_fits[0]
    asked = [fit, replace(fit, label="renamed"), replace(fit, rows=fit.rows[::-1])]
    first, renamed, reversed_ = (bits(model) for model in train_mlps(recipe, table, asked))
    assert renamed == first
    assert reversed_ != first


def test_the_same_inputs_give_the_same_bytes_twice(recipe, table, all_fits, trained):
    again = train_mlps(recipe, table, all_fits)
    assert [bits(model) for model in again] == [bits(model) for model in trained]


@pytest.mark.parametrize("threads", [1, 2])
def test_torch_is_left_as_it_was_found(recipe, table, all_fits, threads):
    torch.manual_seed(123)
    torch.set_num_threads(threads)
    before = torch.get_rng_state()
    train_mlps(recipe, table, all_fits[:2])
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_torch_is_left_as_it_was_found_by_a_training_that_fails(recipe, table, all_fits, monkeypatch):
    def fail(*_):
        raise MemoryError

    torch.set_num_threads(2)
    monkeypatch.setattr(training.Stack, "train", fail)
    with pytest.raises(MemoryError):
        train_mlps(recipe, table, all_fits)
    assert torch.get_num_threads() == 2


def test_the_state_of_torch_does_not_reach_a_fit(recipe, table, all_fits, trained):
    torch.manual_seed(999)
    torch.set_num_threads(2)
    [model] = train_mlps(recipe, table, all_fits[:1])
    assert bits(model) == bits(trained[0])


def test_each_fit_is_standardised_by_its_own_rows(table, all_fits, trained):
    for fit, model in zip(all_fits, trained, strict=True):
        np.testing.assert_allclose(model.standardisation.mean, table.features[fit.rows].mean(axis=0))
        np.testing.assert_allclose(model.standardisation.std, table.features[fit.rows].std(axis=0, ddof=0))


def test_a_fit_sees_no_row_that_it_holds_out(recipe, read, frame, all_fits):
    frame = frame[frame.frame_index % 24 == 0]
    held_out = frame.source == all_fits[0].label
    spoiled = frame.assign(vmaf=frame.vmaf.where(~held_out, 0.0), adm2=frame.adm2.where(~held_out, 9.0))
    [clean], [other] = (train_mlps(recipe, read(rows), all_fits[:1]) for rows in (frame, spoiled))
    assert bits(other) == bits(clean)


def test_a_column_that_is_constant_in_a_fit_is_only_centred(recipe, read, frame):
    table = read(frame.assign(motion2=3.0))
    [model] = train_mlps(recipe, table, [Fit("final", np.arange(len(frame)), 0)])
    assert model.standardisation.std[-1] == 1.0
    assert np.isfinite(model.predict(everything(table))).all()


def test_two_inputs_are_the_same_model_as_one(recipe, read, frame, trained, all_fits):
    columns = recipe.feature_order
    two = replace(recipe, inputs=(Input("first", columns[:2]), Input("second", columns[2:])))
    table = read(frame[frame.frame_index % 24 == 0], inputs=two.inputs)
    [model] = train_mlps(two, table, all_fits[:1])
    assert bits(model) == bits(trained[0])
    assert sorted(everything(table)) == ["first", "second"]
    assert np.isfinite(model.predict(everything(table))).all()


def test_no_fits_are_no_models(recipe, table):
    assert train_mlps(recipe, table, []) == []


@pytest.mark.parametrize("missing", ["architecture", "training"])
def test_a_recipe_without_network_or_settings_is_refused(recipe, table, all_fits, missing):
    with pytest.raises(RecipeError, match="small_v1 declares no architecture and training"):
        train_mlps(replace(recipe, **{missing: None}), table, all_fits)


def test_every_activation_trains_exports_and_has_its_torch_module():
    assert set(perceptrons.ACTIVATIONS) == set(export.ACTIVATION_NODES) == set(ACTIVATION_MODULES)
    assert set(get_args(OutputActivation)) == set(OUTPUT_MODULES)


class Recorder(Progress):
    def __init__(self):
        super().__init__()
        self.told = []

    def advance(self, done, total, _=""):
        self.told.append((done, total))


def test_whoever_watches_is_told_how_many_steps_of_all_fits_are_done(recipe, table, all_fits, monkeypatch):
    monkeypatch.setattr(training, "MOMENT", 0.001)
    recorder = Recorder()
    train_mlps(recipe, table, all_fits, recorder)
    steps = sum(recipe.training.epochs * -(-len(fit.rows) // recipe.training.batch_size) for fit in all_fits)
    done = [each for each, _ in recorder.told]
    assert {total for _, total in recorder.told} == {steps}
    assert done == sorted(done)
    assert 0 < done[-1] <= steps
