"""Offspring that learn from what the ancestor says as well as from the labels."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from gakeras.fitness.options import Distillation


class DistilledLoss(keras.losses.Loss):
    """The loss of `Distillation`, for targets as `distilled_targets` makes them.

    Args:
        distillation: Share and temperature.
        is_logits: Whether the network yields logits in place of probabilities.
    """

    def __init__(self, distillation: Distillation, is_logits: bool) -> None:
        super().__init__(name="distilled")
        self.distillation, self.is_logits = distillation, is_logits

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each example, shape (batch,)."""
        share, temperature = self.distillation.share, self.distillation.temperature
        logs = _logarithms(y_pred, self.is_logits)
        labels, answers = keras.ops.split(y_true, 2, axis=-1)
        cooled = keras.ops.log_softmax(logs / temperature, axis=-1)
        by_label = -keras.ops.sum(labels * keras.ops.log_softmax(logs, axis=-1), axis=-1)
        by_answer = -keras.ops.sum(answers * cooled, axis=-1)
        return (1 - share) * by_label + share * temperature**2 * by_answer


def distilled_targets(
    labels: np.ndarray, probabilities: np.ndarray, distillation: Distillation
) -> np.ndarray:
    """Return what `DistilledLoss` is given as targets: labels as one-hot rows beside q_T.

    Args:
        labels: (n,) class numbers.
        probabilities: (n, classes), the ancestor's.
        distillation: Its temperature is used.

    Returns:
        float32, (n, 2 classes).

    >>> targets = distilled_targets(np.array([1]), np.array([[0.2, 0.8]]), Distillation(temperature=0.5))
    >>> targets.astype(float).round(3).tolist()
    [[0.0, 1.0, 0.059, 0.941]]
    """
    cooled = np.maximum(probabilities, _SMALLEST) ** (1 / distillation.temperature)
    one_hot = np.eye(probabilities.shape[1])[labels]
    return np.hstack([one_hot, cooled / cooled.sum(axis=1, keepdims=True)]).astype(np.float32)


def _logarithms(outputs: Any, is_logits: bool) -> Any:
    """Return the logarithms of all classes' probabilities, but for a constant of each row."""
    is_single = outputs.shape[-1] == 1
    if is_logits:
        return (
            keras.ops.concatenate([keras.ops.zeros_like(outputs), outputs], axis=-1) if is_single else outputs
        )
    both = keras.ops.concatenate([1 - outputs, outputs], axis=-1) if is_single else outputs
    return keras.ops.log(keras.ops.clip(both, _SMALLEST, 1.0))


_SMALLEST = 1e-7
