"""From measures to fitness: pure functions, so that an old journal can be read with new objectives."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal

from gakeras.scores import fold_loss, scored

Objective = Literal["loss", "metric", "parameters", "flops", "latency", "size"]
NO_PENALTY: Mapping[Objective, float] = MappingProxyType({})


def objectives(
    measures: Mapping[str, Any],
    names: Sequence[Objective] = ("loss",),
    penalty: Mapping[Objective, float] = NO_PENALTY,
) -> tuple[float, ...]:
    """Return the values selection looks at, each to be made small.

    Args:
        measures: Those of an evaluation.
        names: `loss`, the mean over the folds of the validation loss that counts; `metric`, the
            negated mean of the metric of the same epochs, of which more is better; `parameters`;
            `flops` of a forward pass; `latency`, the seconds one example takes on the worker;
            `size`, the bytes of the weights.
        penalty: What is added to the first objective, the loss or the metric, for each unit of another
            measure: 1e-7 a parameter makes a million parameters as bad as a loss higher by 0.1.

    >>> small = {"parameters": 1000, "folds": [{"epochs": [{"val_loss": 0.5}]}]}
    >>> objectives(small, ("loss", "parameters"), {"parameters": 1e-4})
    (0.6, 1000.0)
    """
    values = {name: measure(measures, name) for name in {*names, *penalty}}
    if names[0] in ("loss", "metric"):
        values[names[0]] += sum(weight * values[name] for name, weight in penalty.items())
    return tuple(values[name] for name in names)


def weights(names: Sequence[Objective] = ("loss",)) -> tuple[float, ...]:
    """Return one weight an objective, as DEAP has them: all are minimised."""
    return (-1.0,) * len(names)


def measure(measures: Mapping[str, Any], name: Objective) -> float:
    """Return one of the objectives by its name; a latency that was not measured is infinite."""
    match name:
        case "loss":
            return statistics.fmean(fold_losses(measures))
        case "metric":
            mean = statistics.fmean(fold_metrics(measures))
            return math.inf if math.isnan(mean) else -mean
        case "latency":
            return float(measures.get("latency_seconds", math.inf))
        case "size":
            return float(measures.get("size_bytes", 4 * measures["parameters"]))
        case _:
            return float(measures[name])


def fold_losses(measures: Mapping[str, Any]) -> list[float]:
    """Return the validation loss that counts of every fold; a missing one is infinite."""
    return [fold_loss(fold) for fold in measures["folds"]]


def fold_metrics(measures: Mapping[str, Any]) -> list[float]:
    """Return the validation metric of every fold, of the same epochs; a missing one, not finite, is NaN."""
    values = [scored(fold)["val_metric"] for fold in measures["folds"]]
    return [math.nan if value is None else float(value) for value in values]


def final_losses(measures: Mapping[str, Any]) -> list[float]:
    """Return the losses of a finalist's folds at the length of the final training; others have none."""
    return fold_losses({"folds": measures.get("final", ())})


def scores_on(part: str, measures: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return (metric, loss) of a final training on a part of the data, `test` or `train`.

    None where it was not measured there; what was not finite is NaN.
    """
    if f"{part}_metric" not in measures:
        return None
    metric, loss = (measures[f"{part}_{name}"] for name in ("metric", "loss"))
    return math.nan if metric is None else float(metric), math.nan if loss is None else float(loss)


def spread(values: list[float]) -> float:
    """Return the standard deviation over folds or repeats, 0 for one alone; NaN where any is not finite."""
    if not all(map(math.isfinite, values)):
        return math.nan
    return statistics.stdev(values) if len(values) > 1 else 0.0


def decimals(value: float) -> str:
    """Return a loss or a metric in four decimals, but where it is small in three digits.

    >>> decimals(0.0714), decimals(0.0000714)
    ('0.0714', '7.14e-05')
    """
    return f"{value:.3g}" if 0 < abs(value) < 1e-3 else f"{value:.4f}"


def spread_text(values: list[float], sign: str = "±", number: Callable[[float], str] = decimals) -> str:
    """Return the spread as it stands behind a mean; of a single value nothing is known of it.

    >>> f"loss 2.0000{spread_text([1.0, 3.0])}", f"loss 2.0000{spread_text([2.0])}"
    ('loss 2.0000 ± 1.4142', 'loss 2.0000')
    """
    return f" {sign} {number(spread(values))}" if len(values) > 1 else ""
