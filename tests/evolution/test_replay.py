"""Resume is a replay: the recorded events give the state back, and the run goes on as if uninterrupted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from stub_search import TINY, Search, StubWorkers, fail, succeed

from gakeras.encoding import Genome
from gakeras.evolution import Budget, Caps, Event, Finished, Proposal, SearchState
from gakeras.jobs import JobResult


def with_failures(proposal: Proposal) -> JobResult:
    """Fail in every way now and then, as the genome alone decides."""
    kinds = {
        0: fail(proposal),
        1: replace(fail(proposal), status="died"),
        2: replace(fail(proposal), status="timeout"),
    }
    return kinds.get(int(proposal.genome.digest, 16) % 8, succeed(proposal))


BUDGET = Budget(max_evaluations=26, max_turned_away=15)
RUNS: dict[str, tuple[Search, Callable[[Proposal], JobResult], int]] = {
    "steady state": (Search(), succeed, 1),
    "steady state with failures": (Search(), with_failures, 1),
    "steady state with caps": (Search(caps=Caps(max_parameters=30_000)), succeed, 1),
    "steady state, tiny": (TINY, succeed, 1),
    "generational": (Search("generational"), succeed, 3),
    "generational with failures": (Search("generational"), with_failures, 3),
    "generational with caps": (Search("generational", caps=Caps(max_parameters=30_000)), succeed, 3),
    "generational, tiny": (replace(TINY, loop="generational"), succeed, 3),
}
runs = pytest.mark.parametrize(("search", "evaluate", "slots"), RUNS.values(), ids=RUNS)


@runs
def test_replaying_a_run_gives_its_state(search: Search, evaluate: Callable, slots: int) -> None:
    state = SearchState()
    events = search.run(state, StubWorkers(slots, evaluate=evaluate), BUDGET)
    assert summary(search.replay(events)) == summary(state)


@runs
def test_a_run_cut_anywhere_and_resumed_gives_the_events_of_the_uninterrupted_run(
    search: Search, evaluate: Callable, slots: int
) -> None:
    events = search.run(SearchState(), StubWorkers(slots, evaluate=evaluate), BUDGET)
    for cut in range(len(events) + 1):
        recorded = events[:cut]
        rest = search.run(search.replay(recorded), StubWorkers(evaluate=evaluate), BUDGET)
        assert recorded + rest == events


@pytest.mark.parametrize("slots", [2, 5], ids="{} slots".format)
def test_with_many_workers_nothing_is_lost_and_nothing_repeated(slots: int) -> None:
    search = Search()
    events = search.run(SearchState(), StubWorkers(slots), BUDGET)
    for cut in range(len(events) + 1):
        state, workers = search.replay(events[:cut]), StubWorkers(slots)
        in_flight = list(state.in_flight)
        resumed = events[:cut] + search.run(state, workers, BUDGET)
        assert workers.submitted[: len(in_flight)] == in_flight
        finished = [event.number for event in resumed if isinstance(event, Finished)]
        assert len(set(finished)) == len(finished) == 26
        assert len({event.genome for event in resumed if is_evaluated(event)}) == 26


def test_a_run_goes_on_with_a_larger_budget_where_a_smaller_one_ended() -> None:
    search = Search()
    events = search.run(SearchState(), StubWorkers(), BUDGET)
    first = search.run(SearchState(), StubWorkers(), replace(BUDGET, max_evaluations=10))
    assert first + search.run(search.replay(first), StubWorkers(), BUDGET) == events


def is_evaluated(event: Event) -> bool:
    return isinstance(event, Proposal) and event.verdict is None


def summary(state: SearchState) -> dict[str, object]:
    """The state as plain values; individuals compare by identity."""
    people: dict[str, list[tuple[int, Genome, float, tuple[int, ...]]]] = {
        name: [(i.id, i.genome, i.loss, i.parents) for i in getattr(state, name)]
        for name in ("population", "newcomers")
    }
    return vars(state) | people
