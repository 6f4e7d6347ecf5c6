"""Laws of fitness: derived from measures alone, and a network that diverged is the worst."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gakeras.fitness.objectives import fold_losses, fold_metrics, objectives, spread, weights


def measures_of(*folds: list[tuple[float | None, float]]) -> dict[str, Any]:
    return {
        "folds": [
            {
                "fold": number,
                "epochs": [
                    {"epoch": epoch, "loss": 9.0, "val_loss": loss, "val_metric": metric}
                    for epoch, (loss, metric) in enumerate(scores)
                ],
            }
            for number, scores in enumerate(folds)
        ]
    }


TWO_FOLDS = measures_of([(0.1, 0.9), (0.5, 0.8)], [(7.0, 0.1), (0.25, 0.6)])


def test_fitness_is_the_mean_of_the_last_validation_losses() -> None:
    assert objectives(TWO_FOLDS) == (0.375,)
    assert fold_losses(TWO_FOLDS) == [0.5, 0.25] and fold_metrics(TWO_FOLDS) == [0.8, 0.6]


def test_there_is_a_weight_for_every_objective_and_the_loss_is_minimised() -> None:
    names = ("loss", "parameters")
    values = objectives({**TWO_FOLDS, "parameters": 7}, names)
    assert len(weights(names)) == len(values) and max(weights(names)) < 0


def test_a_penalty_adds_to_the_loss_and_to_nothing_else() -> None:
    measures = {**TWO_FOLDS, "parameters": 1000, "flops": 10}
    assert objectives(measures, ("loss", "flops"), {"parameters": 1e-3}) == (1.375, 10.0)


def test_a_size_that_was_not_measured_is_that_of_the_parameters_and_a_latency_is_infinite() -> None:
    assert objectives({"parameters": 5}, ("size", "latency")) == (20.0, math.inf)


def test_a_loss_that_json_could_not_hold_counts_as_infinite() -> None:
    measures = measures_of([(0.5, 0.8)], [(0.5, 0.8), (None, 0.0)])
    assert fold_losses(measures) == [0.5, math.inf]
    assert objectives(measures) == (math.inf,)


def test_a_null_that_was_overcome_does_not_count() -> None:
    assert objectives(measures_of([(None, 0.0), (0.5, 0.8)])) == (0.5,)


def test_the_spread_is_the_standard_deviation_of_a_sample() -> None:
    assert spread([1.0, 3.0]) == pytest.approx(math.sqrt(2))
    assert spread([5.0, 5.0, 5.0]) == spread([5.0]) == spread([]) == 0
