"""Laws of the end of a run: everything is evaluated once, the longest first, and no worker waits long."""

from __future__ import annotations

import heapq
import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest
from stub_search import Search, StubWorkers, assess, succeed

from gakeras.encoding import Genome
from gakeras.evolution import (
    Budget,
    Duration,
    Event,
    Finished,
    LongestFirst,
    Proposal,
    SearchState,
    discard_worst,
    median_seconds,
    predict_by_flops,
    quantile_seconds,
    steady_state,
)
from gakeras.evolution.durations import seconds_per_flop
from gakeras.jobs import Status

STEADY = Search("steady state")


def seconds_of(proposal: Proposal) -> float:
    """Return how long an evaluation takes: lognormal, and as different as they come."""
    return random.Random(proposal.genome.digest).lognormvariate(0.0, 1.0)


def predict(state: SearchState, proposals: Sequence[Proposal]) -> list[float]:
    """Return what is known of it beforehand: within 30 %."""
    return [
        seconds_of(proposal) * random.Random(proposal.number).lognormvariate(0.0, 0.3)
        for proposal in proposals
    ]


@dataclass
class SleepingWorkers(StubWorkers):
    """Workers on a simulated clock."""

    now: float = 0.0
    ends: list[tuple[float, int, Proposal]] = field(default_factory=list)

    def submit(self, proposal: Proposal) -> None:
        self.submitted.append(proposal.number)
        heapq.heappush(self.ends, (self.now + seconds_of(proposal), proposal.number, proposal))

    def collect(self, timeout: float | None) -> list[Finished]:
        self.now, number, proposal = heapq.heappop(self.ends)
        return [Finished(number, self.evaluate(proposal))]


def search(num_last: int, slots: int, max_evaluations: int) -> tuple[SleepingWorkers, list[Event], float]:
    """Run a search on simulated workers; return them, the events, and the share of time workers idled."""
    workers = SleepingWorkers(slots)
    loop = steady_state(
        SearchState(),
        propose=STEADY.proposer,
        replace=discard_worst(6),
        assess=assess,
        workers=workers,
        budget=Budget(max_evaluations),
        schedule=LongestFirst(predict, num_last),
    )
    events = [event for batch in loop for event in batch]
    proposals = [event for event in events if isinstance(event, Proposal) and event.verdict is None]
    useful = sum(map(seconds_of, proposals))
    return workers, events, 1 - useful / (slots * workers.now)


@pytest.mark.parametrize("num_last", [0, 3, 8])
@pytest.mark.parametrize("slots", [1, 2, 7])
def test_every_proposal_is_evaluated_once_and_the_budget_holds(num_last: int, slots: int) -> None:
    workers, events, _ = search(num_last, slots, max_evaluations=40)
    evaluated = [event.number for event in events if isinstance(event, Finished)]
    assert sorted(evaluated) == sorted(workers.submitted) and len(set(evaluated)) == 40


def test_the_last_evaluations_start_longest_first() -> None:
    workers, events, _ = search(num_last=5, slots=2, max_evaluations=40)
    expected = {event.number: seconds_of(event) for event in events if isinstance(event, Proposal)}
    last = [expected[number] for number in workers.submitted[-10:]]
    ranks = [sorted(last, reverse=True).index(seconds) for seconds in last]
    assert statistics.correlation(ranks, range(10)) > 0.85  # predictions are within 30 %


def test_workers_idle_less_than_without_a_schedule() -> None:
    _, _, naive = search(num_last=0, slots=16, max_evaluations=320)
    _, _, planned = search(num_last=8, slots=16, max_evaluations=320)
    assert planned < naive / 2


@pytest.mark.parametrize(
    ("changes", "is_near"),
    [
        ({}, True),
        ({"remaining": 17}, False),
        ({"slots": 1}, False),
        ({"max_evaluations": 40}, False),
        ({"max_evaluations": None, "remaining": None}, False),
    ],
    ids=["near", "too many left", "one worker", "too large a share of the run", "no number of evaluations"],
)
def test_when_the_end_is_near(changes: dict[str, int | None], is_near: bool) -> None:
    place: dict[str, int | None] = {"remaining": 16, "max_evaluations": 100, "slots": 4} | changes
    assert LongestFirst(predict, num_last=4).is_near_the_end(**place) is is_near  # type: ignore[arg-type]


def test_without_a_schedule_nothing_is_proposed_ahead() -> None:
    state, workers = SearchState(), StubWorkers(slots=4)
    for batch in STEADY.steps(state, workers, Budget(max_evaluations=40)):
        proposed = [event for event in batch if isinstance(event, Proposal)]
        assert len(workers.running) + len(proposed) <= 4


# Durations


def test_a_prediction_is_linear_in_the_flops_of_what_was_seen() -> None:
    genomes = [Genome.parse(f"dense #{units} activation=relu") for units in (10, 20, 80)]
    flops = {genome: 100 * genome.dense[0].units for genome in genomes}
    state = SearchState(durations=[Duration(flops[genome], 2 + flops[genome] / 500) for genome in genomes])
    proposals = [Proposal(n, genome) for n, genome in enumerate(genomes)]
    assert predict_by_flops(flops.__getitem__)(state, proposals) == pytest.approx([4.0, 6.0, 18.0])


@pytest.mark.parametrize(
    ("points", "line"),
    [
        ([], (0.0, 0.0)),
        ([(1, 5.0), (1, 6.0), (2, 7.0)], (0.0, 0.0)),
        ([(1, 9.0), (2, 6.0), (3, 3.0)], (0.0, 6.0)),
        ([(10, 1.0), (20, 4.0), (30, 7.0)], (300 / 1400, 0.0)),  # through the origin: sum(xy) / sum(xx)
    ],
    ids=["nothing seen", "two sizes", "larger is faster", "below zero at no FLOPs"],
)
def test_a_line_never_falls_and_never_starts_below_zero(
    points: list[tuple[int, float]], line: tuple[float, float]
) -> None:
    assert seconds_per_flop([Duration(*point) for point in points]) == pytest.approx(line)


def test_durations_are_those_of_the_evaluations_that_succeeded() -> None:
    state = SearchState()
    results: list[tuple[Status, dict[str, int], float]] = [
        ("ok", {"flops": 7}, 2.0),
        ("error", {"flops": 7}, 2.0),
        ("timeout", {}, 9.0),
        ("ok", {"flops": 9}, 4.0),
    ]
    for number, (status, measures, seconds) in enumerate(results):
        proposal = Proposal(number, Genome.parse(f"dense #{number + 1} activation=relu"))
        state.add_proposal(proposal)
        result = replace(succeed(proposal), status=status, measures=measures, start=10.0, end=10.0 + seconds)
        state.add_result(Finished(number, result))
    assert state.durations == [Duration(7, 2.0), Duration(9, 4.0)]


def test_few_durations_have_no_median() -> None:
    durations = [Duration(1, float(n)) for n in range(5)]
    assert median_seconds(durations) == 2.0 and median_seconds(durations[:4]) is None


@pytest.mark.parametrize(("share", "expected"), [(0.9, 9.0), (1.0, 10.0), (0.01, 1.0)])
def test_a_quantile_is_one_of_what_was_seen(share: float, expected: float) -> None:
    durations = [Duration(1, float(n)) for n in range(10, 0, -1)]
    assert quantile_seconds(durations, share) == expected
    assert quantile_seconds([], share) is None
