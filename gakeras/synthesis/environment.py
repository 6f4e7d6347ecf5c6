"""The environment: factors on the probabilities, or a budget from which the factors follow.

    P(offspring) = product over clusters c of [F_c P(c) * product over synapses i in c of F_s P(i)]   (3)

"An offspring should not have more than 80 % of the synapses of its parent" (Shafiee and Wong
2016) does not say what F_c and F_s are. They are found here so that the expected number of
synapses is the wanted one, with F P clipped at 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from gakeras.errors import InputError
from gakeras.synthesis.clusters import Clusters
from gakeras.synthesis.mating import Candidates
from gakeras.synthesis.probability import log_lamp, log_probability
from gakeras.synthesis.settings import Budget, Factors, Synthesis

_TOLERANCE = 1e-7  # of log F, and so of the share of synapses


@dataclass(frozen=True, eq=False)
class Probabilities:
    """What an offspring is drawn from, by kernel: F_c P of each cluster and F_s P of each synapse in it."""

    clusters: Mapping[str, np.ndarray]
    synapses: Mapping[str, np.ndarray]

    def expected_synapses(self, clusters: Mapping[str, Clusters]) -> float:
        """Return how many synapses an offspring has on average, before dead ones are removed."""
        return sum(
            float((group.sums(self.synapses[name]) * self.clusters[name]).sum())
            for name, group in clusters.items()
        )


def impose(candidates: Candidates, clusters: Mapping[str, Clusters], settings: Synthesis) -> Probabilities:
    """Return the probabilities of clusters and synapses under the environment (equation 3).

    Exempt clusters have the probability 1 where they live, whatever F_c, and the share of a
    budget at the level of clusters is that of the others; F_s then makes the whole as large
    as it shall be. Where the candidates are fewer than that, all probabilities are 1.
    """
    cluster_logs, synapse_logs = score(candidates, clusters, settings)
    chances: dict[str, np.ndarray] = {}
    synapses: dict[str, np.ndarray] = {}
    for names, environment in _parts(clusters, settings):
        part = {name: clusters[name] for name in names}
        log_c, log_s = _log_factors(cluster_logs, synapse_logs, candidates, part, environment)
        chances |= _chances(cluster_logs, part, log_c)
        synapses |= {name: _clipped(synapse_logs[name], log_s) for name in names}
    return Probabilities(chances, synapses)


def score(
    candidates: Candidates, clusters: Mapping[str, Clusters], settings: Synthesis
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Return the logarithms of equation 4 for clusters and of equation 5 for synapses, by kernel."""
    shape = {
        "sharpness": settings.sharpness,
        "normalization": settings.normalization,
        "quantile": settings.quantile,
    }
    of_clusters = {
        name: log_probability(candidates.clusters[name], group.living(candidates.masks[name]), **shape)  # type: ignore[arg-type]
        for name, group in clusters.items()
    }
    if settings.synapse_score == "lamp":
        of_synapses = {
            name: log_lamp(candidates.synapses[name], mask, settings.sharpness)
            for name, mask in candidates.masks.items()
        }
    else:
        of_synapses = {
            name: log_probability(candidates.synapses[name], mask, **shape)  # type: ignore[arg-type]
            for name, mask in candidates.masks.items()
        }
    return of_clusters, of_synapses


def solve_factor(logs: np.ndarray, weights: np.ndarray, target: float) -> float:
    """Return log F such that the sum of weights * min(1, F P) is the target, or the nearest there is.

    Args:
        logs: Logarithms of P, -inf for what does not live.
        weights: What each counts.
        target: The wanted sum.

    >>> log_factor = solve_factor(np.log([0.5, 0.25]), np.array([10.0, 10.0]), 15.0)
    >>> round(float(np.exp(log_factor)), 6)
    2.0
    """
    lives = (logs > -np.inf) & (weights > 0)
    logs, weights = logs[lives], weights[lives]
    if not logs.size or target >= weights.sum():
        return -float(logs.min()) if logs.size else 0.0
    low, high = -50.0, -float(logs.min())  # at `high` every probability is 1
    while high - low > _TOLERANCE:
        middle = (low + high) / 2
        is_below = float(weights @ _clipped(logs, middle)) < target
        low, high = (middle, high) if is_below else (low, middle)
    return high


def _parts(
    clusters: Mapping[str, Clusters], settings: Synthesis
) -> Iterator[tuple[list[str], Budget | Factors]]:
    """Yield which kernels share an environment, and which one."""
    environment = settings.environment
    if settings.budget_per == "network" or not isinstance(environment, Budget):
        yield list(clusters), environment
        return
    layers = {name.rpartition("/")[0] for name in clusters}
    unknown = sorted(settings.exponents.keys() - layers)
    if unknown:
        raise InputError(
            "Exponents are powers of the budgets of layers that there are.",
            expected=f"among {', '.join(sorted(layers))}",
            received=", ".join(unknown),
        )
    for name in clusters:
        power = settings.exponents.get(name.rpartition("/")[0], 1.0)
        yield [name], Budget(environment.cluster_share**power, environment.synapse_share**power)


def _log_factors(
    cluster_logs: Mapping[str, np.ndarray],
    synapse_logs: Mapping[str, np.ndarray],
    candidates: Candidates,
    clusters: Mapping[str, Clusters],
    environment: Budget | Factors,
) -> tuple[float, float]:
    """Return log F_c and log F_s for some of the kernels."""
    if not isinstance(environment, Budget):
        return float(np.log(environment.cluster)), float(np.log(environment.synapse))
    names = list(clusters)
    sizes = {name: group.sums(candidates.masks[name]) for name, group in clusters.items()}
    removable = [name for name, group in clusters.items() if not group.is_exempt]
    num_removable = sum(float(sizes[name].sum()) for name in removable)
    num_parent = sum(candidates.parent_synapses[name] for name in names)
    room = num_parent / max(sum(float(size.sum()) for size in sizes.values()), 1.0)
    wanted = environment.cluster_share * num_removable * room
    log_c = solve_factor(_joined(cluster_logs, removable), _joined(sizes, removable), wanted)
    chances = _chances(cluster_logs, clusters, log_c)
    weights = {name: chances[name][group.ids] for name, group in clusters.items()}
    wanted = environment.share * num_parent
    log_s = solve_factor(_joined(synapse_logs, names), _joined(weights, names), wanted)
    return log_c, log_s


def _chances(
    logs: Mapping[str, np.ndarray], clusters: Mapping[str, Clusters], log_factor: float
) -> dict[str, np.ndarray]:
    """Return F_c P of every cluster, 1 for one that is exempt and lives."""
    return {
        name: (logs[name] > -np.inf).astype(float) if group.is_exempt else _clipped(logs[name], log_factor)
        for name, group in clusters.items()
    }


def _clipped(logs: np.ndarray, log_factor: float) -> np.ndarray:
    """Return min(1, F P)."""
    return np.exp(np.minimum(0.0, logs + log_factor))


def _joined(arrays: Mapping[str, np.ndarray], names: list[str]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *[arrays[name].ravel() for name in names]])
