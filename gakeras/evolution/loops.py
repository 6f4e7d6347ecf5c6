"""The two ways through a search: asynchronous steady state, and synchronous generations.

A loop is a generator of batches of events. It goes on only when it is asked for the next
batch, that is after its caller has made the last one durable: nothing starts and nothing
counts before it is on disk. It knows neither Keras nor files nor where evaluations run.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from gakeras.errors import RunError
from gakeras.evolution.individual import Fitness, Individual
from gakeras.evolution.proposal import Propose
from gakeras.evolution.state import Abandoned, Event, Finished, Proposal, SearchState
from gakeras.jobs import JobResult

Assess = Callable[[JobResult], Fitness | None]
"""Turns a result into a fitness; None (or NaN) for a failed one, which never enters the population."""

Replace = Callable[[SearchState, Sequence[Individual]], tuple[Individual, ...]]
"""Returns the population after newcomers arrived."""


class Workers(Protocol):
    """Whoever evaluates: a number of slots, a way in and a way out."""

    @property
    def slots(self) -> int:
        """How many evaluations run at the same time."""

    def submit(self, proposal: Proposal) -> None:
        """Start the evaluation of a proposal."""

    def collect(self, timeout: float | None) -> list[Finished]:
        """Wait for at least one evaluation to end; return all that have, or none after `timeout` seconds."""


@dataclass(frozen=True)
class Budget:
    """When a search ends. `deadline` is a reading of `clock`, by default of `time.monotonic`."""

    max_evaluations: int | None = None
    deadline: float | None = None
    max_turned_away: int = 200
    max_first_failures: int = 8
    clock: Callable[[], float] = time.monotonic

    def seconds_left(self) -> float | None:
        """Return the seconds until the deadline, at least 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - self.clock())

    def allows(self, state: SearchState) -> bool:
        """Tell whether another proposal may be made."""
        started = state.num_evaluated + len(state.in_flight)
        return (
            self.stop_reason(state) is None
            and (self.max_evaluations is None or started < self.max_evaluations)
            and state.turned_away < self.max_turned_away
        )

    def stop_reason(self, state: SearchState) -> str | None:
        """Return why the search is over, or None."""
        if self.seconds_left() == 0.0:
            return "the time is used up"
        if self.max_evaluations is not None and state.num_evaluated >= self.max_evaluations:
            return "the evaluations are used up"
        if state.turned_away >= self.max_turned_away and not state.in_flight:
            return f"the last {state.turned_away} proposals were all known or oversized: nothing new is found"
        return None

    def check_first_failures(self, state: SearchState) -> None:
        """Raise `RunError` where nothing has ever worked."""
        if state.num_evaluated == state.num_failed >= self.max_first_failures:
            raise RunError(
                f"The first {state.num_failed} evaluations all failed, so the search stops. "
                f"The last one: {state.last_failure}"
            )


def steady_state(
    state: SearchState,
    *,
    propose: Propose,
    replace: Replace,
    assess: Assess,
    workers: Workers,
    budget: Budget,
) -> Iterator[list[Event]]:
    """Asynchronous evolution, Algorithm 1 of Vidnerova and Neruda (2018).

    ```
    while the budget lasts:
        while a worker is free: evaluate a new proposal
        wait for evaluated individuals
        add each to the population; beyond its size, discard the worst
    ```

    `state` is changed in place; evaluations in flight in it, from a run that was stopped,
    are evaluated first. At the deadline whatever still runs is abandoned.
    """
    _submit_all(workers, state.in_flight.values())
    while True:
        proposals: list[Event] = []
        while len(state.in_flight) < workers.slots and budget.allows(state):
            proposals.append(_next_proposal(state, propose))
        if proposals:
            yield proposals
            _submit_all(workers, proposals)
        if not state.in_flight:
            return
        finished = workers.collect(budget.seconds_left())
        if not finished:
            yield [Abandoned(number) for number in state.in_flight]
            return
        yield list(finished)
        for event in finished:
            absorb(state, event, assess=assess, replace=replace)
        budget.check_first_failures(state)


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
    _submit_all(workers, state.in_flight.values())
    waiting = len(state.in_flight)
    while True:
        proposals: list[Event] = []
        while state.num_in_generation < generation_size and budget.allows(state):
            proposals.append(_next_proposal(state, propose))
        if proposals:
            yield proposals
            _submit_all(workers, proposals)
            waiting = len(state.in_flight)
        if not waiting:
            return
        while state.in_flight:
            finished = workers.collect(budget.seconds_left())
            if not finished:
                yield [Abandoned(number) for number in state.in_flight]
                return
            yield list(finished)
            for event in finished:
                absorb_later(state, event, assess=assess, replace=replace, generation_size=generation_size)
            budget.check_first_failures(state)
        waiting = 0


def absorb(state: SearchState, event: Finished, *, assess: Assess, replace: Replace) -> None:
    """Let one result count, in steady state."""
    newcomer = _individual(state, event, assess)
    if newcomer is not None:
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
        state.population = replace(state, in_order)
        state.newcomers, state.num_in_generation = (), 0


def discard_worst(population_size: int) -> Replace:
    """Return a replacement that adds the newcomers and discards the worst beyond the population's size."""

    def replace(state: SearchState, newcomers: Sequence[Individual]) -> tuple[Individual, ...]:
        everyone = sorted(
            (*state.population, *newcomers), key=lambda individual: individual.fitness, reverse=True
        )
        return tuple(everyone[:population_size])

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


def _submit_all(workers: Workers, events: Iterable[Event]) -> None:
    for event in list(events):
        if isinstance(event, Proposal) and event.verdict is None:
            workers.submit(event)


def _individual(state: SearchState, event: Finished, assess: Assess) -> Individual | None:
    proposal = state.add_result(event)
    fitness = assess(event.result)
    if fitness is None or any(map(math.isnan, fitness.values)):
        return None
    return Individual(event.number, proposal.genome, fitness, event.result.measures, proposal.parents)
