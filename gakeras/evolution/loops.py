"""The two ways through a search: asynchronous steady state, and synchronous generations.

A loop is a generator of batches of events. It goes on only when it is asked for the next
batch, that is after its caller has made the last one durable: nothing starts and nothing
counts before it is on disk. It knows neither Keras nor files nor where evaluations run.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Protocol

from gakeras.evolution.budget import Budget
from gakeras.evolution.individual import Fitness, Individual
from gakeras.evolution.ladder import Ladder, Step
from gakeras.evolution.proposal import Propose
from gakeras.evolution.schedule import LongestFirst
from gakeras.evolution.state import Abandoned, Event, Finished, Measured, Proposal, SearchState
from gakeras.jobs import JobResult

Assess = Callable[[JobResult], Fitness | None]
"""Turns a result into a fitness; None (or NaN) for a failed one, which never enters the population."""

Replace = Callable[[SearchState, Sequence[Individual]], tuple[Individual, ...]]
"""Returns the population after newcomers arrived."""


MAX_PROPOSALS = 256
"""So many proposals go to disk and to the workers before more are made, lest thousands of workers wait."""


class Workers(Protocol):
    """Whoever evaluates: a number of slots, a way in and a way out."""

    @property
    def slots(self) -> int:
        """How many evaluations may be under way now; it can change as workers come and go."""

    def submit(self, step: Step) -> None:
        """Start a step of the evaluation of a proposal."""

    def collect(self, timeout: float | None) -> list[Finished]:
        """Wait `timeout` seconds at the most for a step to end; return all that have, perhaps none."""


def steady_state(
    state: SearchState,
    *,
    propose: Propose,
    replace: Replace,
    assess: Assess,
    workers: Workers,
    budget: Budget,
    schedule: LongestFirst | None = None,
    ladder: Ladder | None = None,
) -> Iterator[list[Event]]:
    """Asynchronous evolution, Algorithm 1 of Vidnerova and Neruda (2018).

    ```
    while the budget lasts:
        while a worker is free: evaluate a new proposal
        wait for evaluated individuals
        add each to the population; beyond its size, discard the worst
    ```

    `state` is changed in place; evaluations in flight in it, from a run that was stopped,
    are evaluated first. At the deadline, or when what is kept for the finals begins, whatever still runs is
    abandoned. With a `schedule` the last evaluations are proposed together, and it says in which order
    they start. With a `ladder` an evaluation has steps; the next one of it comes before anything new.
    """
    ladder = ladder or Ladder()
    waiting = [ladder.next_step(state, proposal) for proposal in state.in_flight.values()]
    while True:
        proposals: list[Event] = []
        while len(proposals) < MAX_PROPOSALS and _has_room(state, workers, budget, schedule):
            proposals.append(_next_proposal(state, propose))
        if proposals:
            yield proposals
            waiting += [ladder.next_step(state, proposal) for proposal in _to_evaluate(proposals)]
            if schedule is not None and len(waiting) > _num_free(waiting, state, workers):
                waiting = schedule.order(state, waiting)
        waiting = _start(waiting, state, workers, budget)
        patience = 0.0 if _has_room(state, workers, budget, schedule) else budget.patience(state)
        ended = workers.collect(patience) if len(waiting) < len(state.in_flight) else []
        finished = ladder.read(state, ended)
        if finished:
            yield list(finished)
        for event in finished:
            absorb(state, event, assess=assess, replace=replace)
        going_on = [state.in_flight[event.number] for event in finished if isinstance(event, Measured)]
        waiting = [*(ladder.next_step(state, proposal) for proposal in going_on), *waiting]
        budget.check_first_failures(state)
        if not finished and _is_over(waiting, state, budget):
            yield from _abandoned(state)
            return


def generational(
    state: SearchState,
    *,
    propose: Propose,
    replace: Replace,
    assess: Assess,
    workers: Workers,
    budget: Budget,
    generation_size: int,
) -> Iterator[list[Event]]:
    """Synchronous evolution: propose a generation, wait for all of it, then replace the population.

    The order in which evaluations end does not matter, so any number of workers gives the
    same individuals. `state` is changed in place and may hold part of a generation.
    """
    waiting = [Step(proposal) for proposal in state.in_flight.values()]
    while True:
        proposals: list[Event] = []
        while budget.allows(state) and state.num_in_generation < generation_size:
            proposals.append(_next_proposal(state, propose))
        if proposals:
            yield proposals
            waiting += map(Step, _to_evaluate(proposals))
        waiting = _start(waiting, state, workers, budget)
        finished = workers.collect(budget.patience(state)) if len(waiting) < len(state.in_flight) else []
        if finished:
            yield list(finished)
        for event in finished:
            absorb_later(state, event, assess=assess, replace=replace, generation_size=generation_size)
        budget.check_first_failures(state)
        if not finished and _is_over(waiting, state, budget):
            yield from _abandoned(state)
            return


def absorb(state: SearchState, event: Measured | Finished, *, assess: Assess, replace: Replace) -> None:
    """Let one result count, in steady state."""
    if isinstance(event, Measured):
        state.add_piece(event)
        return
    newcomer = _individual(state, event, assess)
    if newcomer is not None:
        _accept(state, [newcomer])
        state.population = replace(state, [newcomer])


def absorb_later(
    state: SearchState, event: Finished, *, assess: Assess, replace: Replace, generation_size: int
) -> None:
    """Let one result count once its whole generation is in."""
    newcomer = _individual(state, event, assess)
    if newcomer is not None:
        state.newcomers = (*state.newcomers, newcomer)
    if state.num_in_generation >= generation_size and not state.in_flight:
        in_order = sorted(state.newcomers, key=lambda individual: individual.id)
        _accept(state, in_order)
        state.population = replace(state, in_order)
        state.newcomers, state.num_in_generation = (), 0


def discard_worst(population_size: int) -> Replace:
    """Return a replacement that adds the newcomers and discards the worst beyond the population's size."""

    def replace(state: SearchState, newcomers: Sequence[Individual]) -> tuple[Individual, ...]:
        population = list(state.population)  # the best first
        for newcomer in newcomers:
            place = bisect_right(population, False, key=lambda other: not other.fitness >= newcomer.fitness)
            population.insert(place, newcomer)
        return tuple(population[:population_size])

    return replace


def replace_generation(population_size: int, num_elite: int = 1) -> Replace:
    """Return a replacement by the newcomers and the `num_elite` best of the population before."""

    def replace(state: SearchState, newcomers: Sequence[Individual]) -> tuple[Individual, ...]:
        elite = sorted(state.population, key=lambda individual: individual.fitness, reverse=True)[:num_elite]
        everyone = sorted((*elite, *newcomers), key=lambda individual: individual.fitness, reverse=True)
        return tuple(everyone[:population_size])

    return replace


def _next_proposal(state: SearchState, propose: Propose) -> Proposal:
    proposal = propose(state)
    state.add_proposal(proposal)
    return proposal


def _has_room(state: SearchState, workers: Workers, budget: Budget, schedule: LongestFirst | None) -> bool:
    """Tell whether something is to be proposed: a worker is free, or all that is left of the run is."""
    if not budget.allows(state):
        return False
    if len(state.in_flight) < workers.slots:
        return True
    remaining = budget.remaining(state)
    return schedule is not None and schedule.is_near_the_end(remaining, budget.max_evaluations, workers.slots)


def _to_evaluate(events: Iterable[Event]) -> list[Proposal]:
    return [event for event in events if isinstance(event, Proposal) and event.verdict is None]


def _start(waiting: list[Step], state: SearchState, workers: Workers, budget: Budget) -> list[Step]:
    """Give the free workers the first of those that wait; return the others."""
    num_free = _num_free(waiting, state, workers)
    num_started = min(num_free, len(waiting)) if budget.may_start(state) else 0
    for step in waiting[:num_started]:
        workers.submit(step)
    return waiting[num_started:]


def _num_free(waiting: Sequence[Step], state: SearchState, workers: Workers) -> int:
    return max(0, workers.slots - (len(state.in_flight) - len(waiting)))


def _is_over(waiting: Sequence[Step], state: SearchState, budget: Budget) -> bool:
    """Tell whether the time is up, or nothing runs and nothing more may start."""
    if budget.search_seconds_left(state) == 0.0:
        return True
    nothing_runs = len(waiting) == len(state.in_flight)
    may_start = budget.may_start(state) and bool(waiting)
    return nothing_runs and not may_start and not budget.allows(state)


def _abandoned(state: SearchState) -> Iterator[list[Event]]:
    if state.in_flight:
        yield [Abandoned(number) for number in state.in_flight]


def _accept(state: SearchState, newcomers: Sequence[Individual]) -> None:
    state.accepted += [(newcomer.genome, newcomer.fitness.values[0]) for newcomer in newcomers]


def _individual(state: SearchState, event: Finished, assess: Assess) -> Individual | None:
    proposal = state.add_result(event)
    fitness = assess(event.result)
    if fitness is None or any(map(math.isnan, fitness.values)):
        return None
    return Individual(event.number, proposal.genome, fitness, event.result.measures, proposal.parents)
