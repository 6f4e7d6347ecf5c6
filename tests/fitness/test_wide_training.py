"""Laws of training networks with modules, normalisation and separable convolutions: seeds decide it all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers
from wide_genomes import EVERYTHING

from gakeras.data import DataInfo, Scaling, Task
from gakeras.fitness.network import compiled_model
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Trainer, seed_layers

RNG = np.random.default_rng(3)
X, Y = RNG.integers(0, 256, (22, 8, 8)).astype("uint8"), RNG.integers(0, 3, 22)
INFO = DataInfo(Task("multiclass", 3), (8, 8), 22, 0, Scaling("divide", 255.0), "")


def fresh() -> Trainer:
    model = compiled_model(EVERYTHING, INFO, TrainingOptions(learning_rate=0.01))
    return Trainer(model, batch_size=8, max_examples=22)


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return fresh()


def values(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))


def state(trainer: Trainer) -> list[np.ndarray]:
    return [values(v) for v in (*trainer.model.weights, *trainer.model.optimizer.variables)]


def assert_same(one: list[np.ndarray], other: list[np.ndarray]) -> None:
    for first, second in zip(one, other, strict=True):
        np.testing.assert_array_equal(first, second)


def test_a_reset_is_a_function_of_its_seed_also_inside_modules(trainer: Trainer) -> None:
    trainer.reset(1)
    first = state(trainer)
    trainer.train_epoch(X, Y, np.arange(22), seed=1)
    assert any((one != two).any() for one, two in zip(first, state(trainer), strict=True))
    trainer.reset(1)
    assert_same(state(trainer), first)
    assert_same(state_of_reset(fresh(), 1), first)


def test_every_kernel_is_drawn_from_the_seed_and_no_two_alike(trainer: Trainer) -> None:
    kernels = []
    for seed in (1, 2):
        trainer.reset(seed)
        kernels += [values(weight) for weight in trainer.model.weights if weight.name.endswith("kernel")]
    assert len({kernel.tobytes() for kernel in kernels}) == len(kernels) == 2 * 16


def state_of_reset(trainer: Trainer, seed: int) -> dict[str, np.ndarray]:
    trainer.reset(seed)
    return state(trainer)


def test_separable_kernels_are_drawn_by_the_initializers_of_the_layer(trainer: Trainer) -> None:
    layer = trainer.model.get_layer("conv_5")
    trainer.reset(1)
    kernels = [values(layer.depthwise_kernel), values(layer.pointwise_kernel)]
    for kernel in kernels:
        fans = np.prod(kernel.shape[:-2]) * (kernel.shape[-2] + kernel.shape[-1])
        assert 0.4 * np.sqrt(6 / fans) < np.abs(kernel).max() <= np.sqrt(6 / fans)  # Glorot's limit


def test_an_epoch_is_a_function_of_its_seed_and_goes_on_in_another_process(
    trainer: Trainer, tmp_path: Path
) -> None:
    trainer.reset(1)
    losses = [trainer.train_epoch(X, Y, np.arange(22), seed) for seed in (1, 2)]
    whole = state(trainer)
    trainer.reset(1)
    parts = [trainer.train_epoch(X, Y, np.arange(22), seed=1)]
    trainer.save_state(tmp_path / "state.npz")
    other = fresh()
    other.load_state(tmp_path / "state.npz")
    parts.append(other.train_epoch(X, Y, np.arange(22), seed=2))
    assert parts == losses
    assert_same(state(other), whole)
    np.testing.assert_array_equal(other.predict(X, np.arange(22)), other.predict(X, np.arange(22)))


def test_moving_statistics_follow_the_data_and_are_forgotten(trainer: Trainer) -> None:
    norm = trainer.model.get_layer("inception_3").get_layer("norm")
    trainer.reset(1)
    assert not values(norm.moving_mean).any() and (values(norm.moving_variance) == 1).all()
    trainer.train_epoch(X, Y, np.arange(22), seed=1)
    assert values(norm.moving_mean).any() and (values(norm.moving_variance) != 1).all()


def test_images_are_varied_by_layers_from_the_seed() -> None:
    model = keras.Sequential([keras.Input((6, 6, 1)), layers.RandomTranslation(0.3, 0.3), layers.Flatten()])
    model.add(layers.Dense(1))
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mean_squared_error")
    trainer = Trainer(model, batch_size=20, max_examples=20)
    trainer.reset(1)
    x, y = np.random.default_rng(0).normal(size=(20, 6, 6, 1)), np.arange(20.0)[:, None]
    losses = [trainer.train_epoch(x, y, np.arange(20), seed) for seed in (3, 4, 3)]
    assert losses[0] == losses[2] != losses[1]


def test_dropout_inside_a_model_is_drawn_from_the_seed_and_differs_from_layer_to_layer() -> None:
    """At learning rate 0 and with one batch of everything nothing but dropout can differ."""

    def dropping(name: str) -> keras.Model:
        inputs = keras.Input((6,))
        return keras.Model(inputs, layers.Dropout(0.5, name="drop")(inputs), name=name)

    model = keras.Sequential([keras.Input((6,)), dropping("one"), dropping("two"), layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mean_squared_error")
    trainer = Trainer(model, batch_size=20, max_examples=20)
    trainer.reset(1)
    x, y = np.ones((20, 6)), np.arange(20.0)[:, None]
    losses = [trainer.train_epoch(x, y, np.arange(20), seed) for seed in (3, 4, 3)]
    assert losses[0] == losses[2] != losses[1]
    seed_layers(trainer.model, 3)
    states = [values(model.get_layer(name).get_layer("drop").seed_generator.state) for name in ("one", "two")]
    assert (states[0] != states[1]).any()
