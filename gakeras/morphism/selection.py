"""Which networks go into an ensemble, and how often: greedy selection on validation predictions."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gakeras.errors import InputError

Loss = Callable[[np.ndarray, np.ndarray], float]


def select_ensemble(
    predictions: Sequence[np.ndarray], y: np.ndarray, loss: Loss, *, size: int = 20
) -> np.ndarray:
    """Return the weights of the members of an ensemble, chosen greedily with replacement.

    Begin with nothing. `size` times, add the network with which the mean of the predictions of
    all chosen so far has the lowest loss; a network may be chosen again (Caruana et al.,
    Ensemble Selection from Libraries of Models, ICML 2004). Of equally good ones the first is
    taken. The first of the growing ensembles that has the lowest loss of all is kept, so it
    is never worse than the best network, on these examples: selection on few of them overfits,
    and another set has to judge.

    Args:
        predictions: Of each network for the same validation examples, shape (n, ...).
        y: The targets of these, as `loss` takes them.
        loss: (y, predictions) -> a number to be small, for example `cross_entropy`.
        size: How many times to choose.

    Returns:
        One share for each network, 0 for those not chosen; they sum to 1.

    Raises:
        InputError: without predictions, for shapes that differ, and where no prediction has a
            finite loss.

    >>> y = np.array([0, 1])
    >>> sure, opposite = np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([[0.4, 0.6], [0.1, 0.9]])
    >>> select_ensemble([sure, opposite, 1 - sure], y, cross_entropy, size=4).tolist()
    [0.5, 0.5, 0.0]
    """
    _check(predictions, size)
    stack = np.stack(predictions)
    total = np.zeros_like(stack[0], dtype=np.float64)
    chosen: list[int] = []
    losses: list[float] = []
    for count in range(1, size + 1):
        candidates = [_finite(loss(y, (total + one) / count)) for one in stack]
        best = int(np.argmin(candidates))
        total += stack[best]
        chosen.append(best)
        losses.append(candidates[best])
    if not np.isfinite(min(losses)):
        raise InputError(
            "An ensemble is made of networks that predict.",
            expected="at least one network with a finite loss",
            received=f"no finite loss among {len(predictions)}",
        )
    kept = chosen[: int(np.argmin(losses)) + 1]
    return np.bincount(kept, minlength=len(predictions)) / len(kept)


def cross_entropy(y: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative logarithm of what true classes were given.

    Args:
        y: Class numbers, (n,) or (n, 1).
        probabilities: (n, classes).
    """
    true = probabilities[np.arange(len(y)), y.ravel()]
    return float(-np.log(np.maximum(true, 1e-7)).mean())


def _finite(value: float) -> float:
    return float(value) if np.isfinite(value) else np.inf


def _check(predictions: Sequence[np.ndarray], size: int) -> None:
    shapes = {prediction.shape for prediction in predictions}
    if len(shapes) != 1 or size < 1:
        raise InputError(
            "An ensemble is selected by the predictions of networks for the same examples.",
            expected="predictions of one shape and size >= 1",
            received=f"{len(predictions)} predictions of the shapes {sorted(shapes)}, size={size}",
        )
