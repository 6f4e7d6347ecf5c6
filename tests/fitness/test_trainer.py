"""Laws of the trainer: it forgets everything, and every example counts once an epoch."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from gakeras.fitness.trainer import Step, Trainer

X = np.arange(60, dtype=np.float64).reshape(30, 2) / 10  # X[i, 0] * 5 is i
Y = np.cos(np.arange(30, dtype=np.float32))[:, None]


def network(optimizer: keras.optimizers.Optimizer) -> keras.Model:
    """Two layers of one shape, so that one seed for both would show."""
    model = keras.Sequential(
        [
            keras.Input((2,)),
            keras.layers.Dense(2, activation="tanh", name="first"),
            keras.layers.Dense(2, activation="tanh", name="second"),
            keras.layers.Dropout(0.4),
            keras.layers.Dense(1),
        ]
    )
    model.compile(optimizer=optimizer, loss="mean_squared_error")
    return model


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    return Trainer(network(keras.optimizers.Adam(0.01)), batch_size=4, max_examples=21)


def values(variable: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(variable))


def everything(trainer: Trainer) -> list[np.ndarray]:
    """Return copies of all weights and of the optimizer's state."""
    model = trainer.model
    return [values(variable) for variable in [*model.weights, *model.optimizer.variables]]


def assert_same(first: list[np.ndarray], second: list[np.ndarray]) -> None:
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_reset_trainer_is_as_new(trainer: Trainer) -> None:
    trainer.reset(1)
    fresh, optimizer = everything(trainer), trainer.model.optimizer
    assert (int(optimizer.iterations), float(optimizer.learning_rate)) == (0, pytest.approx(0.01))
    assert not any(np.any(values(variable)) for variable in optimizer.variables[2:])
    trainer.train_epoch(X, Y, np.arange(20), seed=1)
    optimizer.learning_rate = 0.5
    assert int(optimizer.iterations) == 5 and all(
        np.any(values(variable)) for variable in optimizer.variables
    )
    trainer.reset(1)
    assert_same(everything(trainer), fresh)


def test_a_reset_draws_new_kernels_from_its_seed_and_zero_biases(trainer: Trainer) -> None:
    layers = [trainer.model.get_layer(name) for name in ("first", "second")]
    kernels = []
    for seed in (1, 2):
        trainer.reset(seed)
        kernels += [values(layer.kernel) for layer in layers]
        assert not any(np.any(values(layer.bias)) for layer in trainer.model.layers if hasattr(layer, "bias"))
    assert len({kernel.tobytes() for kernel in kernels}) == 4
    limit = np.sqrt(6 / (2 + 2))  # the layers' own initializer: Glorot's
    assert max(np.abs(kernel).max() for kernel in kernels) <= limit
    assert max(np.abs(kernel).max() for kernel in kernels) > limit / 4


def test_training_neither_reads_nor_moves_the_global_generators(trainer: Trainer) -> None:
    ends = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        before = random.getstate(), np.random.get_state()[1].tolist()
        trainer.reset(5)
        trainer.train_epoch(X, Y, np.arange(20), seed=1)
        ends.append(everything(trainer))
        assert (random.getstate(), np.random.get_state()[1].tolist()) == before
    assert_same(*ends)


class Spy:
    """Stands in for `train_on_batch` and keeps what it was given."""

    def __init__(self, model: keras.Model, monkeypatch: pytest.MonkeyPatch) -> None:
        self.x: list[np.ndarray] = []
        self.y: list[np.ndarray] = []
        self.weights: list[np.ndarray] = []
        self._train = model.train_on_batch
        monkeypatch.setattr(model, "train_on_batch", self)

    def __call__(self, x: np.ndarray, y: np.ndarray, *, sample_weight: np.ndarray, **options: Any) -> Any:
        self.x.append(x)
        self.y.append(y)
        self.weights.append(sample_weight)
        return self._train(x, y, sample_weight=sample_weight, **options)

    def visits(self) -> list[int]:
        """Return the examples with a weight, in the order of their visits."""
        x, weights = np.concatenate(self.x), np.concatenate(self.weights)
        return np.rint(x[weights > 0, 0] * 5).astype(int).tolist()


@pytest.mark.parametrize("num_examples", [21, 20, 18, 5, 1])
def test_every_example_is_visited_once_an_epoch(
    num_examples: int, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(trainer.model, monkeypatch)
    indices = np.arange(30)[::-1][:num_examples]
    trainer.train_epoch(X, Y, indices, seed=3)
    assert sorted(spy.visits()) == sorted(indices)
    assert len(spy.x) == -(-num_examples // 4)  # a batch of nothing but filling is left out
    np.testing.assert_array_equal(
        np.concatenate(spy.y), np.cos(np.rint(np.concatenate(spy.x)[:, :1] * 5).astype(np.float32))
    )


def test_filling_has_weight_zero_and_a_batch_has_as_much_weight_as_it_has_places(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(trainer.model, monkeypatch)
    trainer.train_epoch(X, Y, np.arange(18), seed=3)
    assert [weights.tolist() for weights in spy.weights] == [[1.0] * 4] * 4 + [[2.0, 2.0, 0.0, 0.0]]


def test_there_is_one_shape_of_batch_whatever_is_trained_on(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(trainer.model, monkeypatch)
    for num_examples in (21, 19, 3):
        trainer.train_epoch(X, Y, np.arange(num_examples), seed=3)
    assert {x.shape for x in spy.x} == {(4, 2)}
    assert {y.shape for y in spy.y} == {(4, 1)} and {w.shape for w in spy.weights} == {(4,)}


def test_the_order_is_drawn_from_the_seed(trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    orders = []
    for seed in (3, 3, 4):
        with monkeypatch.context() as patch:
            spy = Spy(trainer.model, patch)
            trainer.train_epoch(X, Y, np.arange(21), seed)
            orders.append(spy.visits())
    assert orders[0] == orders[1] != orders[2] and orders[0] != sorted(orders[0])


def test_an_epoch_is_a_function_of_its_seed_and_of_the_weights_before(trainer: Trainer) -> None:
    ends = []
    for seed in (3, 4, 3):
        trainer.reset(1)
        loss = trainer.train_epoch(X, Y, np.arange(21), seed)
        ends.append((loss, everything(trainer)))
    assert ends[0][0] == ends[2][0] != ends[1][0]
    assert_same(ends[0][1], ends[2][1])


def test_an_epoch_is_its_steps(trainer: Trainer) -> None:
    trainer.reset(3)
    of_epoch = trainer.train_epoch(X, Y, np.arange(20), seed=5, rate_factor=0.5)
    after = everything(trainer)
    trainer.reset(3)
    order = np.random.default_rng(5).permutation(np.arange(20))
    steps = [Step(batch, 0.5, np.ones(4)) for batch in np.split(order, 5)]
    assert np.mean(list(trainer.train_steps(X, Y, steps, seed=5))) == pytest.approx(of_epoch, rel=1e-6)
    assert_same(everything(trainer), after)


def test_a_rate_factor_scales_the_learning_rate_the_model_was_compiled_with(trainer: Trainer) -> None:
    trainer.reset(1)
    rates = []
    for factor in (0.5, None, 0.25, 1.0):
        trainer.train_epoch(X, Y, np.arange(8), seed=1, rate_factor=factor)
        rates.append(float(trainer.model.optimizer.learning_rate))
    assert rates == pytest.approx([0.005, 0.005, 0.0025, 0.01])
    trainer.train_epoch(X, Y, np.arange(8), seed=1, rate_factor=0.0)
    trainer.restore_rate()
    assert float(trainer.model.optimizer.learning_rate) == pytest.approx(0.01)


def test_without_a_learning_rate_nothing_is_learnt(trainer: Trainer) -> None:
    trainer.reset(1)
    before = [values(variable) for variable in trainer.model.trainable_variables]
    trainer.train_epoch(X, Y, np.arange(8), seed=1, rate_factor=0.0)
    assert_same(before, [values(variable) for variable in trainer.model.trainable_variables])


def test_dropout_is_drawn_from_the_seed() -> None:
    """One batch of everything at learning rate 0: nothing but the dropout can differ."""
    trainer = Trainer(network(keras.optimizers.SGD(0.0)), batch_size=20, max_examples=20)
    trainer.reset(1)
    losses = [trainer.train_epoch(X, Y, np.arange(20), seed) for seed in (3, 4, 3)]
    assert losses[0] == losses[2] != losses[1]


@pytest.mark.parametrize("num_examples", [21, 18, 2])
def test_the_loss_of_an_epoch_is_the_mean_over_its_examples(num_examples: int) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mean_squared_error")
    trainer = Trainer(model, batch_size=4, max_examples=21)
    trainer.reset(1)
    indices = np.arange(30)[-num_examples:]
    losses = [trainer.train_epoch(X, Y, indices, seed) for seed in (3, 4)]
    expected = np.mean((np.asarray(model.predict_on_batch(X[indices])) - Y[indices]) ** 2)
    assert losses == pytest.approx([expected] * 2, rel=1e-6)


def test_an_incomplete_batch_makes_the_step_of_its_real_examples() -> None:
    """Trained on 2 examples of a batch of 4, and on the same 2 as a whole batch."""
    ends = []
    for batch_size, max_examples in ((4, 21), (2, 2)):
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mean_squared_error")
        trainer = Trainer(model, batch_size, max_examples)
        trainer.reset(1)
        trainer.train_epoch(X, Y, np.array([8, 17]), seed=3)
        ends.append(values(model.layers[0].kernel))
    np.testing.assert_allclose(*ends, rtol=1e-5)


def test_a_batch_is_never_larger_than_the_data() -> None:
    assert Trainer(network(keras.optimizers.Adam()), batch_size=128, max_examples=21).batch_size == 21


@pytest.mark.parametrize("num_examples", [30, 7, 1])
def test_predictions_are_those_of_keras(num_examples: int, trainer: Trainer) -> None:
    indices = np.random.default_rng(1).permutation(30)[:num_examples]
    expected = trainer.model.predict(X[indices], verbose=0)
    outputs = trainer.predict(X, indices)
    assert outputs.shape == (num_examples, 1)
    np.testing.assert_allclose(outputs, expected, rtol=1e-5, atol=1e-7)


def test_predictions_in_several_batches_come_in_order(
    trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = trainer.predict(X, np.arange(30))
    monkeypatch.setattr(trainer, "predict_size", 8)
    np.testing.assert_allclose(trainer.predict(X, np.arange(30)), expected, rtol=1e-5, atol=1e-7)


def test_a_saved_state_is_whole_and_loads_into_a_new_trainer(trainer: Trainer, tmp_path: Path) -> None:
    trainer.reset(1)
    trainer.train_epoch(X, Y, np.arange(21), seed=1)
    trainer.save_state(tmp_path / "state.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["state.npz"]
    other = Trainer(network(keras.optimizers.Adam(0.3)), batch_size=4, max_examples=21)
    other.load_state(tmp_path / "state.npz")
    assert_same(everything(other), everything(trainer))
    losses = [each.train_epoch(X, Y, np.arange(21), seed=2) for each in (trainer, other)]
    assert losses[0] == losses[1]
    assert_same(everything(other), everything(trainer))
