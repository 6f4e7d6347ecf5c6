"""How much each training example counts: sample weights and class weights, as one array."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Literal

import numpy as np

from gakeras.data.arrays import Arrays
from gakeras.data.tasks import Task, class_labels, name_some
from gakeras.errors import InputError

ClassWeight = Literal["balanced"] | Mapping[int, float]


def example_weights(arrays: Arrays, task: Task, class_weight: ClassWeight | None = None) -> np.ndarray | None:
    """Return the weight of every training example, float32 (n,) of mean 1; None where all count the same.

    It is the example's own weight times that of its class. Only ratios matter: a hundred times the
    weights are the same weights.

    Args:
        arrays: That `check_arrays` has passed.
        task: What that returned for them.
        class_weight: By class number, or "balanced" for n / (classes * examples of the class), as
            scikit-learn has it. A class without a weight has weight 1, as in Keras.

    Raises:
        InputError: for weights of classes that are none, of regression, and where nothing counts.

    >>> table = Arrays(np.zeros((4, 1)), np.array([0, 0, 0, 1]))
    >>> example_weights(table, Task("binary", 1), "balanced").round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    own = arrays.sample_weight
    if own is None and class_weight is None:
        return None
    weights = np.ones(len(arrays.y)) if own is None else own.astype(np.float64)
    if class_weight is not None:
        weights = weights * _by_class(arrays.y, task, class_weight)
    mean = weights.mean()
    if not 0 < mean < np.inf:
        raise InputError(
            "Some example must count.",
            expected="sample weights times class weights with a positive, finite sum",
            received=f"weights with the mean {mean}",
        )
    return np.asarray(weights / mean, dtype=np.float32)


def check_sample_weight(sample_weight: np.ndarray, num_examples: int) -> None:
    """Refuse weights that are not one finite number per training example, none negative and not all zero."""
    if sample_weight.shape != (num_examples,):
        raise InputError(
            "Every training example has one weight.",
            expected=f"sample_weight of shape ({num_examples},)",
            received=f"shape {sample_weight.shape}",
        )
    if sample_weight.dtype.kind not in "biuf":
        raise InputError(
            "Weights must be numbers.",
            expected="a boolean, integer or real dtype for sample_weight",
            received=f"dtype {sample_weight.dtype}",
        )
    wrong = np.flatnonzero(~(np.isfinite(sample_weight) & (sample_weight >= 0)))
    if len(wrong):
        raise InputError(
            "Weights must be finite, and not negative.",
            expected="0 <= sample_weight < infinity",
            received=f"{sample_weight[wrong[0]]} for example {wrong[0]}",
            way_out="Leave examples out that are not to count.",
        )
    if not sample_weight.any():
        raise InputError(
            "The weights must not all be zero.",
            expected="a positive number in sample_weight",
            received=f"0 for all {num_examples} examples",
        )


def weights_at(weights: np.ndarray | None, indices: np.ndarray) -> np.ndarray | None:
    """Return the weights of some examples; None where all count the same."""
    return None if weights is None else np.asarray(weights[indices])


def weights_digest(weights: np.ndarray) -> str:
    """Return the sha256 of the weights as they are stored."""
    return hashlib.sha256(weights.astype("<f4").tobytes()).hexdigest()


def _by_class(y: np.ndarray, task: Task, class_weight: ClassWeight) -> np.ndarray:
    if not task.is_classification:
        raise InputError(
            "Only classes have class weights.",
            expected="class labels in y",
            received=f"class_weight={class_weight!r} for real-valued targets",
            way_out="Use sample_weight.",
        )
    labels = class_labels(y, task)
    counts = np.bincount(labels)
    if class_weight == "balanced":
        weights: np.ndarray = len(labels) / (len(counts) * counts)
        return np.asarray(weights[labels])
    assert not isinstance(class_weight, str), "settings are validated"
    unknown = np.setdiff1d(list(class_weight), np.arange(len(counts)))
    if len(unknown):
        raise InputError(
            "Weights are given for classes that there are.",
            expected=f"keys of class_weight among the classes 0..{len(counts) - 1}",
            received=f"class_weight for {name_some(unknown)}",
        )
    weights = np.array([class_weight.get(label, 1.0) for label in range(len(counts))])
    return np.asarray(weights[labels])
