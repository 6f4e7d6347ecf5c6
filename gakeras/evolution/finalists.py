"""The finals: the best of a search by one fold get all folds, and then the length of the final training.

One fold may prefer a worse network for good, and a short training a fast learner. So the
winner is decided among a few finalists by means over the same folds.
"""

from __future__ import annotations

import heapq
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any, NamedTuple

from gakeras.evolution.budget import Budget
from gakeras.evolution.individual import Fitness, Individual
from gakeras.evolution.ladder import Step, Stretch
from gakeras.evolution.loops import Workers
from gakeras.evolution.pieces import fold_losses
from gakeras.evolution.state import Event, Finished, Measured, Proposal, SearchState, Stage
from gakeras.jobs import JobResult
from gakeras.scores import fold_loss

MARGIN = 1.2
"""What finals are predicted to cost is multiplied by this before it is kept back."""

FoldKey = tuple[int, Stage, int]
"""The number of a finalist, the stage, and the fold."""

FinalResults = Mapping[FoldKey, JobResult]
"""Results of finalists' folds."""


class Extent(NamedTuple):
    """On how many folds beside the first finalists are trained, and on how many at the final length."""

    others: int
    at_length: int

    def holds(self, stage: Stage, fold: int) -> bool:
        """Tell whether a fold of a stage belongs to it."""
        return fold <= self.others if stage == "folds" else fold < self.at_length


@dataclass(frozen=True)
class Finals:
    """How finalists are compared: how many, on how many folds, and over how many epochs.

    `final_epochs` is the length of the final training. No more folds are done, the same for all, than
    keep the finals within `max_cpu_seconds` and, on `slots` workers, within `max_seconds`, where these
    are given: first there are fewer of the final length, then fewer of the others. An epoch of the final
    training is taken to cost `final_slowdown` times one of the search, until some have been measured.
    """

    num_finalists: int
    num_folds: int
    epochs: int
    final_epochs: int
    num_final_folds: int | None = None
    max_cpu_seconds: float | None = None
    max_seconds: float | None = None
    slots: int = 1
    final_slowdown: float = 1.0

    def chosen(self, state: SearchState) -> tuple[Individual, ...]:
        """Return the finalists, from the islands in turn: the best of each, then the second of each.

        Families that have grown apart are what one fold after few epochs tells apart worst. Whoever has
        copies elsewhere is a finalist once.
        """
        turns: dict[int, Iterator[int]] = defaultdict(count)
        best_first = sorted(state.population, key=lambda each: each.fitness.values[0])
        in_turn = sorted(best_first, key=lambda each: next(turns[each.island]))
        unique = {individual.id: individual for individual in reversed(in_turn)}
        return tuple([each for each in in_turn if unique[each.id] is each][: self.num_finalists])

    def extent(self, state: SearchState) -> Extent:
        """Return on how many folds the finalists are trained."""
        wanted = self.num_folds if self.num_final_folds is None else self.num_final_folds
        others = self.num_folds - 1
        extents = [Extent(others, number) for number in range(wanted, -1, -1)]
        extents += [Extent(number, 0) for number in range(others - 1, -1, -1)]
        return next((extent for extent in extents if self._fits(extent, state)), Extent(0, 0))

    def reserve(self, state: SearchState) -> tuple[float, float]:
        """Return the (CPU-seconds, seconds) to keep back, were the search to end now.

        Folds that are done, before a run was resumed with a larger budget, need none.
        """
        plan = self._plan(self.extent(state), state)
        left = [price for key, price in self._prices(plan, state).items() if key not in state.finals]
        return MARGIN * sum(left), MARGIN * self._seconds(left, state)

    def steps(self, state: SearchState) -> list[Step]:
        """Return what is to be done for the finalists, the other folds first, and not done yet."""
        steps: list[Step] = []
        for stage, fold, finalist, to_epoch in self._plan(self.extent(state), state):
            if (finalist.id, stage, fold) not in state.finals:
                proposal = Proposal(finalist.id, finalist.genome, finalist.parents)
                steps.append(Step(proposal, Stretch((fold,), 0, to_epoch), stage))
        return steps

    def _plan(self, extent: Extent, state: SearchState) -> list[tuple[Stage, int, Individual, int]]:
        """Return every fold of the finals as (stage, fold, finalist, epochs), in their order."""
        stages: list[tuple[Stage, int, int]] = [
            ("folds", fold, self.epochs) for fold in range(1, 1 + extent.others)
        ]
        stages += [("final", fold, self.final_epochs) for fold in range(extent.at_length)]
        chosen = self.chosen(state)
        return [(stage, fold, each, epochs) for stage, fold, epochs in stages for each in chosen]

    def _prices(
        self, plan: Sequence[tuple[Stage, int, Individual, int]], state: SearchState
    ) -> dict[FoldKey, float]:
        """Return the CPU-seconds of every fold of a plan: what it took, or what the finalist's epochs say."""
        slowdown = self._slowdown({each.id: each for _, _, each, _ in plan}, state)
        prices: dict[FoldKey, float] = {}
        for stage, fold, each, epochs in plan:
            done = state.finals.get((each.id, stage, fold))
            expected = epochs * epoch_seconds(each) * (slowdown if stage == "final" else 1.0)
            prices[each.id, stage, fold] = expected if done is None else done.charged_cpu_seconds
        return prices

    def _slowdown(self, finalists: Mapping[int, Individual], state: SearchState) -> float:
        """Return how much dearer an epoch of the final training is, as measured where some have been."""
        done = [
            (result.charged_cpu_seconds, self.final_epochs * epoch_seconds(finalists[number]))
            for (number, stage, _), result in state.finals.items()
            if stage == "final" and result.status == "ok" and number in finalists
        ]
        taken, own = sum(taken for taken, _ in done), sum(own for _, own in done)
        return taken / own if own else self.final_slowdown

    def _seconds(self, prices: Iterable[float], state: SearchState) -> float:
        """Return the seconds until the last fold ends; every worker that is free takes the next one."""
        pace = state.busy_seconds / state.cpu_seconds if state.cpu_seconds else 1.0
        return pace * makespan(prices, self.slots)

    def _fits(self, extent: Extent, state: SearchState) -> bool:
        prices = list(self._prices(self._plan(extent, state), state).values())
        costs = sum(prices), self._seconds(prices, state)
        limits = self.max_cpu_seconds, self.max_seconds
        return all(limit is None or cost <= limit for cost, limit in zip(costs, limits, strict=True))


def run_finals(state: SearchState, finals: Finals, workers: Workers, budget: Budget) -> Iterator[list[Event]]:
    """Do what is left of the finals; a generator of batches of events, as the loops are.

    ```
    for each finalist: train on every other fold
    for each finalist: train on all folds at the length of the final training
    ```

    A finalist that came last may have made the finals dearer than was kept back for them, and so may an
    epoch of the final training that is dearer than it was taken for: no fold is begun that what is
    left of the CPU-seconds is not enough for, for all finalists.
    What is not done when the time is up is left out, so that finalists are compared on the
    folds they have in common.
    """
    waiting, running = _within(budget, finals, state).steps(state), dict[str, Step]()
    begun: set[tuple[Stage, int]] = set()
    while (waiting or running) and budget.seconds_left() != 0.0:
        may_start = not budget.is_closing(state)
        while may_start and waiting and len(running) < workers.slots:
            step = waiting.pop(0)
            running[step.job_id] = step
            begun.add((step.stage, step.fold))
            workers.submit(step)
        if not running:
            return
        events = [_measured(running, ended) for ended in workers.collect(budget.patience())]
        if events:
            yield list(events)
        for event in events:
            state.add_piece(event)
        if events:
            extent = _within(budget, finals, state).extent(state)
            waiting = [
                step
                for step in waiting
                if (step.stage, step.fold) in begun or extent.holds(step.stage, step.fold)
            ]


def rank_finalists(
    individuals: Sequence[Individual], finals: FinalResults, num_finalists: int
) -> list[Individual]:
    """Return those that can be compared, best first, with the folds they share as measures and fitness.

    What counts are the folds that `num_finalists` have, those that failed on one left out: others were
    finalists of a smaller budget, or the time was up before they had any. They are ranked by the mean
    loss at the final length; where too few have any of that, by the mean over the folds at the length of
    the search. Penalties are added to both. Who has fewer of the final length comes last.
    """
    failed = failed_on_a_fold(finals)
    compared = {number for number, _, _ in finals} - failed
    num_done = {
        each.id: _num_in_a_row(each.id, "folds", finals) for each in individuals if each.id in compared
    }
    enough = max(1, min(num_finalists, len(individuals)) - len(failed))
    num_others = _reached_by(enough, num_done.values())
    if not num_others:
        return []
    ranked = [each for each in individuals if num_done.get(each.id, 0) >= num_others]
    num_finals = _reached_by(enough, [_num_in_a_row(each.id, "final", finals) for each in ranked])

    def key(finalist: Individual) -> tuple[bool, float, float]:
        at_length = [fold_loss(fold) for fold in finalist.measures["final"]]
        if len(at_length) < num_finals or not num_finals:
            return (bool(num_finals), 0.0, finalist.loss)
        return (False, statistics.fmean(at_length) + penalty_of(finalist), finalist.loss)

    return sorted((_with_folds(each, finals, num_others, num_finals) for each in ranked), key=key)


def failed_on_a_fold(finals: FinalResults) -> set[int]:
    """Return the numbers of the finalists that have failed on a fold at the length of the search."""
    return {n for (n, stage, _), result in finals.items() if stage == "folds" and result.status != "ok"}


def penalty_of(individual: Individual) -> float:
    """Return what was added to the loss for other measures of the network, which no fold changes."""
    return individual.loss - statistics.fmean(fold_losses(individual.measures).values())


def makespan(seconds: Iterable[float], slots: int) -> float:
    """Return when the last of several jobs ends, where whichever worker is free takes the next one.

    >>> makespan([3.0, 3.0, 3.0], slots=2)
    6.0
    """
    busy_until = [0.0] * slots
    for each in seconds:
        heapq.heapreplace(busy_until, busy_until[0] + each)
    return max(busy_until)


def epoch_seconds(individual: Individual) -> float:
    """Return the CPU-seconds an epoch of one fold took, the tracing of the model included."""
    epochs = [epoch for fold in individual.measures.get("folds", ()) for epoch in fold["epochs"]]
    return statistics.fmean(epoch.get("cpu_seconds", 0.0) for epoch in epochs) if epochs else 0.0


def _within(budget: Budget, finals: Finals, state: SearchState) -> Finals:
    """Return finals that take no more than is left of a budget of CPU-seconds, what they took included."""
    if budget.max_cpu_seconds is None:
        return finals
    chosen = {finalist.id for finalist in finals.chosen(state)}
    taken = sum(each.charged_cpu_seconds for (number, _, _), each in state.finals.items() if number in chosen)
    left = budget.max_cpu_seconds - state.cpu_seconds + taken
    limits = [left, finals.max_cpu_seconds]
    return replace(finals, max_cpu_seconds=min(each for each in limits if each is not None))


def _measured(running: dict[str, Step], ended: Finished) -> Measured:
    step = running.pop(ended.result.job_id)
    return Measured(step.number, ended.result, step.stage, step.fold)


def _num_in_a_row(number: int, stage: Stage, finals: FinalResults) -> int:
    """Return how many folds of a stage an individual has, up to the first that is missing."""
    first = 1 if stage == "folds" else 0  # the first fold is that of the search
    return next(fold for fold in count(first) if (number, stage, fold) not in finals) - first


def _reached_by(enough: int, numbers: Iterable[int]) -> int:
    """Return the largest number that at least `enough` of some numbers reach; 0 where there are fewer."""
    largest_first = sorted(numbers, reverse=True)
    return largest_first[enough - 1] if enough <= len(largest_first) else 0


def _with_folds(individual: Individual, finals: FinalResults, num_others: int, num_finals: int) -> Individual:
    """Return a finalist with the folds it is compared on: of the final length all that count, or none."""
    others = [finals[individual.id, "folds", fold].measures["folds"][0] for fold in range(1, 1 + num_others)]
    has_all = _num_in_a_row(individual.id, "final", finals) >= num_finals
    at_length = [
        _fold_at_length(finals[individual.id, "final", fold], fold)
        for fold in range(num_finals if has_all else 0)
    ]
    folds = [individual.measures["folds"][0], *others]
    measures = {**individual.measures, "folds": folds, "final": at_length}
    values = list(individual.fitness.values)
    values[0] = statistics.fmean(fold_losses(measures).values()) + penalty_of(individual)
    return replace(individual, measures=measures, fitness=Fitness(values, individual.fitness.weights))


def _fold_at_length(result: JobResult, fold: int) -> Mapping[str, Any]:
    """Return the record of a fold; one that failed has no epochs."""
    return result.measures["folds"][0] if result.status == "ok" else {"fold": fold, "epochs": []}
