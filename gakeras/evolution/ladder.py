"""An evaluation in steps: which folds over which epochs come next, and who is not let on.

A step gives every network the same folds and epochs, so that only like is compared with like:
losses of one fold after the same epochs, or means over the same folds.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from gakeras.encoding import Genome
from gakeras.evolution.pieces import fold_losses, last_epoch, merge, reached_epoch
from gakeras.evolution.state import Finished, Measured, Proposal, SearchState, Stage
from gakeras.jobs import JobResult

NUM_FREE = 2
"""So many networks pass a rung whatever their losses, for there is nothing to judge them by."""

Objection = Callable[[SearchState, JobResult, Mapping[int, Sequence[float]]], str | None]
"""Says of an evaluation so far why it is not to go on; the last argument are the rungs of the state."""


@dataclass(frozen=True)
class Stretch:
    """Folds and epochs of one step; by default all of them."""

    folds: tuple[int, ...] | None = None
    from_epoch: int = 0
    to_epoch: int | None = None


@dataclass(frozen=True)
class Step:
    """What a worker gets: a stretch of the evaluation of a proposal."""

    proposal: Proposal
    stretch: Stretch = Stretch()
    stage: Stage = "search"

    @property
    def number(self) -> int:
        """The number of the proposal."""
        return self.proposal.number

    @property
    def genome(self) -> Genome:
        """The genome to be evaluated."""
        return self.proposal.genome

    @property
    def job_id(self) -> str:
        """The name of the job, unlike any other that is under way."""
        if self.stage == "search":
            return str(self.number)
        return f"{self.number}/{self.stage}/{self.fold}"

    @property
    def fold(self) -> int:
        """The first of its folds, which for a finalist's step is the only one."""
        return (self.stretch.folds or (0,))[0]


@dataclass(frozen=True)
class Ladder:
    """The steps of every evaluation, in order, and who stops between them.

    Everything is read from the state, so a search that is replayed decides as it did.
    """

    stretches: tuple[Stretch, ...] = (Stretch(),)
    objection: Objection | None = None

    def next_step(self, state: SearchState, proposal: Proposal) -> Step:
        """Return the step that a proposal under way has reached."""
        return Step(proposal, self.stretches[len(state.pieces.get(proposal.number, ()))])

    def read(self, state: SearchState, ended: Sequence[Finished]) -> list[Measured | Finished]:
        """Return what the ends of steps mean: evaluations that go on, and those that are finished.

        Nothing is changed; of several that ended together each is judged by those before it too.
        """
        if len(self.stretches) == 1:
            return list(ended)
        rungs = {epoch: list(losses) for epoch, losses in state.rungs.items()}
        return [self._judge(state, event, rungs) for event in ended]

    def _judge(
        self, state: SearchState, event: Finished, rungs: dict[int, list[float]]
    ) -> Measured | Finished:
        earlier = state.pieces.get(event.number, ())
        pieces = (*earlier, event.result)
        whole = merge(pieces)
        reached = reached_epoch(whole, earlier)
        if reached is not None:
            rungs.setdefault(reached[0], []).append(reached[1])
        if event.result.status != "ok" or len(pieces) == len(self.stretches):
            return Finished(event.number, whole)
        reason = self.objection(state, whole, rungs) if self.objection else None
        if reason is None:
            return Measured(event.number, event.result)
        return Finished(event.number, replace(whole, status="stopped", reason=reason))


def rungs_ladder(rungs: Sequence[int], epochs: int, keep: float) -> Ladder:
    """Return a ladder on the first fold alone: after each rung only the better `keep` go on.

    A network goes on where its validation loss is within the better share `keep` of all losses
    ever seen at that rung, those of networks that were stopped included (the stopping form of
    asynchronous successive halving, Li et al. 2020, which waits for nobody).

    >>> [(s.from_epoch, s.to_epoch) for s in rungs_ladder((1, 3), epochs=8, keep=0.5).stretches]
    [(0, 1), (1, 3), (3, 8)]
    """
    cuts = [0, *(rung for rung in sorted(set(rungs)) if rung < epochs), epochs]
    stretches = tuple(Stretch((0,), start, end) for start, end in zip(cuts, cuts[1:], strict=False))
    return Ladder(stretches, _behind_at_rung(keep))


def race_ladder(num_folds: int, population_size: int) -> Ladder:
    """Return a ladder fold by fold: what is worse than the worst of a full population stops.

    Means are compared over the folds both have, so whoever is stopped would not have entered
    the population but for the differences between folds.
    """
    stretches = tuple(Stretch((fold,)) for fold in range(num_folds))
    return Ladder(stretches, _behind_the_worst(population_size))


def _behind_at_rung(keep: float) -> Objection:
    def objection(state: SearchState, whole: JobResult, rungs: Mapping[int, Sequence[float]]) -> str | None:
        reached = last_epoch(whole)
        if reached is None:
            return None
        epoch, loss = reached
        seen = rungs[epoch]
        place = sum(other < loss for other in seen)
        if len(seen) <= NUM_FREE or place < math.ceil(keep * len(seen)):
            return None
        return f"behind: place {place + 1} of {len(seen)} after epoch {epoch} of the first fold"

    return objection


def _behind_the_worst(population_size: int) -> Objection:
    def objection(state: SearchState, whole: JobResult, rungs: Mapping[int, Sequence[float]]) -> str | None:
        if len(state.population) < population_size:
            return None
        own = fold_losses(whole)
        others = [fold_losses(individual.measures) for individual in state.population]
        worst = max(statistics.fmean(losses[fold] for fold in own) for losses in others)
        if statistics.fmean(own.values()) <= worst:
            return None
        return f"behind: worse than the whole population on {len(own)} of its folds"

    return objection
