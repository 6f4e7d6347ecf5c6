"""Laws of stopping in the worker: what has not learnt, and what costs far too much."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_jobs import CONV, DENSE, arrays_of, payload_of, store

from gakeras.data import Task
from gakeras.fitness.calibration import calibrate
from gakeras.fitness.stopping import TRACING_SECONDS, chance_loss, stop_rule
from gakeras.workers.child import answer

LABELS = np.arange(30) % 3
MULTICLASS = Task("multiclass", 3)
DEAD = {"dead": {"after": 2, "share": 0.955}}


def epochs(*losses: float, cpu_seconds: float = 1.0) -> list[dict[str, float]]:
    return [{"epoch": n, "loss": loss, "cpu_seconds": cpu_seconds} for n, loss in enumerate(losses)]


@pytest.mark.parametrize(
    ("task", "targets", "expected"),
    [
        (MULTICLASS, LABELS, math.log(3)),
        (Task("one_hot", 3), np.eye(3)[LABELS], math.log(3)),
        (Task("binary", 1), np.array([0, 0, 0, 1]), -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))),
        (Task("regression", 2), np.array([[0.0, 10.0], [2.0, 10.0]]), 0.5),
    ],
    ids=["classes", "one-hot", "unequal classes", "regression"],
)
def test_chance_is_the_loss_of_the_best_constant_guess(
    task: Task, targets: np.ndarray, expected: float
) -> None:
    assert chance_loss(task, targets) == pytest.approx(expected)


def test_a_network_that_has_not_learnt_after_so_many_epochs_is_stopped_and_no_other() -> None:
    rule = stop_rule(DEAD, 0, MULTICLASS, LABELS)
    assert rule(epochs(1.2)) is None and "dead" in str(rule(epochs(1.2, 1.09)))
    assert rule(epochs(1.2, 1.0)) is None and rule(epochs(1.2, 1.0, 1.2)) is None


@pytest.mark.parametrize(("best", "is_stopped"), [(1.0, True), (1.09, False)])
def test_nothing_is_dead_where_nobody_has_learnt_more_in_so_few_epochs(best: float, is_stopped: bool) -> None:
    rule = stop_rule({"dead": DEAD["dead"] | {"best": best}}, 0, MULTICLASS, LABELS)
    assert bool(rule(epochs(1.2, 1.09))) is is_stopped


def test_only_the_first_fold_tells_who_is_dead_and_only_where_it_is_asked_for() -> None:
    assert stop_rule(DEAD, 1, MULTICLASS, LABELS)(epochs(1.2, 1.2)) is None
    assert stop_rule({}, 0, MULTICLASS, LABELS)(epochs(1.2, 1.2)) is None


def test_an_epoch_that_takes_too_long_is_the_last_but_tracing_is_forgiven() -> None:
    rule = stop_rule({"max_epoch_seconds": 2.0}, 0, MULTICLASS, LABELS)
    assert rule(epochs(1.0, cpu_seconds=2.0 + TRACING_SECONDS)) is None
    assert "dear" in str(rule(epochs(1.0, cpu_seconds=2.1 + TRACING_SECONDS)))
    assert "dear" in str(rule(epochs(1.0, 1.0, cpu_seconds=2.1)))
    assert rule(epochs(1.0, 1.0, cpu_seconds=1.9)) is None


def test_a_job_that_is_stopped_is_no_failure_and_keeps_its_measures(tmp_path) -> None:
    payload = payload_of(DENSE, store(arrays_of("table"), tmp_path), to_epoch=2, folds=[0, 1])
    result = answer({"kind": "evaluate", "payload": payload | {"dead": {"after": 1, "share": 1e-6}}}, KINDS)
    assert result["status"] == "stopped" and "dead" in result["reason"]
    assert [len(fold["epochs"]) for fold in result["measures"]["folds"]] == [1]


KINDS = {"evaluate": "gakeras.fitness.evaluation:evaluate"}


def test_a_calibration_times_three_networks_of_different_sizes(tmp_path) -> None:
    payload = payload_of(CONV, store(arrays_of("images"), tmp_path)) | {"num_folds": 3, "num_examples": 20}
    timings = calibrate(payload)["measures"]["timings"]
    assert len({timing["parameters"] for timing in timings}) == 3
    assert all(timing["epoch_seconds"] > 0 and timing["tracing_seconds"] >= 0 for timing in timings)
