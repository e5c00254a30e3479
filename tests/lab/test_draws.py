"""The words of a seed, read at many places at once, against a generator that draws for one fit alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from tinyai_registry.lab import draws
from tinyai_registry.lab.draws import Words
from tinyai_registry.recipe import MLP, AdamW, Input, OneHot

SEED = 11


def settings(epochs=3, batch_size=16):
    return AdamW(1e-3, 0.0, batch_size, epochs)


def alone(rows, mlp, settings):
    """What ``DataLoader(shuffle=True)`` and ``nn.Dropout`` draw for one fit, step by step."""
    generator, keep = torch.Generator().manual_seed(SEED), 1 - mlp.dropout

    def seed():
        return int(torch.empty((), dtype=torch.int64).random_(generator=generator))

    for _ in range(settings.epochs):
        seed()
        permutation = torch.randperm(rows, generator=torch.Generator().manual_seed(seed()))
        for chosen in torch.split(permutation, settings.batch_size):
            shapes = [(len(chosen), width) for width in mlp.hidden if mlp.dropout]
            yield chosen, [torch.empty(shape).bernoulli_(keep, generator=generator).div_(keep) for shape in shapes]


@pytest.mark.parametrize("chunk", [7, 100, 1 << 16])
@pytest.mark.parametrize("dropout", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("sizes", [(50,), (50, 33, 16), (2, 50, 1)], ids=str)
def test_every_fit_draws_what_it_draws_alone(chunk, dropout, sizes, monkeypatch):
    monkeypatch.setattr(draws, "CHUNK", chunk)
    mlp = MLP((5, 3), dropout=dropout)
    words = Words(torch.Generator().manual_seed(SEED), mlp)
    together = {rows: (words.batches(rows, mlp, settings()), alone(rows, mlp, settings())) for rows in sizes}
    steps = 0
    while together:
        for rows, (ours, theirs) in list(together.items()):
            batch, expected = next(ours, None), next(theirs, None)
            assert (batch is None) == (expected is None)
            if expected is None:
                del together[rows]
                continue
            steps += 1
            assert torch.equal(batch.rows, expected[0])
            assert len(batch.masks) == len(expected[1])
            assert all(map(torch.equal, batch.masks, expected[1]))
    assert steps == sum(3 * -(-rows // 16) for rows in sizes)


def test_words_that_all_have_read_are_forgotten(monkeypatch):
    monkeypatch.setattr(draws, "CHUNK", 64)
    mlp = MLP((8,), dropout=0.5)
    words = Words(torch.Generator().manual_seed(SEED), mlp)
    long, short = words.batches(64, mlp, settings(epochs=20)), words.batches(16, mlp, settings(epochs=2))
    kept = []
    for step, _ in enumerate(long):
        kept.append(len(words._masks))
        if step < 2:
            next(short)
    assert max(kept) < 64 + 2 * 16 * 8 + 64 * 8
    assert kept[-1] < 64 + 16 * 8


def test_unknown_rows_are_drawn_as_one_would_write_it(recipe):
    one = OneHot("codec", ("a", "b"), unknown=True, unknown_share=0.25)
    never = OneHot("preset", ("x",), unknown=True)
    block = Input("block", (*one.columns, *never.columns), standardise=False)
    changed = replace(recipe, inputs=(*recipe.inputs, block), derived=(one, never))
    generator = torch.Generator().manual_seed(SEED)
    [(which, rows)] = draws.draw_unknown(changed, 40, generator)
    torch.manual_seed(SEED)
    np.testing.assert_array_equal(rows, (torch.rand(40) < 0.25).numpy())
    assert which == one
    assert 0 < rows.sum() < 40
    assert torch.equal(generator.get_state(), torch.get_rng_state())
    assert draws.draw_unknown(recipe, 40, generator) == []
