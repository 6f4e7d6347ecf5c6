"""Laws of reading: a model inside a model is dissolved, wherever it stands."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import outputs_of, random_inputs, with_random_weights

from gakeras.graph import read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, rebuild


def module(kind: str, name: str = "inner") -> keras.Model:
    if kind == "sequential":
        return keras.Sequential([keras.Input((3,)), layers.Dense(2, name="last")], name=name)
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Dense(2, name="last")(inputs), name=name)


def ending_in(kind: str, wiring: str) -> keras.Model:
    """A model whose output is directly that of a model in it."""
    inner = module(kind)
    if wiring == "chain":
        return keras.Sequential([keras.Input((4,)), layers.Dense(3, name="first"), inner])
    inputs = keras.Input((4,))
    outputs = inner(layers.Dense(3, name="first")(inputs))
    if wiring == "deep":  # a model in a model in a model
        between = keras.Model(inputs, outputs, name="between")
        return keras.Model(begin := keras.Input((4,)), between(begin))
    return keras.Model(inputs, outputs)


@pytest.mark.parametrize("wiring", ["plain", "chain", "deep"])
@pytest.mark.parametrize("kind", ["functional", "sequential"])
def test_a_model_may_end_in_a_model(kind: str, wiring: str, tmp_path: Path) -> None:
    model = with_random_weights(ending_in(kind, wiring), 1)
    model.save(tmp_path / "model.keras")
    ways = [
        model,
        keras.saving.load_model(tmp_path / "model.keras"),
        rebuild(model, {}, read_weights(model)),
    ]
    inputs = random_inputs(model, 1)
    last = "between/inner/last" if wiring == "deep" else "inner/last"
    for twin in ways:
        graph = read_graph(twin)
        assert graph.outputs == (last,)
        assert trace_channels(graph).pinned[trace_channels(graph).units[last]].all()
        np.testing.assert_allclose(*[outputs_of(m, inputs)[0] for m in (model, twin)], atol=1e-6)


def test_several_outputs_may_be_models_and_layers() -> None:
    inputs = keras.Input((3,))
    ends = [module("functional", "one")(inputs), layers.Dense(2, name="two")(inputs)]
    assert read_graph(keras.Model(inputs, ends)).outputs == ("one/last", "two")
