"""What dead synapses carried: the constants of units without inputs, kept in the biases behind them."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import numpy as np

from gakeras.graph import Channels, Graph
from gakeras.synthesis.constants import constant_values, summed_kernel
from gakeras.synthesis.masks import Masks


def fold_removed(
    model: keras.Model,
    graph: Graph,
    channels: Channels,
    weights: Mapping[str, np.ndarray],
    before: Masks,
    after: Masks,
) -> dict[str, np.ndarray]:
    """Return weights with which the masks `after` compute what `before` would.

    A unit whose inputs are all gone yields a constant, relu(bias) for instance; `remove_dead` cuts
    it off, and what it added to every sum behind it goes into that sum's bias here. That is
    exact but for the borders of convolutions with `same` padding, which see zeros in place of
    the constant, for layers without a bias, and for batch normalisation in training.

    Args:
        model: Whose layers' functions are applied to the constants.
        graph, channels: Of the model.
        weights: Of all arrays, those of kernels with the synapses of `before`.
        before, after: Masks before and after dead synapses were removed.
    """
    living = {name: array * before[name] if name in before else array for name, array in weights.items()}
    values = constant_values(model, graph, channels, living)
    removed = {name: living[name] * ~after[name] for name in after}
    folded = {name: array * after[name] if name in after else array for name, array in living.items()}
    for step in channels.steps:
        bias = f"{step.layer}/bias"
        if step.link == "mixing" and bias in weights:
            added = np.nan_to_num(values[step.inputs[0]]) @ summed_kernel(step, removed)
            if added.shape == weights[bias].shape:
                folded[bias] = (weights[bias] + added).astype(weights[bias].dtype)
    return folded
