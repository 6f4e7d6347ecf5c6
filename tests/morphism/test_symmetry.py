"""What becomes of new units in training: twins part by themselves, copies do not."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from grown_models import TOLERANCE, difference, network_of, small_task

from gakeras.graph.rebuilding import read_weights
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.optimizers import carry_optimizer
from gakeras.morphism.widening import widen

LOSS = "sparse_categorical_crossentropy"


def after_one_epoch(model: keras.Model, optimizer=None) -> dict[str, np.ndarray]:
    model.compile(optimizer or keras.optimizers.Adam(0.003), LOSS)
    model.fit(*small_task(640), batch_size=32, verbose=0, shuffle=False)
    return read_weights(model)


def apart(kernel: np.ndarray, one: slice, other: slice) -> float:
    """Return the distance between filters relative to the length of the first."""
    difference = kernel[..., one] - kernel[..., other]
    return float(np.linalg.norm(difference) / np.linalg.norm(kernel[..., one]))


def test_twins_are_more_than_a_hundredth_apart_after_one_epoch_without_noise() -> None:
    wide = widen(network_of("relu"), "conv_2", 7, np.random.default_rng(0))
    assert apart(read_weights(wide)["conv_2/kernel"], slice(3, 5), slice(5, 7)) == 0
    assert apart(after_one_epoch(wide)["conv_2/kernel"], slice(3, 5), slice(5, 7)) > 0.01


@pytest.mark.parametrize("branch", ["conv_1", "conv_3", "conv_5", "pool_conv"])
def test_so_are_those_of_an_inception_module(branch: str) -> None:
    wide = insert_inception(network_of("relu"), "pool", 4, np.random.default_rng(0))
    kernel = after_one_epoch(wide)[f"inception_1/{branch}/kernel"]
    assert apart(kernel, slice(0, 2), slice(2, 4)) > 0.01


def copied(noise: float) -> tuple[keras.Model, int]:
    """Return a network with one copied filter, and which it is a copy of."""
    model = network_of("relu")
    wide = widen(model, "conv_2", 4, np.random.default_rng(0), method="copies", noise=noise)
    kernel = read_weights(wide)["conv_2/kernel"]
    source = int(np.argmin([apart(kernel, slice(i, i + 1), slice(3, 4)) for i in range(3)]))
    assert difference(model, wide) <= TOLERANCE
    return wide, source


def test_copies_without_noise_stay_equal() -> None:
    wide, source = copied(noise=0.0)
    kernel = after_one_epoch(wide)["conv_2/kernel"]
    assert apart(kernel, slice(source, source + 1), slice(3, 4)) < 1e-5
    assert apart(kernel, slice((source + 1) % 3, (source + 1) % 3 + 1), slice(3, 4)) > 0.1


def test_copies_with_noise_part() -> None:
    wide, source = copied(noise=0.1)
    kernel = after_one_epoch(wide)["conv_2/kernel"]
    assert apart(kernel, slice(source, source + 1), slice(3, 4)) > 1e-3


def test_a_carried_momentum_parts_copies_too() -> None:
    parent = network_of("relu")
    after_one_epoch(parent)
    wide = widen(parent, "conv_2", 4, np.random.default_rng(0), method="copies")
    kernel = after_one_epoch(wide, carry_optimizer(parent, wide))["conv_2/kernel"]
    assert min(apart(kernel, slice(i, i + 1), slice(3, 4)) for i in range(3)) > 1e-3
