"""The finals: the best of a search by one fold get all folds, and then the length of the final training.

One fold may prefer a worse network for good, and a short training a fast learner. So the
winner is decided among a few finalists by means over the same folds.
"""

from __future__ import annotations

import heapq
import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count

from gakeras.evolution.budget import Budget
from gakeras.evolution.individual import Fitness, Individual
from gakeras.evolution.ladder import Step, Stretch
from gakeras.evolution.loops import Workers
from gakeras.evolution.pieces import fold_losses
from gakeras.evolution.state import Event, Finished, Measured, Proposal, SearchState, Stage
from gakeras.jobs import JobResult

MARGIN = 1.2
"""What finals are predicted to cost is multiplied by this before it is kept back."""

FinalResults = Mapping[tuple[int, Stage, int], JobResult]
"""Results of finalists' folds by (number of the individual, stage, fold)."""


@dataclass(frozen=True)
class Finals:
    """How finalists are compared: how many, on how many folds, and over how many epochs.

    `final_epochs` is the length of the final training. No more folds of that length are done, the
    same for all, than keep the finals within `max_cpu_seconds` and, on `slots` workers, within
    `max_seconds`, where these are given.
    """

    num_finalists: int
    num_folds: int
    epochs: int
    final_epochs: int
    num_final_folds: int | None = None
    max_cpu_seconds: float | None = None
    max_seconds: float | None = None
    slots: int = 1

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

    def final_folds(self, state: SearchState) -> int:
        """Return on how many folds the finalists are trained at the final length."""
        wanted = self.num_folds if self.num_final_folds is None else self.num_final_folds
        return next((number for number in range(wanted, 0, -1) if self._fits(number, state)), 0)

    def reserve(self, state: SearchState) -> tuple[float, float]:
        """Return the (CPU-seconds, seconds) to keep back, were the search to end now.

        Folds that are done, before a run was resumed with a larger budget, need none.
        """
        cpu_seconds, seconds = self._cost(self.final_folds(state), state, state.finals)
        return MARGIN * cpu_seconds, MARGIN * seconds

    def steps(self, state: SearchState) -> list[Step]:
        """Return what is to be done for the finalists, the other folds first, and not done yet."""
        steps: list[Step] = []
        for stage, fold, finalist, to_epoch in self._plan(self.final_folds(state), state):
            if (finalist.id, stage, fold) not in state.finals:
                proposal = Proposal(finalist.id, finalist.genome, finalist.parents)
                steps.append(Step(proposal, Stretch((fold,), 0, to_epoch), stage))
        return steps

    def _plan(self, final_folds: int, state: SearchState) -> list[tuple[Stage, int, Individual, int]]:
        """Return every fold of the finals as (stage, fold, finalist, epochs), in their order."""
        stages: list[tuple[Stage, int, int]] = [
            ("folds", fold, self.epochs) for fold in range(1, self.num_folds)
        ]
        stages += [("final", fold, self.final_epochs) for fold in range(final_folds)]
        chosen = self.chosen(state)
        return [(stage, fold, each, epochs) for stage, fold, epochs in stages for each in chosen]

    def _cost(self, final_folds: int, state: SearchState, done: FinalResults) -> tuple[float, float]:
        """Return the CPU-seconds of all folds but those that are done, and the seconds until the last ends.

        Predicted from the finalists' own epochs; every worker that is free takes the next fold.
        """
        folds = [
            epochs * epoch_seconds(each)
            for stage, fold, each, epochs in self._plan(final_folds, state)
            if (each.id, stage, fold) not in done
        ]
        pace = state.busy_seconds / state.cpu_seconds if state.cpu_seconds else 1.0
        return sum(folds), pace * makespan(folds, self.slots)

    def _fits(self, final_folds: int, state: SearchState) -> bool:
        limits = [math.inf if each is None else each for each in (self.max_cpu_seconds, self.max_seconds)]
        costs = self._cost(final_folds, state, {})
        return all(cost <= limit for cost, limit in zip(costs, limits, strict=True))


def run_finals(state: SearchState, finals: Finals, workers: Workers, budget: Budget) -> Iterator[list[Event]]:
    """Do what is left of the finals; a generator of batches of events, as the loops are.

    ```
    for each finalist: train on every other fold
    for each finalist: train on all folds at the length of the final training
    ```

    A finalist that came last may have made the finals dearer than was kept back for them: no more
    folds are done at the final length than what is left of the CPU-seconds is enough for.
    What is not done when the time is up is left out, so that finalists are compared on the
    folds they have in common.
    """
    waiting, running = _within(budget, finals, state).steps(state), dict[str, Step]()
    while (waiting or running) and budget.seconds_left() != 0.0:
        may_start = budget.session is None or not budget.session.is_closing(state.durations)
        while may_start and waiting and len(running) < workers.slots:
            step = waiting.pop(0)
            running[step.job_id] = step
            workers.submit(step)
        if not running:
            return
        events = [_measured(running, ended) for ended in workers.collect(budget.patience())]
        if events:
            yield list(events)
        for event in events:
            state.add_piece(event)


def rank_finalists(
    individuals: Sequence[Individual], finals: FinalResults, num_finalists: int
) -> list[Individual]:
    """Return those that got all folds, best first, with all folds as their measures and fitness.

    They are ranked by the mean loss at the final length over the folds that all have; where
    there is none, by the mean over all folds at the length of the search. Penalties are added to both.
    Where `num_finalists` have folds of that length, others have none because they were finalists of a
    smaller budget, and come last.
    """
    numbers = {number for number, _, _ in finals}
    num_folds = max([fold + 1 for _, stage, fold in finals if stage == "folds"], default=0)
    ranked = [
        _with_all_folds(individual, finals, num_folds)
        for individual in individuals
        if individual.id in numbers and _has_all_folds(individual.id, finals, num_folds)
    ]
    if not num_folds or not ranked:
        return []
    at_length = {each.id: _losses_at_length(each.id, finals) for each in ranked}
    trained = [losses for losses in at_length.values() if losses]
    is_complete = len(trained) >= min(num_finalists, len(ranked))
    shared = set.intersection(*map(set, trained if is_complete else at_length.values()))

    def key(finalist: Individual) -> tuple[bool, float, float]:
        losses = [loss for fold, loss in at_length[finalist.id].items() if fold in shared]
        mean = statistics.fmean(losses) + _penalty(finalist) if losses else 0.0
        return (bool(shared) and not losses, mean, finalist.loss)

    return sorted(ranked, key=key)


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
    taken = sum(each.cpu_seconds for (number, _, _), each in state.finals.items() if number in chosen)
    left = budget.max_cpu_seconds - state.cpu_seconds + taken
    limits = [left, finals.max_cpu_seconds]
    return replace(finals, max_cpu_seconds=min(each for each in limits if each is not None))


def _measured(running: dict[str, Step], ended: Finished) -> Measured:
    step = running.pop(ended.result.job_id)
    return Measured(step.number, ended.result, step.stage, (step.stretch.folds or (0,))[0])


def _penalty(individual: Individual) -> float:
    """Return what was added to the loss for other measures of the network, which no fold changes."""
    return individual.loss - statistics.fmean(fold_losses(individual.measures).values())


def _has_all_folds(number: int, finals: FinalResults, num_folds: int) -> bool:
    results = [finals.get((number, "folds", fold)) for fold in range(1, num_folds)]
    return all(result is not None and result.status == "ok" for result in results)


def _losses_at_length(number: int, finals: FinalResults) -> dict[int, float]:
    """Return the loss of every fold at the final length; one that failed is infinite."""
    return {
        fold: fold_losses(result).get(fold, math.inf) if result.status == "ok" else math.inf
        for (other, stage, fold), result in finals.items()
        if (other, stage) == (number, "final")
    }


def _with_all_folds(individual: Individual, finals: FinalResults, num_folds: int) -> Individual:
    others = [finals[individual.id, "folds", fold].measures["folds"][0] for fold in range(1, num_folds)]
    at_length = [
        result.measures["folds"][0]
        for (number, stage, _), result in sorted(finals.items())
        if (number, stage, result.status) == (individual.id, "final", "ok")
    ]
    folds = [individual.measures["folds"][0], *others]
    measures = {**individual.measures, "folds": folds, "final": at_length}
    values = list(individual.fitness.values)
    values[0] = statistics.fmean(fold_losses(measures).values()) + _penalty(individual)
    return replace(individual, measures=measures, fitness=Fitness(values, individual.fitness.weights))
