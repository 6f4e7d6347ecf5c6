"""Laws of random transforms: exact, at every place where they fit, and the same for the same seed."""

from __future__ import annotations

from functools import cache

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import outputs_of, random_inputs, with_random_weights

from gakeras.growth.mutating import mutate
from gakeras.growth.settings import Mutations
from gakeras.jobs import JobFailed

KINDS = ("widen", "deepen", "residual", "inception", "kernel")


def only(kind: str, **changes: object) -> Mutations:
    return Mutations(**{name: float(name == kind) for name in KINDS} | changes)  # type: ignore[arg-type]


@cache
def network() -> keras.Model:
    stack = [keras.Input((6, 6, 1)), layers.Rescaling(0.5, name="rescale")]
    stack += [
        layers.Conv2D(4, 3, padding="same", activation="relu", name="conv_1"),
        layers.MaxPooling2D(name="pool_1"),
    ]
    stack += [layers.Dropout(0.3, name="drop"), layers.Flatten(name="flatten")]
    stack += [layers.Dense(5, "relu", name="hidden"), layers.Dense(3, "softmax", name="out")]
    return with_random_weights(keras.Sequential(stack), 3)


def drawn(drawing: Mutations, seed: int = 0, model: keras.Model | None = None):
    return list(mutate(model or network(), drawing, np.random.default_rng(seed), number=7))


def apart(model: keras.Model) -> float:
    inputs = random_inputs(network(), 0)
    return max(
        np.abs(a - b).max()
        for a, b in zip(outputs_of(network(), inputs), outputs_of(model, inputs), strict=True)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_mutation_makes_the_network_larger_and_changes_no_output(kind: str) -> None:
    ((model, transform),) = drawn(only(kind))
    assert transform["kind"] == kind and transform["layer"] not in ("rescale", "drop", "flatten", "out")
    assert model.count_params() > network().count_params() and apart(model) <= 1e-5


def test_the_same_seed_draws_the_same_and_weights_are_heeded() -> None:
    seeds = range(12)
    drawings = [drawn(Mutations(), seed)[0][1] for seed in seeds]
    assert drawings == [drawn(Mutations(), seed)[0][1] for seed in seeds]
    assert {transform["kind"] for transform in drawings} == {"widen", "deepen", "inception"}


def test_several_mutations_come_one_after_the_other_under_names_of_their_own() -> None:
    steps = drawn(only("residual", per_child=3))
    assert [transform["name"] for _, transform in steps] == ["residual_7", "residual_7_2", "residual_7_3"]
    assert apart(steps[-1][0]) <= 1e-5


def test_a_kind_that_fits_nowhere_gives_way_to_another() -> None:
    table = keras.Sequential(
        [keras.Input((4,)), layers.Dense(3, "tanh", name="hidden"), layers.Dense(2, "softmax")]
    )
    for seed in range(4):
        ((_, transform),) = drawn(Mutations(widen=0, deepen=9, residual=0.1, inception=9), seed, table)
        assert transform["kind"] == "residual"  # relu is no identity behind tanh, and there is no image


def test_where_nothing_fits_the_reason_is_told() -> None:
    linear = keras.Sequential([keras.Input((4,)), layers.Dense(2, "softmax")])
    with pytest.raises(
        JobFailed, match="no transform of widen fits the network; the last: there is no place"
    ):
        drawn(only("widen"), model=linear)
    with pytest.raises(JobFailed, match=r"the last: widen at \w+: \d+ parameters"):
        drawn(only("widen", max_parameters=10))


@pytest.mark.parametrize(("share", "units"), [(0.1, 7), (0.5, 7), (1.0, 9)])
def test_a_layer_gains_an_even_number_of_units(share: float, units: int) -> None:
    for seed in range(6):
        _, transform = drawn(only("widen", widening=share), seed)[0]
        if transform["layer"] == "hidden":
            assert transform["units"] == units
            return
    raise AssertionError("no seed widens the hidden layer")
