"""Laws of fitness: derived from measures alone, and a network that diverged is the worst."""

from __future__ import annotations

import math
from typing import Any

import pytest

from gakeras.fitness.objectives import WEIGHTS, fold_losses, fold_metrics, objectives, spread


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
    assert len(WEIGHTS) == len(objectives(TWO_FOLDS)) and WEIGHTS[0] < 0


def test_a_loss_that_json_could_not_hold_counts_as_infinite() -> None:
    measures = measures_of([(0.5, 0.8)], [(0.5, 0.8), (None, 0.0)])
    assert fold_losses(measures) == [0.5, math.inf]
    assert objectives(measures) == (math.inf,)


def test_a_null_that_was_overcome_does_not_count() -> None:
    assert objectives(measures_of([(None, 0.0), (0.5, 0.8)])) == (0.5,)


def test_the_spread_is_the_standard_deviation_of_a_sample() -> None:
    assert spread([1.0, 3.0]) == pytest.approx(math.sqrt(2))
    assert spread([5.0, 5.0, 5.0]) == spread([5.0]) == spread([]) == 0
