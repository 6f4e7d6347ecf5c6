"""Laws of a model that is made anew from its configuration and its weights."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers
from keras_models import outputs_of

from gakeras.graph.rebuilding import read_weights, rebuild


def test_an_adapted_normalization_still_normalises() -> None:
    x = np.random.default_rng(0).normal(50.0, 9.0, (40, 3)).astype("float32")
    normalization = layers.Normalization(name="scale")
    normalization.adapt(x)
    inner = keras.Sequential([keras.Input((3,)), normalization], name="inner")
    model = keras.Sequential([keras.Input((3,)), inner, layers.Dense(2)])
    new = rebuild(model, {}, read_weights(model))
    np.testing.assert_allclose(outputs_of(new, [x])[0], outputs_of(model, [x])[0], atol=1e-5)
