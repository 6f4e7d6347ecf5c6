"""When a search ends, and when the process that does it has to stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gakeras.errors import RunError
from gakeras.evolution.durations import Duration
from gakeras.evolution.state import SearchState

POLL_SECONDS = 1.0
"""How long a loop waits for results before it looks again whether it may go on."""


class Session(Protocol):
    """The stretch of a search that one process does."""

    def seconds_left(self) -> float | None:
        """Return the seconds until the process has to stop, at least 0; None for no limit."""

    def is_closing(self, durations: Sequence[Duration]) -> bool:
        """Tell whether it is too late to start an evaluation, judged by those that were seen."""


@dataclass(frozen=True)
class Budget:
    """When a search ends. `deadline` is a reading of `clock`, by default of `time.monotonic`.

    `session` is asked as well: where this process has to end before the search does, it says
    how many seconds are left, and whether it is too late to start anything.
    `max_cpu_seconds` are those of the workers; what runs when they are used up may end.
    `failures_before` were there when the session began, which may have mended what was wrong.
    `reserve` are (CPU-seconds, seconds) kept for what comes after the search (see `finals`).
    """

    max_evaluations: int | None = None
    max_cpu_seconds: float | None = None
    deadline: float | None = None
    max_turned_away: int = 200
    max_first_failures: int = 8
    failures_before: int = 0
    clock: Callable[[], float] = time.monotonic
    session: Session | None = None
    reserve: Callable[[SearchState], tuple[float, float]] = lambda state: (0.0, 0.0)

    def seconds_left(self) -> float | None:
        """Return the seconds until whatever still runs is given up, at least 0; None for no limit."""
        left = [] if self.deadline is None else [max(0.0, self.deadline - self.clock())]
        session = None if self.session is None else self.session.seconds_left()
        return min([*left, *([] if session is None else [session])], default=None)

    def search_seconds_left(self, state: SearchState) -> float | None:
        """Return the same, less what is kept for what comes after the search."""
        left = self.seconds_left()
        if left is None or self.deadline is None:
            return left
        _, kept = self.reserve(state)
        return min(left, max(0.0, self.deadline - kept - self.clock()))

    def patience(self, state: SearchState | None = None) -> float:
        """Return how long to wait for results before looking again, in a search where its state is given."""
        left = self.seconds_left() if state is None else self.search_seconds_left(state)
        return POLL_SECONDS if left is None else min(POLL_SECONDS, left)

    def remaining(self, state: SearchState) -> int | None:
        """Return how many evaluations may still be started; None for no limit on their number."""
        if self.max_evaluations is None:
            return None
        return max(0, self.max_evaluations - state.num_evaluated - len(state.in_flight))

    def allows(self, state: SearchState) -> bool:
        """Tell whether another proposal may be made."""
        return (
            self.stop_reason(state) is None
            and self.remaining(state) != 0
            and state.turned_away < self.max_turned_away
            and self.may_start(state)
        )

    def may_start(self, state: SearchState) -> bool:
        """Tell whether another evaluation, or another step of one, may begin."""
        if self._is_used_up(state) is not None:
            return False
        return not self.is_closing(state)

    def is_closing(self, state: SearchState) -> bool:
        """Tell whether the session ends too soon for anything to begin."""
        return self.session is not None and self.session.is_closing(state.durations)

    def stop_reason(self, state: SearchState) -> str | None:
        """Return why the search is over, or None."""
        used_up = self._is_used_up(state)
        if used_up is not None:
            return used_up
        if self.max_evaluations is not None and state.num_evaluated >= self.max_evaluations:
            return "the evaluations are used up"
        if state.turned_away >= self.max_turned_away and not state.in_flight:
            return f"the last {state.turned_away} proposals were all known or oversized: nothing new is found"
        return None

    def _is_used_up(self, state: SearchState) -> str | None:
        if self.deadline is None and self.max_cpu_seconds is None:
            return None
        cpu_seconds, seconds = self.reserve(state)
        if self.deadline is not None and self.clock() >= self.deadline - seconds:
            return "the time is used up"
        if self.max_cpu_seconds is not None and state.cpu_seconds >= self.max_cpu_seconds - cpu_seconds:
            return "the CPU-seconds are used up"
        return None

    def check_first_failures(self, state: SearchState) -> None:
        """Raise `RunError` where nothing has ever worked, and nothing since this session began."""
        failed_now = state.num_failed - self.failures_before
        if state.num_evaluated == state.num_failed and failed_now >= self.max_first_failures:
            raise RunError(
                f"The first {state.num_failed} evaluations all failed, so the search stops. "
                f"The last one: {state.last_failure}"
            )
