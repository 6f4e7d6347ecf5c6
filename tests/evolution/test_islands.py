"""Laws of islands: each breeds with its own, the best travel along the ring, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from stub_search import Search, StubWorkers, assess

from gakeras.evolution import (
    Budget,
    Event,
    Finished,
    Islands,
    Proposal,
    SearchState,
    absorb,
    discard_worst_of_island,
    steady_state,
)
from gakeras.evolution.individual import inhabitants

SIZE, NUMBER = 5, 3
SEARCH = Search()


def run(islands: Islands, state: SearchState, evaluations: int, slots: int = 1) -> list[Event]:
    loop = steady_state(
        state,
        propose=replace(SEARCH.proposer, num_islands=islands.number),
        replace=discard_worst_of_island(islands, SIZE),
        assess=assess,
        workers=StubWorkers(slots),
        budget=Budget(max_evaluations=evaluations),
    )
    return [event for batch in loop for event in batch]


def test_without_migration_parents_are_of_the_same_island() -> None:
    state = SearchState()
    events = run(Islands(NUMBER, migration_interval=10**6), state, 80)
    bred = [event for event in events if isinstance(event, Proposal) and event.parents]
    assert bred and all(p % NUMBER == event.number % NUMBER for event in bred for p in event.parents)
    assert all(each.id % NUMBER == each.island for each in state.population)


def test_every_island_holds_its_best_the_population_them_all_the_best_first() -> None:
    state = SearchState()
    run(Islands(NUMBER, migration_interval=10**6), state, 80)
    assert len(state.population) == NUMBER * SIZE
    losses = [each.loss for each in state.population]
    assert losses == sorted(losses)


def test_migrants_are_the_best_and_go_to_the_next_island() -> None:
    islands, state = Islands(NUMBER, migration_interval=30), SearchState()
    run(islands, state, 29)
    best = {island: inhabitants(state.population, island)[0].genome for island in range(NUMBER)}
    before = {island: {i.genome for i in inhabitants(state.population, island)} for island in range(NUMBER)}
    run(islands, state, 30)
    settlers = {
        island: {i.genome for i in inhabitants(state.population, island) if i.id % NUMBER != island}
        for island in range(NUMBER)
    }
    for island in range(NUMBER):
        origin = {(island + 1) % NUMBER, (island - 1) % NUMBER}
        assert len(settlers[island]) == 1 and not settlers[island] & before[island]
        assert settlers[island] <= {best[other] for other in origin} | {
            i.genome for i in state.population if i.id == 29
        }


@pytest.mark.parametrize("interval", [3, 10])
def test_no_island_has_two_equal_genomes_nor_more_than_its_size(interval: int) -> None:
    state, islands = SearchState(), Islands(NUMBER, interval, num_migrants=2)
    run(islands, state, 70, slots=3)
    for island in range(NUMBER):
        genomes = [each.genome for each in inhabitants(state.population, island)]
        assert len(set(genomes)) == len(genomes) == SIZE


def test_a_run_cut_anywhere_and_resumed_gives_the_events_of_the_uninterrupted_run() -> None:
    islands = Islands(NUMBER, migration_interval=7)
    events = run(islands, SearchState(), 40)
    for cut in range(0, len(events) + 1, 7):
        state = SearchState()
        for event in events[:cut]:
            if isinstance(event, Proposal):
                state.add_proposal(event)
            elif isinstance(event, Finished):
                absorb(state, event, assess=assess, replace=discard_worst_of_island(islands, SIZE))
        assert events[:cut] + run(islands, state, 40) == events
