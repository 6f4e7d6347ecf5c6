"""Laws of carried optimizers: what was remembered stays at its place, what is new counts as average."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from grown_models import network_of, small_task
from keras import layers

from gakeras.errors import InputError
from gakeras.morphism.deepening import deepen, insert_residual
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.kernels import grow_kernel
from gakeras.morphism.optimizers import carry_optimizer
from gakeras.morphism.widening import widen

LOSS = "sparse_categorical_crossentropy"
OPTIMIZERS = {
    "adam": lambda: keras.optimizers.Adam(0.003),
    "amsgrad": lambda: keras.optimizers.AdamW(0.003, amsgrad=True),
    "rmsprop": lambda: keras.optimizers.RMSprop(0.003, momentum=0.9, centered=True),
    "sgd": lambda: keras.optimizers.SGD(0.01, momentum=0.9),
    "plain sgd": lambda: keras.optimizers.SGD(0.01),
}
SECOND = ("velocity", "velocity_hat")


def numbers(variable) -> np.ndarray:
    return keras.ops.convert_to_numpy(variable)


def trained(optimizer: str = "adam", **settings) -> keras.Model:
    model = network_of("relu", **settings)
    model.compile(OPTIMIZERS[optimizer](), LOSS)
    x, y = small_task(96)
    model.fit(x, y, batch_size=32, epochs=2, verbose=0)
    return model


def remembered(model: keras.Model, optimizer) -> dict[tuple[str, str], np.ndarray]:
    """Return what an optimizer has of each array, told apart by order: an oracle without any names."""
    slots = [numbers(variable) for variable in optimizer.variables[2:]]
    kinds = len(slots) // len(model.trainable_variables)
    names = [variable.name.rpartition("_")[2] for variable in optimizer.variables[2:]]
    found = {}
    for index, variable in enumerate(model.trainable_variables):
        layer = variable.path.split("/")[-2]
        for kind in range(kinds):
            at = kind * len(model.trainable_variables) + index
            if names[0] != names[min(1, len(names) - 1)]:  # kept array by array, not kind by kind
                at = index * kinds + kind
            found[f"{layer}/{variable.name}", optimizer.variables[2 + at].name.rsplit("_", 1)[1]] = slots[at]
    return found


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_a_wider_layer_keeps_what_was_remembered_and_new_entries_are_average(optimizer: str) -> None:
    parent = trained(optimizer, normalise=True)
    child = widen(parent, "conv_2", 7, np.random.default_rng(0))
    carried = carry_optimizer(parent, child)
    old, new = remembered(parent, parent.optimizer), remembered(child, carried)
    assert old.keys() == new.keys() and len(old) >= 8
    for (array, what), before in old.items():
        after = new[array, what]
        if after.shape == before.shape:
            np.testing.assert_array_equal(after, before)
            continue
        if array == "hidden/kernel":  # nine places of three channels, now of seven
            before, after = before.reshape(9, 3, 5), after.reshape(9, 7, 5)
            kept, fresh = after[:, :3], after[:, 3:]
        else:
            kept, fresh = after[..., :3], after[..., 3:]
        np.testing.assert_array_equal(kept, before)
        expected = before.mean() if what in SECOND else 0
        np.testing.assert_allclose(fresh, expected, rtol=1e-5)
        assert np.abs(before).max() > 0


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_transform_carries_every_optimizer_and_goes_on_training(optimizer: str) -> None:
    model, rng = trained(optimizer), np.random.default_rng(0)
    x, y = small_task(96)
    grow = [
        lambda m: widen(m, "conv_1", 8, rng),
        lambda m: insert_inception(m, "pool", 2, rng),
        lambda m: insert_inception(m, "inception_1_add", 2, rng, normalise=True),
        lambda m: widen(m, "inception_1/conv_3", 6, rng),
        lambda m: grow_kernel(m, "conv_1", 5),
        lambda m: insert_residual(m, "hidden", 4, rng),
        lambda m: deepen(m, "pool"),
    ]
    for step in grow if optimizer == "adam" else grow[:2]:
        child = step(model)
        carried = carry_optimizer(model, child)
        assert int(carried.iterations) == int(model.optimizer.iterations) > 0
        child.compile(carried, LOSS)
        model = child
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, batch_size=32, epochs=1, verbose=0)
    assert model.optimizer is carried and np.isfinite(model.evaluate(x, y, verbose=0))
    assert int(carried.iterations) == 9 and model.evaluate(x, y, verbose=0) != before


def test_a_new_layer_has_no_momentum_and_the_average_second_moment() -> None:
    parent = trained()
    child = deepen(parent, "pool")
    old = remembered(parent, parent.optimizer)
    new = remembered(child, carry_optimizer(parent, child))
    assert not new["deeper_1/kernel", "momentum"].any()
    seconds = np.concatenate([value.ravel() for (_, what), value in old.items() if what == "velocity"])
    np.testing.assert_allclose(new["deeper_1/kernel", "velocity"], seconds.mean(), rtol=1e-5)
    for slot, value in old.items():
        np.testing.assert_array_equal(new[slot], value)


def test_a_larger_kernel_has_the_old_moments_in_its_middle() -> None:
    parent = trained()
    child = grow_kernel(parent, "conv_1", 5)
    old = remembered(parent, parent.optimizer)["conv_1/kernel", "velocity"]
    new = remembered(child, carry_optimizer(parent, child))["conv_1/kernel", "velocity"]
    np.testing.assert_array_equal(new[1:4, 1:4], old)
    np.testing.assert_allclose(new[0], old.mean(), rtol=1e-5)


def test_modules_with_layers_of_one_name_do_not_mix_up_what_is_remembered() -> None:
    rng = np.random.default_rng(0)
    parent = insert_inception(insert_inception(network_of("relu"), "pool", 2, rng), "pool", 2, rng)
    parent.compile("adam", LOSS)
    parent.fit(*small_task(32), verbose=0)
    child = grow_kernel(parent, "inception_2/conv_3", 5)
    carried = carry_optimizer(parent, child)
    for index, variable in enumerate(parent.optimizer.variables[2:]):
        before, after = numbers(variable), numbers(carried.variables[2 + index])
        np.testing.assert_array_equal(after[1:4, 1:4] if after.shape != before.shape else after, before)


def test_a_child_that_is_a_copy_takes_the_very_next_step_of_its_parent() -> None:
    parent = trained(normalise=True)
    twin = keras.models.clone_model(parent)
    twin.set_weights(parent.get_weights())
    twin.compile(carry_optimizer(parent, twin), LOSS)
    x, y = small_task(32)
    for model in (parent, twin):
        model.train_on_batch(x, y)
    for one, other in zip(parent.get_weights(), twin.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=0, atol=1e-7)


def test_the_learning_rate_is_rescaled_by_size_or_by_norm() -> None:
    parent = trained()
    child = widen(parent, "hidden", 9, np.random.default_rng(0))
    rates = {
        kind: float(carry_optimizer(parent, child, rescaling=kind).learning_rate)
        for kind in ("none", "parameters", "norm")
    }
    norms = [
        np.sqrt(sum(float((numbers(w) ** 2).sum()) for w in model.trainable_variables))
        for model in (parent, child)
    ]
    assert rates["none"] == pytest.approx(0.003)
    assert rates["parameters"] == pytest.approx(0.003 * parent.count_params() / child.count_params())
    assert rates["norm"] == pytest.approx(0.003 * norms[0] / norms[1], rel=1e-4)
    assert rates["norm"] < 0.003 > rates["parameters"]


@pytest.mark.parametrize("given", [None, "nadam", "adam"], ids=["not compiled", "unknown", "not built"])
def test_an_optimizer_that_is_not_known_is_refused(given: str | None) -> None:
    parent = network_of("relu")
    if given:
        parent.compile(given, LOSS)
    if given == "nadam":
        parent.optimizer.build(parent.trainable_variables)
    with pytest.raises(InputError, match="every part of it is known.*Adam.*new optimizer"):
        carry_optimizer(parent, deepen(parent, "pool"))


def test_a_schedule_is_carried_and_not_rescaled() -> None:
    parent = network_of("relu")
    schedule = keras.optimizers.schedules.CosineDecay(0.1, 10)
    parent.compile(keras.optimizers.SGD(schedule), LOSS)
    parent.fit(*small_task(32), verbose=0)
    child = deepen(parent, "pool")
    assert float(carry_optimizer(parent, child).learning_rate) == pytest.approx(float(schedule(1)))
    with pytest.raises(InputError, match='is a number.*rescaling="none"'):
        carry_optimizer(parent, child, rescaling="norm")


def test_a_child_more_than_one_step_away_is_refused() -> None:
    stack = [keras.Input((4,)), layers.Dense(4, "relu", name="hidden"), layers.Dense(3, name="out")]
    parent = keras.Sequential(stack)
    parent.compile("adam", "mse")
    parent.fit(np.ones((4, 4)), np.ones((4, 3)), verbose=0)
    child = widen(deepen(parent, "hidden"), "deeper_1", 8, np.random.default_rng(0))
    with pytest.raises(InputError, match="one step after the other.*out/kernel.*every single step"):
        carry_optimizer(parent, child)
