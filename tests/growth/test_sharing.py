"""Laws of members that share layers: what one learns the others have, and everybody is saved whole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

import gakeras
from gakeras.graph.rebuilding import read_weights
from gakeras.growth import Growth
from gakeras.growth.population import Population, Trained, Training
from gakeras.growth.sharing import shared
from gakeras.growth.work import JointTrainings, joint_job
from gakeras.jobs import JobResult


def stack(*last: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input((2,)), layers.Dense(3, name="first"), *last])


def test_training_one_moves_the_other_but_for_what_is_its_own() -> None:
    one, other = shared([stack(layers.Dense(1, name="a")), stack(layers.Dense(1, name="b"))])
    before = read_weights(other)
    one.compile("sgd", "mse")
    one.train_on_batch(np.ones((4, 2)), np.full((4, 1), 9.0))
    after = read_weights(other)
    assert not np.allclose(before["first/kernel"], after["first/kernel"])
    np.testing.assert_array_equal(before["b/kernel"], after["b/kernel"])


@pytest.fixture(scope="module")
def growth(tmp_path_factory: pytest.TempPathFactory) -> Growth:
    """A small growth with shared layers and a last leg."""
    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    return gakeras.grow(
        x, (x[:, 0] > x[:, 1]).astype(int), start="dense #4 activation=relu", sharing="joint",
        mutations={"widen": 0, "deepen": 0, "inception": 0, "residual": 1}, initial_steps=4, steps=10,
        population_size=3, num_survivors=2, iterations=2, last_steps=4, batch_size=8, executor="debug",
        run_dir=tmp_path_factory.mktemp("joint") / "run", progress=False, validation_share=0.2,
    )  # fmt: skip


def test_after_every_iteration_all_have_the_same_in_common_and_their_own_beside_it(growth: Growth) -> None:
    for iteration in (1, 2):
        numbers = [row.number for row in growth.history if (row.iteration, row.role) != (iteration, "last")]
        numbers = [n for n in numbers if growth.history[n].iteration == iteration]
        weights = [read_weights(growth.model(number)) for number in numbers]
        for one in weights[1:]:
            common = weights[0].keys() & one.keys()
            assert {"dense_1/kernel", "output/kernel"} <= common
            assert all(np.array_equal(weights[0][key], one[key]) for key in common)
        assert len({frozenset(one) for one in weights}) > 1


def test_all_steps_of_an_iteration_are_charged_to_those_who_took_them(growth: Growth) -> None:
    first = [row for row in growth.history if row.iteration == 1]
    taken = [row.training_flops // (3 * row.flops * 8) for row in first]
    assert sum(taken) == 3 * 10 and len(set(taken)) > 1
    steps = [int(growth.model(row.number).optimizer.iterations) for row in first]
    assert steps == [4 + count for count in taken]


def test_the_last_leg_saves_the_rate_that_it_began_with(growth: Growth) -> None:
    rates = [float(growth.model(row.number).optimizer.learning_rate) for row in growth.history]
    assert growth.history[-1].role == "last" and rates == pytest.approx([3e-3] * len(rates))


FULL = {"mutations": {"widen": 0, "deepen": 1, "inception": 0, "max_parameters": 60}}


@pytest.mark.parametrize("changes", [{"carry": False}, FULL], ids=["a new optimizer", "a member is full"])
def test_members_go_on_with_a_new_optimizer_and_without_one_that_no_transform_fits(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    x = np.random.default_rng(0).normal(size=(80, 4)).astype("float32")
    only_residual = {"widen": 0, "deepen": 0, "inception": 0, "residual": 1}
    growth = gakeras.grow(
        x, (x[:, 0] > x[:, 1]).astype(int), start="dense #4 activation=relu", sharing="joint",
        initial_steps=2, steps=2, population_size=3, num_survivors=1, iterations=3, batch_size=8,
        executor="debug", run_dir=tmp_path / "run", progress=False,
        **({"mutations": only_residual} | changes),
    )  # fmt: skip
    assert max(row.iteration for row in growth.history) == 3
    assert bool(growth.failures) == (changes is FULL)
    assert all("No transform fits" in reason for reason in growth.failures.values())


class Desk:
    """Stands for the dispatcher of trainings: keeps what is sent, and returns a result for it."""

    def __init__(self, status: Any = "ok") -> None:
        self.status, self.sent = status, list[Any]()
        self.run: Any = type("Run", (), {"data": "", "folds": "", "start": Path("x")})()
        self.run.network = lambda number: Path(f"{number}/network.keras")
        self.settings, self.dispatcher = gakeras.growth.GrowthSettings(), self

    def send(self, job: Any, members: int = 1) -> None:
        self.sent.append(job)

    def collect(self, timeout: float) -> list[JobResult]:
        told = {n: {"val_loss": float(n)} for n in self.sent[-1].payload["members"]}
        return [JobResult(self.sent[-1].id, self.status, measures={"members": told}, cpu_seconds=6.0)]


def under_way(*numbers: int) -> Population:
    population = Population()
    for number in (1, 2, 3):
        training = Training(number, 1, "newcomer", number, 0, 0, (number,), 5, 5)
        population.propose(training)
        if number not in numbers:
            population.absorb(Trained(number, JobResult(str(number), "error")))
    return population


@pytest.mark.parametrize("left", [(1, 2, 3), (3,)], ids=["whole", "the end of a torn one"])
def test_an_iteration_is_one_job_and_whoever_is_not_told_of_yet_is_told_of(left: tuple[int, ...]) -> None:
    population, desk = under_way(*left), Desk()
    crew = JointTrainings(desk, population)  # type: ignore[arg-type]
    for training in list(population.in_flight.values()):
        assert not desk.sent
        crew.submit(training)
    (job,) = desk.sent
    assert job.kind == "train_jointly" and list(job.payload["members"]) == ["1", "2", "3"]
    trained = crew.collect(0)
    assert [event.number for event in trained] == list(left)
    assert [event.result.measures["val_loss"] for event in trained] == [float(n) for n in left]
    assert {event.result.cpu_seconds for event in trained} == {2.0}


def test_what_spoils_one_spoils_all() -> None:
    population, desk = under_way(1, 2, 3), Desk("error")
    crew = JointTrainings(desk, population)  # type: ignore[arg-type]
    for training in list(population.in_flight.values()):
        crew.submit(training)
    assert [event.result.status for event in crew.collect(0)] == ["error"] * 3


def test_the_job_is_the_same_whenever_it_is_made() -> None:
    population, desk = under_way(1, 2, 3), Desk()
    jobs = [joint_job(population.trainings, desk.run, desk.settings) for _ in range(2)]
    payload: Mapping[str, Any] = jobs[0].payload
    assert jobs[0] == jobs[1] and payload["steps"] == 15
