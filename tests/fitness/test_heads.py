"""Laws of reading what the end of a given classifier says."""

from __future__ import annotations

import keras
import pytest
from keras import layers

from gakeras.data import Task
from gakeras.fitness.heads import read_head
from gakeras.graph import read_graph


@pytest.mark.parametrize(
    ("end", "is_logits"),
    [
        ([layers.Conv2D(4, 3, activation="softmax"), layers.Flatten()], False),
        ([layers.Conv2D(4, 3), layers.Softmax(), layers.Reshape((4,)), layers.Dropout(0.1)], False),
        ([layers.Conv2D(4, 3), layers.Flatten()], True),
    ],
    ids=["a softmax that is flattened", "a softmax that is reshaped", "logits"],
)
def test_what_only_reshapes_probabilities_leaves_them_probabilities(
    end: list[keras.Layer], is_logits: bool
) -> None:
    model = keras.Sequential([keras.Input((3, 3, 1)), *end])
    assert read_head(model, read_graph(model), Task("multiclass", 4), (3, 3, 1)).is_logits is is_logits
