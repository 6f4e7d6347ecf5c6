"""Laws of random transforms: exact, at every place where they fit, and the same for the same seed."""

from __future__ import annotations

from functools import cache
from typing import get_args, get_type_hints

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import outputs_of, random_inputs, with_random_weights

from gakeras.graph import model_cost
from gakeras.growth.mutating import mutate
from gakeras.growth.settings import ACTIVATIONS, ODD_ACTIVATIONS, GrowthSettings, Mutations
from gakeras.jobs import JobFailed
from gakeras.morphism.inception import _ODD, InceptionVariant
from gakeras.morphism.optimizers import Rescaling
from gakeras.morphism.widening import WideningMethod

KINDS = ("widen", "deepen", "residual", "inception", "kernel")


def test_the_settings_offer_what_the_transforms_offer() -> None:
    hints = get_type_hints(Mutations, include_extras=True)
    assert get_args(hints["method"]) == get_args(WideningMethod)
    assert get_args(hints["variant"]) == get_args(InceptionVariant)
    assert get_args(get_type_hints(GrowthSettings)["rescaling"]) == get_args(Rescaling)


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
    drawings = [drawn(Mutations(), seed)[0][1] for seed in range(8)]
    assert drawings[:2] == [drawn(Mutations(), seed)[0][1] for seed in range(2)]
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
        JobFailed, match="No transform fits the network.*one of widen.*the last: there is no place"
    ):
        drawn(only("widen"), model=linear)
    with pytest.raises(JobFailed, match=r"the last: widen at \w+: \d+ parameters"):
        drawn(only("widen", max_parameters=10))


def test_a_grown_network_can_be_grown_again_under_names_it_does_not_have() -> None:
    for kind in ("deepen", "residual", "inception"):
        ((once, first),) = drawn(only(kind))
        ((twice, second),) = drawn(only(kind), model=once)
        assert (first["name"], second["name"]) == (f"{first['name']}", f"{first['name']}a")
        assert twice.count_params() > once.count_params()


def test_what_would_be_too_costly_is_drawn_again() -> None:
    before = model_cost(network()).flops
    factors = [model_cost(drawn(Mutations(), seed)[0][0]).flops / before for seed in range(4)]
    capped = [model_cost(drawn(Mutations(max_factor=1.5), seed)[0][0]).flops / before for seed in range(4)]
    assert max(factors) > 1.5 >= max(capped) > 1


@pytest.mark.parametrize(("share", "units"), [(0.1, 7), (0.5, 7), (1.0, 9)])
def test_a_layer_gains_an_even_number_of_units(share: float, units: int) -> None:
    for seed in range(6):
        _, transform = drawn(only("widen", widening=share), seed)[0]
        if transform["layer"] == "hidden":
            assert transform["units"] == units
            return
    raise AssertionError("no seed widens the hidden layer")


def test_the_activations_of_the_settings_are_those_of_keras() -> None:
    others = {"softmax", "log_softmax", "sparsemax", "glu", "threshold"}  # they need more than the value
    functions = {name for name in dir(keras.activations) if not name.startswith("_")}
    assert set(ACTIVATIONS) == functions - others - {"get", "serialize", "deserialize"}
    assert set(ODD_ACTIVATIONS) == _ODD
