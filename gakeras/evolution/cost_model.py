"""What an evaluation will cost, in CPU-seconds, from the size of the network alone.

An epoch's time is taken to be linear in the multiply-accumulates, in the numbers that the
layers put out, and in the parameters, with no coefficient below zero: least squares under that
condition (Lawson and Hanson 1974), of relative errors, for networks differ a hundredfold.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gakeras.encoding import Genome, genome_cost, num_activations
from gakeras.encoding.blocks import Shape
from gakeras.evolution.pieces import Timing
from gakeras.evolution.state import SearchState

RECENT = 300
"""So many timings tell what the next epoch takes."""

ENOUGH = 10
"""From so many timings of the search itself on, those of the calibration are left out."""


@dataclass(frozen=True)
class CostModel:
    """CPU-seconds of an epoch of one fold: a multiply-accumulate, an activation, a parameter, and the rest.

    `tracing` are the CPU-seconds that a job takes before its first epoch.
    """

    per_mac: float
    per_activation: float
    per_parameter: float
    fixed: float
    tracing: float

    def epoch_seconds(self, macs: float, activations: float, parameters: float) -> float:
        """Return the predicted CPU-seconds of one epoch of one fold."""
        return (
            self.per_mac * macs
            + self.per_activation * activations
            + self.per_parameter * parameters
            + self.fixed
        )


def fit_cost_model(timings: Sequence[Timing]) -> CostModel | None:
    """Return the model that fits the timings best; None of fewer than three.

    >>> model = fit_cost_model([Timing(n * 1e6, 1e4 * n**2, 1e4, 0.2 * n + 0.1, 1.5) for n in (1, 2, 5, 9)])
    >>> round(model.epoch_seconds(4e6, 16e4, 1e4), 3), model.tracing
    (0.9, 1.5)
    """
    from scipy.optimize import nnls  # takes its time to import

    recent = [timing for timing in timings[-RECENT:] if timing.epoch_seconds > 0]
    if len(recent) < 3:
        return None
    sizes = np.array([(t.macs, t.activations, t.parameters, 1.0) for t in recent])  # (timings, 4)
    seconds = np.array([timing.epoch_seconds for timing in recent])
    scales = np.maximum(sizes.max(axis=0), 1e-12)
    coefficients, _ = nnls(sizes / scales / seconds[:, None], np.ones(len(recent)))
    traced = [timing.tracing_seconds for timing in recent if timing.tracing_seconds is not None]
    tracing = statistics.median(traced) if traced else 0.0
    per_mac, per_activation, per_parameter, fixed = (float(value) for value in coefficients / scales)
    return CostModel(per_mac, per_activation, per_parameter, fixed, tracing)


@dataclass(frozen=True)
class Pricing:
    """Predicts what a candidate costs on so many folds, from what those before it have taken.

    `calibration` are timings of a few networks from before the search, so that there is a
    prediction from the first proposal on. With `follows_best` what takes no longer than the best
    network of the population is never too dear: predictions change, and its neighbours stay within reach.
    """

    input_shape: Shape
    outputs: int
    num_folds: int
    epochs: int
    calibration: Sequence[Timing] = ()
    follows_best: bool = False

    def evaluation_seconds(self, genome: Genome, state: SearchState) -> float | None:
        """Return the predicted CPU-seconds of these folds, all epochs; None where nothing is known yet."""
        model = self._model(state)
        return None if model is None else self._seconds(genome, model)

    def objection(self, genome: Genome, state: SearchState, limit: float) -> str | None:
        """Return why a genome is too dear, or None."""
        model = self._model(state)
        if model is None:
            return None
        if self.follows_best and state.population:
            best = min(state.population, key=lambda each: each.fitness.values[0])
            limit = max(limit, self._seconds(best.genome, model))
        predicted = self._seconds(genome, model)
        if predicted <= limit:
            return None
        return f"{predicted:.3g} predicted CPU-seconds are more than the cap of {limit:g}"

    def _model(self, state: SearchState) -> CostModel | None:
        first = self.calibration if len(state.timings) < ENOUGH else ()
        return fit_cost_model([*first, *state.timings])

    def _seconds(self, genome: Genome, model: CostModel) -> float:
        cost = genome_cost(genome, self.input_shape, self.outputs)
        activations = num_activations(genome, self.input_shape, self.outputs)
        an_epoch = model.epoch_seconds(cost.flops / 2, activations, cost.parameters)
        return self.num_folds * self.epochs * an_epoch + model.tracing
