"""A session: the stretch of a run that one process does, with its time limit and its signals."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Sequence
from types import FrameType, TracebackType
from typing import Any, Self

from gakeras.errors import InputError, RunError, Unfinished
from gakeras.evolution import Duration, quantile_seconds

STOP_SIGNALS = ("SIGTERM", "SIGUSR1")
LONG_SHARE = 0.9


def parse_seconds(text: str) -> float:
    """Return the seconds that a time limit as batch systems write it stands for.

    Behind days come hours first, as Slurm has it; without days the last number is seconds.

    >>> parse_seconds("90"), parse_seconds("1:30"), parse_seconds("11:50:00")
    (90.0, 90.0, 42600.0)
    >>> parse_seconds("2-00:00:00"), parse_seconds("1-12"), parse_seconds("1-12:30")
    (172800.0, 129600.0, 131400.0)
    """
    match = re.fullmatch(r"(?:(?P<days>\d+)-)?(?P<clock>(?:\d+:){0,2}\d+(?:\.\d+)?)", text.strip())
    if match is None:
        raise InputError(
            "A time limit is a length of time.",
            expected="seconds, MM:SS, HH:MM:SS, D-HH, D-HH:MM or D-HH:MM:SS",
            received=repr(text),
        )
    days, parts = match["days"], [float(part) for part in match["clock"].split(":")]
    missing = [0.0] * (3 - len(parts))
    hours, minutes, seconds = [*parts, *missing] if days else [*missing, *parts]
    return ((float(days or 0) * 24 + hours) * 60 + minutes) * 60 + seconds


class Session:
    """Knows when to start nothing more, and when to stop; a context manager that listens to signals.

    With a time limit, nothing is started once less time is left than 90 % of the evaluations
    have taken, so that little is thrown away when the limit comes. SIGTERM and SIGUSR1, which
    batch systems send ahead of the end, only set a flag: nothing more is started, and what
    runs has `grace_seconds` to end. Everything finished is in the journal all along. It may be
    entered within itself: a command listens from its first moment on, and so does the search in it. It counts
    what is finished in it: a run that never gets on in sessions so short would be resumed for ever.

    Args:
        time_limit: Seconds from now until this process stops; None for no limit.
        grace_seconds: How long evaluations that run when a signal comes may go on.
        clock: Seconds that only go forward.
    """

    def __init__(
        self,
        time_limit: float | None = None,
        grace_seconds: float = 20.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if time_limit is not None and not time_limit > 0:
            raise InputError(
                "A time limit leaves some time.",
                expected="time_limit > 0 seconds",
                received=f"time_limit={time_limit}",
            )
        self._clock, self._grace_seconds = clock, grace_seconds
        self._time_limit = time_limit
        self._deadline = None if time_limit is None else clock() + time_limit
        self._num_finished = 0
        self._signal: str | None = None
        self._handlers: dict[int, Any] = {}
        self._depth = 0

    def __enter__(self) -> Self:
        self._depth += 1
        is_main = threading.current_thread() is threading.main_thread()  # no other may set handlers
        if is_main and not self._handlers:
            for name in STOP_SIGNALS:
                if hasattr(signal, name):
                    number = getattr(signal, name)
                    self._handlers[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._depth -= 1
        if self._depth:
            return
        for number, handler in self._handlers.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._handlers.clear()

    def seconds_left(self) -> float | None:
        """Return the seconds until this process has to stop, at least 0; None for no limit."""
        return None if self._deadline is None else max(0.0, self._deadline - self._clock())

    def is_closing(self, durations: Sequence[Duration] = ()) -> bool:
        """Tell whether it is too late to start an evaluation, judged by how long others have taken."""
        left = self.seconds_left()
        if self._signal is not None or left == 0.0:
            return True
        needed = None if left is None else quantile_seconds(durations, LONG_SHARE)
        return left is not None and needed is not None and left < needed

    def is_over(self) -> bool:
        """Tell whether the time is up."""
        return self.seconds_left() == 0.0

    def count_finished(self, number: int) -> None:
        """Note that so many jobs have ended, and are on disk."""
        self._num_finished += number

    def ended(self, what_is_left: str) -> RunError:
        """Return what is raised when a session ends before its run: `Unfinished`, to be resumed.

        It is another error where the time limit came before anything was finished: the next session would
        begin the same again.
        """
        if self._num_finished or self._signal is not None or self._time_limit is None:
            return Unfinished(what_is_left)
        return RunError(
            f"{what_is_left.rstrip('.')}. But nothing was finished in this session of {self._time_limit:g} "
            "seconds: what is next takes longer, and every session begins it anew. Resume with a longer time "
            "limit."
        )

    @property
    def reason(self) -> str:
        """Why the session ends, in words."""
        return f"received {self._signal}" if self._signal is not None else "the session's time limit"

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._signal is None:
            self._signal = signal.Signals(number).name
            end = self._clock() + self._grace_seconds
            self._deadline = end if self._deadline is None else min(self._deadline, end)
