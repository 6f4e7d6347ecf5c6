"""The end of a run: which evaluations are left for last, so that all workers finish together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gakeras.encoding import Genome
from gakeras.evolution.durations import seconds_per_flop
from gakeras.evolution.ladder import Step
from gakeras.evolution.state import Proposal, SearchState

Predict = Callable[[SearchState, Sequence[Proposal | Step]], list[float]]
"""Predicted times of the evaluations of some proposals, in any unit."""


@dataclass(frozen=True)
class LongestFirst:
    """Proposes the last evaluations of a run together and starts the longest of them first.

    One long evaluation that begins last keeps every other worker waiting. So as soon as no
    more than `num_last` evaluations per worker are left, all of them are proposed at once,
    from the population as it is then, and started in the order of their predicted times,
    longest first (the LPT rule of Graham 1969): what is left for the very end is short.

    The price is that the last parents are older than those of Algorithm 1, by the
    evaluations that end between proposal and start. Hence never more than `max_share` of a
    run is proposed ahead, and nothing with a single worker, which leaves nobody waiting.

    Args:
        predict: Which evaluations will take longer.
        num_last: Evaluations per worker proposed ahead; 0 is Algorithm 1 to the letter.
        max_share: Largest share of the run's evaluations proposed ahead.
    """

    predict: Predict
    num_last: int = 10
    max_share: float = 0.25

    def is_near_the_end(self, remaining: int | None, max_evaluations: int | None, slots: int) -> bool:
        """Tell whether so few evaluations are left to propose that all of them are proposed at once."""
        if remaining is None or max_evaluations is None or slots == 1:
            return False
        return remaining <= min(self.num_last * slots, int(self.max_share * max_evaluations))

    def order(self, state: SearchState, waiting: Sequence[Step]) -> list[Step]:
        """Return the waiting steps in the order in which they are to start."""
        if len(waiting) < 2:
            return list(waiting)
        predicted = self.predict(state, waiting)
        places = sorted(range(len(waiting)), key=lambda place: (-predicted[place], waiting[place].number))
        return [waiting[place] for place in places]


def predict_by_flops(flops_of: Callable[[Genome], int]) -> Predict:
    """Return a prediction of evaluation times: linear in the forward FLOPs, fitted to what was seen."""

    def predict(state: SearchState, proposals: Sequence[Proposal | Step]) -> list[float]:
        slope, intercept = seconds_per_flop(state.durations)
        return [intercept + slope * flops_of(proposal.genome) for proposal in proposals]

    return predict
