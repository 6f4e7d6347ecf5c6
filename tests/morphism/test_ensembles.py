"""Laws of ensembles: the mean of the members, and a selection that is never worse than the best of them."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from grown_models import network_of
from keras import layers
from keras_models import outputs_of, random_inputs, with_random_weights

from gakeras.errors import InputError
from gakeras.graph import model_cost
from gakeras.morphism.deepening import deepen
from gakeras.morphism.ensembles import mean_ensemble
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.selection import cross_entropy, select_ensemble


def family() -> list[keras.Model]:
    """Return a network and two that grew from it and went on, with layers of the same names."""
    base = network_of("relu", normalise=True)
    grown = [insert_inception(base, "pool", 2, np.random.default_rng(0)), deepen(base, "pool")]
    return [base, *(with_random_weights(model, seed) for seed, model in enumerate(grown))]


@pytest.mark.parametrize("weights", [None, [0.2, 0.3, 0.5], [0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
def test_an_ensemble_says_the_mean_of_its_members(weights) -> None:
    models = family()
    ensemble = mean_ensemble(models, weights)
    inputs = random_inputs(models[0], 1)
    said = np.stack([outputs_of(model, inputs)[0] for model in models])
    expected = np.average(said, axis=0, weights=weights)
    np.testing.assert_allclose(outputs_of(ensemble, inputs)[0], expected, rtol=0, atol=1e-6)


def test_an_ensemble_costs_its_members_and_leaves_out_those_without_a_share() -> None:
    models = family()
    flops = [model_cost(model).flops for model in models]
    assert model_cost(mean_ensemble(models)).flops == sum(flops) + 2 * 3  # two outputs added to one, of 3
    assert model_cost(mean_ensemble(models, [0, 1, 0])).flops == flops[1]


def test_members_are_copies() -> None:
    models = family()
    ensemble, inputs = mean_ensemble(models), random_inputs(models[0], 1)
    before = outputs_of(ensemble, inputs)[0]
    with_random_weights(models[0], 9)
    np.testing.assert_array_equal(outputs_of(ensemble, inputs)[0], before)
    assert models[0].name not in {layer.name for layer in ensemble.layers}


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5, 0.5], r"shares of a whole.*3 numbers.*\[0.5, 0.5\]"),
        ([0.5, 0.6, -0.1], "not negative"),
        ([1, 1, 1], "sum 1"),
    ],
)
def test_weights_must_be_shares(weights, message: str) -> None:
    with pytest.raises(InputError, match=message):
        mean_ensemble(family(), weights)


def test_members_must_fit_together() -> None:
    other = keras.Sequential([keras.Input((6, 6, 2)), layers.Flatten(), layers.Dense(2)])
    with pytest.raises(InputError, match=r"2 models: .*6, 6, 2.*-> \(None, 2\)"):
        mean_ensemble([network_of("relu"), other])
    with pytest.raises(InputError, match="0 models: nothing"):
        mean_ensemble([])


def random_predictions(seed: int, networks: int = 5) -> tuple[list[np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, 60)
    scores = rng.normal(size=(networks, 60, 4)) + 1.5 * np.eye(4)[y]
    powers = np.exp(scores)
    return list(powers / powers.sum(axis=-1, keepdims=True)), y


@pytest.mark.parametrize("seed", range(5))
def test_a_selection_is_never_worse_than_the_best_network(seed: int) -> None:
    predictions, y = random_predictions(seed)
    shares = select_ensemble(predictions, y, cross_entropy)
    assert shares.shape == (5,) and shares.min() >= 0 and shares.sum() == pytest.approx(1)
    single = [cross_entropy(y, prediction) for prediction in predictions]
    together = cross_entropy(y, np.tensordot(shares, predictions, axes=1))
    assert together <= min(single) + 1e-9 and together < min(single) - 0.01  # these err apart


def test_a_selection_of_one_is_the_best_network() -> None:
    predictions, y = random_predictions(0)
    best = int(np.argmin([cross_entropy(y, prediction) for prediction in predictions]))
    assert select_ensemble(predictions, y, cross_entropy, size=1).tolist() == np.eye(5)[best].tolist()


def test_each_choice_is_the_best_one_and_may_be_repeated() -> None:
    def squared(y: np.ndarray, said: np.ndarray) -> float:
        return float(((y - said) ** 2).mean())

    predictions = [np.array([0.0]), np.array([3.0])]
    shares = select_ensemble(predictions, np.array([1.0]), squared, size=3)
    assert shares.tolist() == [2 / 3, 1 / 3]  # 0, then 3 (1.5) or 0 again (0, nearer is 1.5), then 0


def test_a_network_that_diverged_is_not_chosen() -> None:
    predictions, y = random_predictions(1, networks=3)
    predictions[0] = np.full_like(predictions[0], np.nan)
    assert select_ensemble(predictions, y, cross_entropy)[0] == 0
    with pytest.raises(InputError, match="no finite loss among 1"):
        select_ensemble(predictions[:1], y, cross_entropy)


@pytest.mark.parametrize(("count", "size"), [(0, 3), (2, 0)])
def test_a_selection_needs_something_to_choose(count: int, size: int) -> None:
    predictions, y = random_predictions(0)
    with pytest.raises(InputError, match=f"{count} predictions.*size={size}"):
        select_ensemble(predictions[:count], y, cross_entropy, size=size)


def test_predictions_must_be_of_the_same_examples() -> None:
    predictions, y = random_predictions(0)
    with pytest.raises(InputError, match="one shape"):
        select_ensemble([predictions[0], predictions[1][:-1]], y, cross_entropy)
