"""Laws of a family's way through the generations, without Keras and without workers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from gakeras.errors import InputError
from gakeras.jobs import JobResult
from gakeras.lineage.family import Birth, Event, Family, Grown, Member, next_births, next_parents
from gakeras.lineage.settings import SynthesisSettings, synthesis_settings
from gakeras.rounds import rounds

Accuracy = Callable[[Birth], float | None]


class Stub:
    """A nursery whose networks are as accurate as a function says; None is a failure."""

    def __init__(self, accuracy: Accuracy, at_a_time: int = 100) -> None:
        self.accuracy, self.at_a_time = accuracy, at_a_time
        self.waiting: list[Birth] = []
        self.submitted: list[int] = []

    def submit(self, birth: Birth) -> None:
        self.waiting.append(birth)
        self.submitted.append(birth.number)

    def collect(self, timeout: float) -> list[Grown]:
        done, self.waiting = self.waiting[: self.at_a_time], self.waiting[self.at_a_time :]
        return [Grown(birth.number, self.result(birth)) for birth in done]

    def result(self, birth: Birth) -> JobResult:
        accuracy = self.accuracy(birth)
        if accuracy is None:
            return JobResult(str(birth.number), "error", "diverged")
        synapses = 1000 >> birth.generation
        measures = {
            "val_accuracy": accuracy,
            "val_loss": 1 - accuracy,
            "synapses": synapses,
            "efficiency": 1000 / synapses,
        }
        return JobResult(str(birth.number), "ok", measures=measures)


def settings(**changes: Any) -> SynthesisSettings:
    return synthesis_settings({"generations": 3} | changes)


def generations(
    family: Family, settings: SynthesisSettings, nursery: Stub, **limits: Callable[[], bool]
) -> Iterator[list[Event]]:
    return rounds(family, lambda: next_births(family, settings), nursery, **limits)


def grow(accuracy: Accuracy, family: Family | None = None, **changes: Any) -> Family:
    """Run a loop to its end."""
    family = family or Family()
    for _ in generations(family, settings(**changes), Stub(accuracy)):
        pass
    return family


def falling(by: float) -> Accuracy:
    return lambda birth: 0.9 - by * birth.generation


def test_a_line_has_an_ancestor_and_one_network_for_each_generation() -> None:
    family = grow(falling(0.0))
    assert [(birth.generation, birth.role, birth.parents) for birth in family.births] == [
        (0, "ancestor", ()),
        (1, "offspring", (0,)),
        (2, "offspring", (1,)),
        (3, "offspring", (2,)),
    ]


def test_nothing_is_started_and_nothing_counts_before_the_caller_asks_for_more() -> None:
    family, nursery = Family(), Stub(falling(0.0))
    loop = generations(family, settings(), nursery)
    proposed = next(loop)
    assert proposed == [Birth(0, 0, "ancestor")] and not nursery.submitted and not family.births
    (grown,) = next(loop)
    assert isinstance(grown, Grown) and nursery.submitted == [0] and not family.members
    next(loop)
    assert list(family.members) == [0]


@pytest.mark.parametrize(("max_drop", "last"), [(0.03, 3), (0.02, 2), (None, 3)])
def test_it_stops_with_the_generation_that_falls_further_than_max_drop(max_drop: float, last: int) -> None:
    family = grow(falling(0.0125), max_drop=max_drop)
    assert family.generation == last


def test_the_accepted_networks_are_within_the_drop_and_the_smallest_comes_first() -> None:
    family = grow(falling(0.0125), max_drop=0.03)
    assert [member.birth.number for member in family.accepted(0.03)] == [2, 1, 0]
    assert [member.birth.number for member in family.accepted(0.0)] == [0]


def test_a_drop_of_exactly_max_drop_is_accepted_whatever_the_rounding() -> None:
    family = grow(lambda birth: 0.93 if birth.generation == 0 else 0.90, max_drop=0.03)
    assert family.generation == 3 and family.accepted(0.03)[0].birth.number == 3


def test_it_stops_at_a_target_efficiency() -> None:
    assert grow(falling(0.0), target_efficiency=3.9).generation == 2


def test_the_parents_are_the_fittest_of_the_preceding_generation() -> None:
    accuracies = {1: 0.80, 2: 0.85, 3: 0.85, 4: 0.70}
    family = grow(
        lambda birth: accuracies.get(birth.number, 0.85), offspring=4, parents=2, generations=2, max_drop=None
    )
    assert {birth.parents for birth in family.births if birth.generation == 2} == {(2, 3)}
    assert {birth.parents for birth in family.births if birth.generation == 1} == {(0,)}


def test_parents_of_the_latest_generations_reach_back_where_one_has_too_few() -> None:
    family = grow(falling(0.01), parents=2, parents_from="latest", max_drop=None)
    assert [birth.parents for birth in family.births] == [(), (0,), (0, 1), (1, 2)]


def test_a_failed_offspring_is_no_parent_and_a_failed_generation_ends_the_synthesis() -> None:
    family = grow(lambda birth: None if birth.number == 2 else 0.9, offspring=2, parents=2, generations=2)
    assert {birth.parents for birth in family.births if birth.generation == 2} == {(1,)}
    family = grow(lambda birth: None if birth.generation == 2 else 0.9, offspring=2)
    assert family.generation == 2 and len(family.failures) == 2


def test_a_failed_ancestor_ends_it_at_once() -> None:
    family = grow(lambda birth: None)
    assert len(family.births) == 1 and family.ancestor is None


def test_the_last_training_is_of_the_smallest_accepted_offspring_and_is_tried_once() -> None:
    last = {"epochs": 5}
    family = grow(falling(0.0125), max_drop=0.03, last=last)
    assert family.births[-1] == Birth(4, 2, "last", (2,))
    again = grow(falling(0.0125), family, max_drop=0.03, last=last)
    assert len(again.births) == 5


def test_last_trainings_can_be_of_the_largest_networks_that_reach_given_efficiencies() -> None:
    family = grow(lambda birth: 0.9, generations=4, last={"epochs": 1}, last_efficiencies=[1.5, 2, 3, 8, 99])
    last = [birth.parents for birth in family.births if birth.role == "last"]
    assert last == [(1,), (2,), (3,)]  # their efficiencies are 2, 4 and 8; nothing reaches 99


def test_more_generations_go_on_from_the_latest_and_end_with_another_last_training() -> None:
    family = grow(falling(0.0), generations=2, last={"epochs": 5})
    family = grow(falling(0.0), family, generations=3, last={"epochs": 5})
    assert [(birth.generation, birth.role) for birth in family.births[3:]] == [
        (2, "last"),
        (3, "offspring"),
        (3, "last"),
    ]
    assert family.births[4].parents == (2,)


def test_what_was_in_flight_is_done_first_and_nothing_else_is_proposed_again() -> None:
    family, nursery = Family(), Stub(falling(0.0))
    for birth in [Birth(0, 0, "ancestor")]:
        family.propose(birth)
    for _ in generations(family, settings(), nursery):
        pass
    assert nursery.submitted == [0, 1, 2, 3]


def test_a_session_that_may_start_nothing_leaves_the_rest_in_flight() -> None:
    family, nursery = Family(), Stub(falling(0.0))
    started = iter([True] * 2 + [False] * 100)
    for _ in generations(family, settings(offspring=3), nursery, may_start=lambda: next(started)):
        pass
    assert nursery.submitted == [0] and not family.in_flight
    for _ in generations(family, settings(offspring=3), nursery, is_over=lambda: len(nursery.submitted) > 1):
        pass
    assert list(family.in_flight) == [1, 2, 3]


def test_parents_come_fittest_first_the_older_of_two_equals_before() -> None:
    family = Family()
    for number, accuracy in enumerate((0.9, 0.8, 0.95, 0.95)):
        birth = Birth(number, 0 if number == 0 else 1, "offspring" if number else "ancestor")
        family.births.append(birth)
        family.members[number] = Member(birth, {"val_accuracy": accuracy, "val_loss": 0.1}, {})
    assert next_parents(family, settings(parents=3, offspring=3)) == (2, 3, 1)


# Settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"generation": 3}, "the nearest is `generations`"),
        ({"drawing": {"sharpnes": 2}}, "the nearest is `drawing.sharpness`"),
        ({"ancestor": {"built": "lenet5"}}, "the nearest is `ancestor.build`"),
        ({"keep": 0}, "keep"),
        ({"keep": 1.5}, "keep"),
        ({"keep": []}, "keep: a share, or one for each generation"),
        ({"drawing": {"chi": 0}}, "drawing.chi"),
        ({"parents": 2}, "at most as many as offspring.*parents=2, offspring=1"),
        ({"max_drop": -0.1}, "max_drop"),
        ({"validation_share": 1}, "validation_share"),
        ({"ancestor": {}}, "either a path or the name of a network"),
        ({"ancestor": {"build": "lenet6"}}, "build: one of lenet5"),
    ],
)
def test_a_setting_that_cannot_be_is_refused_with_its_place(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        synthesis_settings(values)


def test_settings_survive_their_journal() -> None:
    mine = settings(keep=[0.9, 0.5], drawing={"environment": {"cluster": 0.9}}, last={"epochs": 3})
    assert synthesis_settings(mine.to_json()) == mine


def test_a_share_above_the_cap_lifts_it_for_that_generation() -> None:
    mine = settings(keep=[0.9, 0.5])
    assert (mine.drawing_in(1).cap, mine.drawing_in(2).cap) == (None, 0.8)
