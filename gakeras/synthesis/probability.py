"""The probability of each cluster and each synapse: equations 4 and 5 of Shafiee and Wong (2016).

    P(cluster) = exp(sum of truncated |w| / Z - 1)        (4)
    P(synapse) = exp(|w| / z - 1)                          (5)

Both are kept as logarithms, for sharpened probabilities can be too small for a number.
"""

from __future__ import annotations

import numpy as np

from gakeras.synthesis.settings import Normalization


def truncate(strengths: np.ndarray, mask: np.ndarray, deviations: float) -> np.ndarray:
    """Return the strengths with those of weak synapses set to zero, the floor brackets of equation 4.

    Args:
        strengths: Weights of a layer, signed or not; the sign does not matter.
        mask: Which of them live.
        deviations: The threshold in standard deviations of the living weights.

    >>> truncate(np.array([-3.0, 0.5, 1.0]), np.ones(3, bool), 1.0).tolist()
    [3.0, 0.0, 0.0]
    """
    magnitudes = np.abs(strengths) * mask
    threshold = deviations * float(strengths[mask].std()) if mask.any() else 0.0
    return np.where(magnitudes >= threshold, magnitudes, 0.0)


def normalizer(values: np.ndarray, how: Normalization, quantile: float = 0.95) -> float:
    """Return Z or z of a layer from the strengths of what lives in it; 1 where nothing has any."""
    if values.size == 0:
        return 1.0
    match how:
        case "max":
            chosen = float(values.max())
        case "mean":
            chosen = float(values.mean())
        case "quantile":
            chosen = float(np.quantile(values, quantile))
    return chosen if chosen > 0 else 1.0


def log_probability(
    strengths: np.ndarray,
    alive: np.ndarray,
    *,
    sharpness: float = 1.0,
    normalization: Normalization = "max",
    quantile: float = 0.95,
) -> np.ndarray:
    """Return log P = sharpness * (strength / Z - 1), at most 0, and -inf for what does not live.

    Sharpness 1 is equation 4 for the strengths of clusters, and equation 5 for those of synapses.

    >>> np.exp(log_probability(np.array([2.0, 1.0, 9.0]), np.array([True, True, False]))).round(3).tolist()
    [1.0, 0.607, 0.0]
    """
    z = normalizer(strengths[alive], normalization, quantile)
    return np.where(alive, np.minimum(0.0, sharpness * (strengths / z - 1.0)), -np.inf)


def lamp_scores(strengths: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return w_u^2 / (sum of w_v^2 over the living v of the layer with |w_v| >= |w_u|), 0 for the others.

    Layer-adaptive magnitude pruning (Lee et al. 2021, equation 1). The strongest of every layer has 1.

    >>> lamp_scores(np.array([1.0, -2.0, 3.0]), np.array([True, True, False])).tolist()
    [0.2, 1.0, 0.0]
    """
    squares = np.where(mask, strengths, 0.0).ravel().astype(np.float64) ** 2
    order = np.argsort(-squares, kind="stable")
    scores = np.empty_like(squares)
    scores[order] = squares[order] / np.maximum(np.cumsum(squares[order]), np.finfo(float).tiny)
    return scores.reshape(mask.shape)


def log_lamp(strengths: np.ndarray, alive: np.ndarray, sharpness: float = 1.0) -> np.ndarray:
    """Return sharpness * log of `lamp_scores`, and -inf for what does not live."""
    scores = np.maximum(lamp_scores(strengths, alive), np.finfo(float).tiny)
    return np.where(alive, sharpness * np.log(scores), -np.inf)
