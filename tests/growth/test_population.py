"""Laws of a growing population, without Keras and without workers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from gakeras.errors import InputError
from gakeras.growth.population import Population, Trained, Training, next_trainings, survivors
from gakeras.growth.settings import GrowthSettings, growth_settings
from gakeras.jobs import JobResult
from gakeras.rounds import rounds

Loss = Callable[[Training], float | None]
FLOPS = 1000


class Stub:
    """Trains members to the loss that a function says; None is a failure. Each is as large as its number."""

    def __init__(self, loss: Loss) -> None:
        self.loss = loss
        self.waiting: list[Training] = []

    def submit(self, training: Training) -> None:
        self.waiting.append(training)

    def collect(self, timeout: float) -> list[Trained]:
        done, self.waiting = self.waiting, []
        return [Trained(training.number, self.result(training)) for training in done]

    def result(self, training: Training) -> JobResult:
        loss = self.loss(training)
        spent = {"flops": FLOPS + training.network, "trained_examples": 10 * training.steps}
        if loss is None:
            return JobResult(str(training.number), "error", "diverged", measures=spent)
        measures = spent | {"validated_examples": 10, "val_loss": loss, "val_accuracy": 1 - loss}
        return JobResult(str(training.number), "ok", measures=measures)


def settings(**changes: Any) -> GrowthSettings:
    return growth_settings({"initial_steps": 100, "steps": 40, "iterations": 3} | changes)


def grown(loss: Loss, **changes: Any) -> Population:
    """Return what a growth comes to whose members have the losses of a function."""
    population, chosen = Population(), settings(**changes)
    for _ in rounds(population, lambda: next_trainings(population, chosen), Stub(loss)):
        pass
    return population


def numbers(population: Population, iteration: int, role: str) -> list[int]:
    return [t.number for t in population.trainings if (t.iteration, t.role) == (iteration, role)]


def test_every_iteration_has_the_survivors_of_the_last_and_as_many_newcomers_as_are_missing() -> None:
    population = grown(lambda training: 1 / (1 + training.number))
    assert numbers(population, 0, "start") == [0]
    assert numbers(population, 1, "survivor") == [1] and numbers(population, 1, "newcomer") == [2, 3, 4]
    assert numbers(population, 2, "survivor") == [5, 6] and numbers(population, 2, "newcomer") == [7, 8]
    assert [t.parent for t in population.trainings if t.number in (5, 6)] == [4, 3]  # the two best
    assert len(population.trainings) == 1 + 3 * 4


def test_a_network_that_goes_on_is_the_same_network_and_a_newcomer_another() -> None:
    population = grown(lambda training: 1 / (1 + training.number))
    by_number = {training.number: training for training in population.trainings}
    for training in population.trainings[1:]:
        source = by_number[training.source or 0]
        assert (training.network == source.network) == (training.role == "survivor")
        assert (
            training.mutations == ()
            if training.role == "survivor"
            else training.mutations[-1] == training.number
        )


def test_a_newcomer_of_a_newcomer_has_the_mutations_of_both() -> None:
    populations = [grown(lambda training: 1.0, seed=seed, population_size=6) for seed in range(5)]
    twice = [t for population in populations for t in population.trainings if len(t.mutations) == 2]
    assert twice and all(t.parent == t.mutations[0] and t.source is not None for t in twice)
    assert all(t.source < t.parent for t in twice if t.parent is not None and t.source is not None)


def test_the_draw_depends_on_the_seed() -> None:
    one, same, other = (grown(lambda training: 1.0, seed=seed).trainings for seed in (1, 1, 2))
    assert one == same != other


@pytest.mark.parametrize("inherit", [True, False])
def test_inherited_weights_bring_their_age_and_new_ones_are_given_it_where_all_shall_be_equal(
    inherit: bool,
) -> None:
    loss = lambda training: 1 / (1 + training.number)  # noqa: E731
    newcomers = [t for t in grown(loss, inherit=inherit).trainings if t.role == "newcomer"]
    ages = [100 + 40 * t.iteration if inherit else 40 for t in newcomers]
    assert [t.age for t in newcomers] == ages and {t.steps for t in newcomers} == {40}
    equal = grown(loss, inherit=inherit, equal_age=True).trainings
    assert {t.age - 100 - 40 * t.iteration for t in equal} == {0}
    steps = {t.steps - 40 for t in equal if t.role == "newcomer"}
    assert steps == ({0} if inherit else {100, 140, 180})


def test_places_that_are_kept_for_newcomers_are_theirs_whatever_the_losses() -> None:
    old_are_better = lambda training: float(training.role == "newcomer")  # noqa: E731
    population = grown(old_are_better)
    assert {m.training.network for m in survivors(population, settings())} & {0}
    graced = grown(old_are_better, num_newcomers=1)
    chosen = survivors(graced, settings(num_newcomers=1))
    assert [member.training.role for member in chosen] == ["survivor", "newcomer"]


def test_selection_may_go_by_the_loss_per_flops() -> None:
    slightly = lambda training: 1 - 1e-5 * training.network  # noqa: E731 (larger ones are slightly better)
    by_loss, per_flops = (grown(slightly, flops_exponent=w) for w in (0.0, 1.0))
    largest, smallest = (
        survivors(population, settings(flops_exponent=w))[0].flops
        for population, w in ((by_loss, 0.0), (per_flops, 1.0))
    )
    assert smallest == FLOPS < largest


def test_everything_is_charged_also_what_failed() -> None:
    population = grown(lambda training: None if training.number == 2 else 0.5, iterations=1)
    spent = {
        t.number: 3 * (FLOPS + t.network) * 10 * t.steps + (t.number != 2) * (FLOPS + t.network) * 10
        for t in population.trainings
    }
    assert {int(name): charge.flops for name, charge in population.ledger.accounts.items()} == spent
    assert 2 in population.failures and 2 not in population.members


def test_the_last_leg_is_that_of_the_survivors() -> None:
    population = grown(lambda training: 1 / (1 + training.number), last_steps=30)
    last = [training for training in population.trainings if training.role == "last"]
    assert [(t.parent, t.steps, t.age) for t in last] == [(12, 30, 250), (11, 30, 250)]
    anew = grown(lambda training: 1 / (1 + training.number), last_steps=30, last_shrink=0.0)
    assert [training.age for training in anew.trainings if training.role == "last"] == [30, 30]
    assert [member.number for member in population.final()] == [13, 14]


def test_no_iteration_begins_when_the_flops_are_spent() -> None:
    first = 3 * FLOPS * 1000 + FLOPS * 10
    assert grown(lambda training: 0.5, max_flops=first).iteration == 0
    assert grown(lambda training: 0.5, max_flops=first + 1).iteration == 1


def test_an_iteration_that_fails_as_a_whole_ends_the_growth() -> None:
    population = grown(lambda training: None if training.iteration == 2 else 0.5)
    assert population.iteration == 2 and len(population.final()) == 4
    assert grown(lambda training: None).iteration == 0


def test_where_no_transform_fits_nothing_is_trained_after_the_first_iteration() -> None:
    refused = {"rule": "No place.", "expected": "", "received": "", "way_out": ""}

    class Full(Stub):
        def result(self, training: Training) -> JobResult:
            measures = {"refused": refused}
            is_new = training.role == "newcomer"
            return JobResult("0", "error", "", measures) if is_new else super().result(training)

    population, chosen = Population(), settings(last_steps=9)
    for _ in rounds(population, lambda: next_trainings(population, chosen), Full(lambda training: 0.5)):
        pass
    assert population.failed_at_once and population.iteration == 1 and not population.has_last_leg
    diverged = grown(lambda training: None if training.role == "newcomer" else 0.5)
    assert not diverged.failed_at_once and diverged.iteration == 3


def test_the_final_population_is_the_last_that_is_complete() -> None:
    population = grown(lambda training: 0.5, iterations=2, last_steps=5)
    assert {member.training.role for member in population.final()} == {"last"}
    last = next(training for training in population.trainings if training.role == "last")
    population.in_flight[last.number] = last
    assert {member.training.iteration for member in population.final()} == {2}
    of_second = next(t for t in population.trainings if (t.iteration, t.role) == (2, "newcomer"))
    population.in_flight[of_second.number] = of_second
    assert {member.training.iteration for member in population.final()} == {1}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"mutations": {"noise": 0.1}}, "noise: 0 unless method='copies'"),
        ({"mutations": {"variant": "odd"}}, "'odd' needs an odd activation.*activation='relu'"),
        ({"mutations": {"windows": [3, 3]}}, "windows: different ones"),
        ({"mutations": {"windows": [], "pooling": False}}, "windows: different ones"),
        ({"mutations": {"activation": "reluu"}}, "activation: one of celu.*'reluu'"),
        ({"rescaling": "norm", "carry": False}, "rescaling: of the rate.*carry=False"),
        ({"num_survivors": 4}, "num_survivors: fewer than|M2 < M1"),
        ({"num_newcomers": 3}, "at most num_survivors=2"),
        ({"mutations": {"widen": 0, "deepen": 0, "inception": 0}}, "a weight above 0"),
        ({"sharing": "joint"}, "mutations.widen=1.0"),
        ({"sharing": "joint", "mutations": {"widen": 0}, "inherit": False}, "inherit=False"),
        (
            {"sharing": "joint", "mutations": {"widen": 0}, "last_shrink": 0.5},
            "between members. Received: 0.5",
        ),
        ({"mutations": {"widdening": 2}}, "the nearest is `mutations.widening`"),
        ({"training": {"optimizer": "nadam"}}, "training.optimizer"),
        ({"start": {"build": "conv #x"}}, "build: one of .*small_start"),
        ({"start": {}}, "either a path or a network"),
        ({"steps": 0}, "steps"),
    ],
    ids=str,
)
def test_settings_that_contradict_themselves_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings(**changes)


def test_settings_come_back_from_json() -> None:
    wanted = settings(mutations={"windows": [3, 7]}, ensemble={"over": "snapshots"}, max_flops=1e12)
    assert growth_settings(wanted.to_json()) == wanted
