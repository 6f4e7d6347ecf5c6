"""Laws of the loops: nothing starts and nothing counts before it is durable, and budgets hold."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest
from stub_search import ORDERS, TINY, Clock, Search, StubWorkers, fail, loss_of, losses, succeed

from gakeras.errors import RunError
from gakeras.evolution import Abandoned, Budget, Caps, Duration, Event, Finished, Proposal, SearchState
from gakeras.jobs import JobResult, Status

STEADY = Search("steady state")
GENERATIONAL = Search("generational")
both_loops = pytest.mark.parametrize("search", [STEADY, GENERATIONAL], ids=lambda search: search.loop)
orders = pytest.mark.parametrize("order", ORDERS)
slots = pytest.mark.parametrize("slots", [1, 2, 5], ids="{} slots".format)


def numbers(events: list[Event], kind: type[Event]) -> list[int]:
    return [event.number for event in events if isinstance(event, kind)]


# Durable first


@both_loops
def test_nothing_is_submitted_before_its_proposal_was_yielded_and_the_next_batch_asked_for(
    search: Search,
) -> None:
    workers, yielded = StubWorkers(slots=3), set()
    for batch in search.steps(SearchState(), workers, Budget(max_evaluations=20)):
        assert set(workers.submitted) <= yielded
        yielded |= set(numbers(batch, Proposal))
    assert set(workers.submitted) == yielded


@both_loops
def test_nothing_counts_before_its_result_was_yielded_and_the_next_batch_asked_for(search: Search) -> None:
    state, yielded = SearchState(), set()
    for batch in search.steps(state, StubWorkers(slots=3), Budget(max_evaluations=20)):
        assert {individual.id for individual in (*state.population, *state.newcomers)} <= yielded
        assert state.num_evaluated == len(yielded)
        yielded |= set(numbers(batch, Finished))
    assert state.num_evaluated == len(yielded) == 20


@both_loops
def test_batches_hold_either_proposals_or_results_and_are_never_empty(search: Search) -> None:
    for batch in search.steps(SearchState(), StubWorkers(slots=3), Budget(max_evaluations=20)):
        assert len({type(event) for event in batch}) == 1


# The population


@orders
@slots
def test_steady_state_keeps_the_best_that_were_ever_evaluated(order: str, slots: int) -> None:
    state, seen = SearchState(), []
    for batch in STEADY.steps(state, StubWorkers(slots, ORDERS[order]), Budget(max_evaluations=30)):
        assert losses(state.population) == sorted(seen)[:6]
        seen += [event.result.measures["loss"] for event in batch if isinstance(event, Finished)]
    assert losses(state.population) == sorted(seen)[:6]


@slots
def test_steady_state_keeps_every_slot_busy(slots: int) -> None:
    state, workers = SearchState(), StubWorkers(slots)
    for batch in STEADY.steps(state, workers, Budget(max_evaluations=20)):
        if isinstance(batch[0], Finished):
            assert len(workers.running) + len(batch) == min(slots, 20 - state.num_evaluated)


def test_steady_state_breeds_as_soon_as_the_smallest_population_is_there() -> None:
    events = STEADY.run(SearchState(), StubWorkers(slots=1), Budget(max_evaluations=10))
    assert [bool(event.parents) for event in events if isinstance(event, Proposal)] == [False] * 4 + [
        True
    ] * 6


def test_every_generation_has_the_same_size_and_keeps_the_best() -> None:
    state, best = SearchState(), math.inf
    for batch in GENERATIONAL.steps(state, StubWorkers(slots=2), Budget(max_evaluations=30)):
        if isinstance(batch[0], Proposal):
            assert len(batch) == 6 and not state.in_flight.keys() - set(numbers(batch, Proposal))
            if state.population:
                assert len(state.population) == 6 and losses(state.population)[0] <= best
                best = losses(state.population)[0]
    assert best < math.inf


@orders
@slots
def test_generations_are_the_same_whatever_the_order_and_the_number_of_workers(
    order: str, slots: int
) -> None:
    def coarsely(proposal: Proposal) -> JobResult:
        """Many individuals are equally fit."""
        return replace(succeed(proposal), measures={"loss": round(loss_of(proposal), 1)})

    reference, state = SearchState(), SearchState()
    budget = Budget(max_evaluations=30)
    expected = GENERATIONAL.run(reference, StubWorkers(evaluate=coarsely), budget)
    events = GENERATIONAL.run(state, StubWorkers(slots, ORDERS[order], coarsely), budget)
    assert [e for e in events if isinstance(e, Proposal)] == [e for e in expected if isinstance(e, Proposal)]
    assert [(i.id, i.genome) for i in state.population] == [(i.id, i.genome) for i in reference.population]
    assert state.accepted == reference.accepted and len(state.accepted) == 30  # whom a surrogate learns from


@both_loops
@orders
def test_no_genome_is_evaluated_twice(search: Search, order: str) -> None:
    workers = StubWorkers(3, ORDERS[order])
    events = search.run(SearchState(), workers, Budget(max_evaluations=60))
    submitted = [e.genome for e in events if isinstance(e, Proposal) and e.number in workers.submitted]
    assert len(set(submitted)) == len(submitted) == 60


# Budgets


@both_loops
@orders
@pytest.mark.parametrize("max_evaluations", [0, 1, 7, 12], ids="{} evaluations".format)
def test_the_number_of_evaluations_holds_exactly(search: Search, order: str, max_evaluations: int) -> None:
    state, workers = SearchState(), StubWorkers(4, ORDERS[order])
    budget = Budget(max_evaluations=max_evaluations)
    events = search.run(state, workers, budget)
    assert len(workers.submitted) == len(numbers(events, Finished)) == state.num_evaluated == max_evaluations
    assert not state.in_flight
    assert budget.stop_reason(state) == "the evaluations are used up"


@both_loops
def test_at_the_deadline_what_runs_is_abandoned_and_nothing_else_is_started(search: Search) -> None:
    clock, state, workers = Clock(), SearchState(), StubWorkers(slots=4)
    budget = Budget(deadline=100.0, clock=clock)
    events: list[Event] = []
    for batch in search.steps(state, workers, budget):
        events += batch
        if len(numbers(events, Finished)) == 9:
            clock.now = 100.5
    abandoned = numbers(events, Abandoned)
    assert len(numbers(events, Finished)) == 9
    assert abandoned and abandoned == list(state.in_flight)
    assert sorted(numbers(events, Finished) + abandoned) == workers.submitted
    assert budget.stop_reason(state) == "the time is used up"


def test_what_still_runs_when_the_time_of_the_finals_begins_is_abandoned() -> None:
    clock, state, workers = Clock(), SearchState(), StubWorkers(slots=4)
    budget = Budget(deadline=100.0, clock=clock, reserve=lambda state: (0.0, 40.0))
    events: list[Event] = []
    for batch in STEADY.steps(state, workers, budget):
        events += batch
        if len(numbers(events, Finished)) == 9:
            clock.now = 60.5
    assert numbers(events, Abandoned) == list(state.in_flight) != [] and budget.seconds_left() == 39.5


def test_workers_are_waited_for_until_the_deadline_and_no_longer() -> None:
    timeouts: list[float | None] = []

    class Recording(StubWorkers):
        def collect(self, timeout: float | None) -> list[Finished]:
            timeouts.append(timeout)
            clock.now += 0.4
            return super().collect(timeout)

    clock = Clock()
    STEADY.run(SearchState(), Recording(), Budget(deadline=1.8, clock=clock))
    assert timeouts == pytest.approx([1.0, 1.0, 1.0, 0.6, 0.2])


@both_loops
def test_waiting_in_vain_is_not_the_end(search: Search) -> None:
    class Slow(StubWorkers):
        polls = 0

        def collect(self, timeout: float | None) -> list[Finished]:
            self.polls += 1
            return [] if self.polls % 3 else super().collect(timeout)

    state, workers = SearchState(), Slow(slots=2)
    search.run(state, workers, Budget(max_evaluations=10))
    assert state.num_evaluated == 10 and workers.polls == 30


# Sessions


class StubSession:
    """Closes after a number of evaluations, and is over when `is_over` is set."""

    def __init__(self, close_after: int) -> None:
        self.close_after, self.is_over = close_after, False

    def seconds_left(self) -> float | None:
        return 0.0 if self.is_over else 5.0

    def is_closing(self, durations: Sequence[Duration]) -> bool:
        return len(durations) >= self.close_after


def timed(proposal: Proposal) -> JobResult:
    result = succeed(proposal)
    return replace(result, measures={**result.measures, "flops": 1}, start=1.0, end=3.0)


@both_loops
def test_a_closing_session_starts_nothing_and_waits_for_what_runs(search: Search) -> None:
    state, workers = SearchState(), StubWorkers(slots=3, evaluate=timed)
    budget = Budget(max_evaluations=40, session=StubSession(close_after=7))
    events = search.run(state, workers, budget)
    assert state.num_evaluated == len(workers.submitted) == 9  # the seventh, and the two that ran beside it
    assert numbers(events, Abandoned) == list(state.in_flight)
    assert set(state.in_flight).isdisjoint(workers.submitted)


@both_loops
def test_what_runs_when_a_session_is_over_is_given_up(search: Search) -> None:
    session = StubSession(close_after=4)

    class Stuck(StubWorkers):
        def collect(self, timeout: float | None) -> list[Finished]:
            if session.is_closing(state.durations):
                session.is_over = True
                return []
            return super().collect(timeout)

    state, workers = SearchState(), Stuck(slots=3, evaluate=timed)
    events = search.run(state, workers, Budget(max_evaluations=40, session=session))
    assert state.num_evaluated == 4 and len(workers.running) == 2
    assert numbers(events, Abandoned) == list(state.in_flight)


@both_loops
def test_a_search_goes_on_in_the_next_session_as_if_there_had_been_one(search: Search) -> None:
    whole, state = SearchState(), SearchState()
    search.run(whole, StubWorkers(evaluate=timed), Budget(max_evaluations=30))
    for close_after in (5, 12, 100):
        session = StubSession(close_after)
        search.run(state, StubWorkers(evaluate=timed), Budget(max_evaluations=30, session=session))
    assert [i.genome for i in state.population] == [i.genome for i in whole.population]
    assert state.num_proposed == whole.num_proposed


@both_loops
def test_a_space_without_anything_new_ends_the_run_with_a_reason(search: Search) -> None:
    tiny, state, workers = replace(TINY, loop=search.loop), SearchState(), StubWorkers(slots=2)
    budget = Budget(max_evaluations=50, max_turned_away=30)
    events = tiny.run(state, workers, budget)
    duplicates = [e for e in events if isinstance(e, Proposal) and e.verdict == "duplicate"]
    assert state.num_evaluated == len(workers.submitted) == 3
    assert len(duplicates) >= 30 and not {e.number for e in duplicates} & set(workers.submitted)
    assert budget.stop_reason(state) == (
        f"the last {state.turned_away} proposals were all known or oversized: nothing new is found"
    )


@both_loops
def test_oversized_proposals_are_recorded_and_never_submitted(search: Search) -> None:
    capped, state, workers = replace(search, caps=Caps(max_parameters=30_000)), SearchState(), StubWorkers(2)
    events = capped.run(state, workers, Budget(max_evaluations=20))
    verdicts = {e.number: e.verdict for e in events if isinstance(e, Proposal)}
    assert Counter(verdicts.values())["oversized"] > 3
    assert workers.submitted == [number for number, verdict in verdicts.items() if verdict is None]
    assert state.num_evaluated == 20


def test_a_search_where_everything_is_oversized_ends() -> None:
    state, budget = SearchState(), Budget(max_evaluations=5, max_turned_away=25)
    events = replace(STEADY, caps=Caps(max_parameters=1)).run(state, StubWorkers(), budget)
    assert len(events) == 25 and "oversized" in str(budget.stop_reason(state))


def test_there_is_no_reason_to_stop_before_the_end() -> None:
    assert Budget(max_evaluations=5, deadline=9.0, clock=Clock(8.0)).stop_reason(SearchState()) is None
    assert Budget().stop_reason(SearchState()) is None


# Failures


@both_loops
def test_a_failed_evaluation_never_enters_the_population(search: Search) -> None:
    statuses: list[Status] = ["ok", "error", "died", "timeout", "ok"]

    def evaluate(proposal: Proposal) -> JobResult:
        status = statuses[proposal.number % 5]
        return replace(succeed(proposal), status=status, reason="because")

    state = SearchState()
    search.run(state, StubWorkers(slots=3, evaluate=evaluate), Budget(max_evaluations=40))
    assert state.population and {individual.id % 5 for individual in state.population} <= {0, 4}
    assert (state.num_evaluated, state.num_failed) == (40, 24)


@both_loops
def test_a_loss_of_nan_never_enters_the_population(search: Search) -> None:
    def evaluate(proposal: Proposal) -> JobResult:
        return (
            replace(succeed(proposal), measures={"loss": math.nan})
            if proposal.number % 2
            else succeed(proposal)
        )

    state = SearchState()
    search.run(state, StubWorkers(evaluate=evaluate), Budget(max_evaluations=20))
    assert state.population and not any(map(math.isnan, losses(state.population)))


def test_one_failure_in_the_first_generation_costs_one_random_network_in_the_second() -> None:
    search = Search(loop="generational", min_population_size=6, population_size=6)

    def evaluate(proposal: Proposal) -> JobResult:
        return fail(proposal) if proposal.number == 2 else succeed(proposal)

    events = search.run(SearchState(), StubWorkers(evaluate=evaluate), Budget(max_evaluations=18))
    is_random = [not event.parents for event in events if isinstance(event, Proposal) and not event.verdict]
    assert is_random == [True] * 7 + [False] * 11


@both_loops
def test_a_failure_does_not_count_to_the_smallest_population(search: Search) -> None:
    def evaluate(proposal: Proposal) -> JobResult:
        return fail(proposal) if proposal.number < 5 else succeed(proposal)

    state = SearchState()
    for batch in search.steps(state, StubWorkers(evaluate=evaluate), Budget(max_evaluations=30)):
        for event in batch:
            if isinstance(event, Proposal):
                assert bool(event.parents) == (len(state.population) >= 4)


@both_loops
def test_a_run_whose_first_evaluations_all_fail_stops_with_their_reason(search: Search) -> None:
    state, workers = SearchState(), StubWorkers(slots=2, evaluate=fail)
    with pytest.raises(RunError, match="first 8 evaluations all failed.*error: the loss became NaN"):
        search.run(state, workers, Budget(max_evaluations=50, max_first_failures=8))
    assert state.num_evaluated == 8


@both_loops
def test_a_run_that_has_worked_once_survives_any_number_of_failures(search: Search) -> None:
    def evaluate(proposal: Proposal) -> JobResult:
        return succeed(proposal) if proposal.number == 7 else fail(proposal)

    state = SearchState()
    search.run(state, StubWorkers(evaluate=evaluate), Budget(max_evaluations=30, max_first_failures=8))
    assert (state.num_evaluated, [individual.id for individual in state.population]) == (30, [7])


@both_loops
@pytest.mark.parametrize(
    ("status", "evaluations"), [("died", 12), ("timeout", 12), ("error", 3)], ids=["died", "timeout", "error"]
)
def test_only_a_genome_that_died_or_timed_out_may_be_proposed_again(
    search: Search, status: Status, evaluations: int
) -> None:
    def evaluate(proposal: Proposal) -> JobResult:
        return JobResult("", status, "because")

    state = SearchState()
    budget = Budget(max_evaluations=12, max_turned_away=40, max_first_failures=100)
    tiny = replace(TINY, loop=search.loop, population_size=3)  # all there is makes one generation
    tiny.run(state, StubWorkers(evaluate=evaluate), budget)
    assert state.num_evaluated == evaluations
