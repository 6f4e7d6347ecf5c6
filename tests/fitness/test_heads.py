"""Laws of reading what the end of a given classifier says."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import pytest
from keras import layers

from gakeras.data import Task
from gakeras.errors import InputError
from gakeras.fitness.heads import Head, last_activation, read_head
from gakeras.graph import read_graph
from gakeras.morphism.ensembles import mean_ensemble


@pytest.mark.parametrize(
    ("end", "is_logits"),
    [
        ([layers.Conv2D(4, 3, activation="softmax"), layers.Flatten()], False),
        ([layers.Conv2D(4, 3), layers.Softmax(), layers.Reshape((4,)), layers.Dropout(0.1)], False),
        ([layers.Conv2D(4, 2, activation="softmax"), layers.GlobalAveragePooling2D()], False),
        ([layers.Flatten(), layers.Dense(4, "softmax"), layers.Activation("linear")], False),
        ([layers.Conv2D(4, 3), layers.Flatten()], True),
        ([layers.Conv2D(4, 2, activation="relu"), layers.GlobalAveragePooling2D()], True),
    ],
    ids=["a softmax that is flattened", "reshaped", "averaged", "cast", "logits", "averaged logits"],
)
def test_what_only_reshapes_probabilities_leaves_them_probabilities(
    end: list[keras.Layer], is_logits: bool
) -> None:
    model = keras.Sequential([keras.Input((3, 3, 1)), *end])
    assert read_head(model, read_graph(model), Task("multiclass", 4), (3, 3, 1)).is_logits is is_logits


def head_of(model: keras.Model, task: Task) -> Head:
    return read_head(model, read_graph(model), task, (3,))


@pytest.mark.parametrize("shares", [None, [0.2, 0.8], [0.1] * 10], ids=["equal", "unequal", "ten"])
@pytest.mark.parametrize(("units", "activation"), [(4, "softmax"), (1, "sigmoid")])
def test_what_an_ensemble_says_are_the_probabilities_that_its_members_say(
    units: int, activation: str, shares: list[float] | None, tmp_path: Path
) -> None:
    members = [keras.Sequential([keras.Input((3,)), layers.Dense(units, activation)]) for _ in shares or "ab"]
    mean_ensemble(members, shares).save(tmp_path / "ensemble.keras")
    model = keras.saving.load_model(tmp_path / "ensemble.keras")
    task = Task("binary", 1) if units == 1 else Task("multiclass", units)
    assert head_of(model, task) == Head(task, is_logits=False)
    assert last_activation(read_graph(model)) == activation
    of_ensembles = mean_ensemble([model, mean_ensemble(members[:1])], [0.7, 0.3])
    assert not head_of(of_ensembles, task).is_logits


def merged(merge: keras.Layer, activations: Sequence[Any], scales: Sequence[float] = ()) -> keras.Model:
    inputs = keras.Input((3,))
    ends = [layers.Dense(4, activation)(inputs) for activation in activations]
    scaled = (
        [layers.Rescaling(scale)(end) for scale, end in zip(scales, ends, strict=True)] if scales else ends
    )
    return keras.Model(inputs, merge(scaled))


@pytest.mark.parametrize(
    ("merge", "activations", "scales", "received"),
    [
        (layers.Add(), ["softmax"] * 2, (), "Add of softmax"),
        (layers.Add(), ["softmax"] * 2, (1.5, -0.5), "Add of softmax"),
        (layers.Add(), ["softmax"] * 2, ([0.5] * 4, 0.5), "Add of softmax"),
        (layers.Average(), ["softmax"] * 2, (1, 2), "Average of softmax"),
        (layers.Average(), ["sigmoid", "softmax"], (), "Average of softmax and sigmoid"),
        (layers.Multiply(), ["softmax"] * 2, (), "Multiply of softmax"),
        (layers.Maximum(), ["sigmoid"] * 2, (), "Maximum of sigmoid"),
    ],
    ids=["sum", "difference", "by class", "no shares", "two kinds", "product", "maximum"],
)
def test_probabilities_that_are_put_together_to_something_else_are_refused(
    merge: keras.Layer, activations: list[str], scales: tuple[Any, ...], received: str
) -> None:
    with pytest.raises(InputError, match=f"must be averaged.*Received: {received}"):
        head_of(merged(merge, activations, scales), Task("multiclass", 4))


@pytest.mark.parametrize(
    ("merge", "activations"),
    [
        (layers.Add(), [None, None]),
        (layers.Multiply(), [None, "sigmoid"]),
        (layers.Average(), [None, "relu"]),
    ],
    ids=["added", "gated", "averaged"],
)
def test_logits_that_are_put_together_are_logits(merge: keras.Layer, activations: list[str | None]) -> None:
    assert head_of(merged(merge, activations), Task("multiclass", 4)).is_logits
