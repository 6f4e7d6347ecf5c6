"""Laws of the comparison: the first model is the measure of all, and everybody is timed in every round."""

from __future__ import annotations

import json

import keras
import numpy as np
import pytest

from gakeras.errors import InputError
from gakeras.exporting import compare_models
from gakeras.exporting.timing import time_side_by_side


def dense(units: int, inputs: int = 40) -> keras.Model:
    return keras.Sequential([keras.Input((inputs,)), keras.layers.Dense(units), keras.layers.Dense(1)])


@pytest.fixture(scope="module")
def x() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(12, 40))


def test_a_smaller_model_is_measured_in_ratio_to_the_first(x: np.ndarray) -> None:
    big, small = dense(200), dense(10)
    small.layers[0].kernel.assign(small.layers[0].kernel * (np.arange(10) < 5))
    compared = compare_models({"big": big, "small": small}, x, formats=["keras", "litert"], rounds=3)
    first, second = compared.models
    assert (first.parameters, second.multiply_accumulates) == (200 * 41 + 201, 410)
    assert second.nonzero_bytes < 410 * 4 * 0.7 < 8200 * 4 < first.nonzero_bytes
    assert second.size_bytes["litert"] < first.size_bytes["litert"]
    assert list(second.seconds) == ["keras, batch 1", "keras, batch 256", "litert, batch 1"]
    assert all(timing.low <= timing.median <= timing.high for timing in second.seconds.values())
    assert set(first.speedups.values()) == {1.0}
    assert max(second.max_differences.values()) < 1e-5
    assert json.loads(json.dumps(compared.to_json()))["models"][1]["name"] == "small"
    table = str(compared).splitlines()
    assert table[0].split() == ["big", "small"] and table[1].split() == [
        "parameters",
        "8,401",
        "421",
        "(20.0x)",
    ]


def test_under_any_backend_there_is_keras(x: np.ndarray) -> None:
    compared = compare_models({"only": dense(3)}, x, formats=["keras"], batch_sizes=[2], rounds=1)
    assert list(compared.models[0].seconds) == ["keras, batch 2"]


@pytest.mark.parametrize(
    "models", [{}, {"a": dense(3), "b": dense(3, inputs=5)}], ids=["none", "other inputs"]
)
def test_models_without_a_common_input_are_refused(models: dict[str, keras.Model], x: np.ndarray) -> None:
    with pytest.raises(InputError, match="the same examples"):
        compare_models(models, x)


def test_everybody_has_a_turn_in_every_round() -> None:
    turns: list[str] = []
    calls = {name: (lambda name=name: turns.append(name)) for name in ("a", "b")}
    seconds = time_side_by_side(calls, rounds=4, seconds_each=1e-9)
    assert turns[-8:] == ["a", "b"] * 4
    assert seconds["a"].shape == (4,) and (seconds["a"] > 0).all()
