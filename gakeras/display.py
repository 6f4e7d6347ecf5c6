"""What a search shows while it runs: its evaluations and the best so far, then the folds of its finals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gakeras.config import Settings
from gakeras.evolution import Event, Finals, Finished, Individual, Measured, SearchState
from gakeras.fitness.objectives import decimals
from gakeras.progress import Progress
from gakeras.replay import assessment


class SearchDisplay:
    """Shows batches of events on a progress bar as they come.

    Args:
        bar: Where to.
        settings: Those of the search.
        evaluated: The individuals there were before.
        finals: How finalists are compared; None where there are no finals.
    """

    def __init__(
        self, bar: Progress, settings: Settings, evaluated: Iterable[Individual], finals: Finals | None
    ) -> None:
        self._bar, self._settings, self._finals = bar, settings, finals
        self._values = [individual.fitness.values[0] for individual in evaluated]
        self._num_finals = 0

    def show(self, state: SearchState, events: Sequence[Event], running: int) -> None:
        """Show a batch of events, which is on disk and does not count yet, and how many jobs run."""
        self._values += self._values_of(events)
        folds = sum(isinstance(event, Measured) and event.stage != "search" for event in events)
        if folds:
            self._show_finals(state, folds, running)
        elif not self._num_finals:
            finished = sum(isinstance(event, Finished) for event in events)
            self._bar.update(
                state.num_evaluated + finished, running=len(state.in_flight) - finished, note=self._best()
            )

    def _show_finals(self, state: SearchState, folds: int, running: int) -> None:
        if not self._num_finals and self._finals is not None:
            self._bar.begin("finals", total=len(self._finals.steps(state)))
        self._num_finals += folds
        self._bar.update(self._num_finals, running=running, note=self._best())

    def _best(self) -> str:
        if not self._values:
            return ""
        best, is_metric = min(self._values), self._settings.is_after_metric
        name = f" {self._settings.metric}" if is_metric else ""
        if self._settings.penalty:
            name = f"{name} less penalties" if is_metric else " with penalties"
        return f"best{name} {decimals(-best if is_metric else best)}"

    def _values_of(self, events: Sequence[Event]) -> list[float]:
        assess = assessment(self._settings)
        assessed = [assess(event.result) for event in events if isinstance(event, Finished)]
        return [fitness.values[0] for fitness in assessed if fitness is not None]
