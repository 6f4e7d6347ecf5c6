"""How far a run has come: one live line in a terminal or notebook, plain lines everywhere else."""

from __future__ import annotations

import math
import sys
import time
from types import TracebackType
from typing import Any, Self

_LINES_EVERY_SECONDS = 10.0


class Progress:
    """Shows what is done, what runs, the best so far and an ETA; a context manager.

    The ETA is the sooner of two: from the evaluations still allowed at the pace so far, and
    from the seconds left. Plain lines come at most every ten seconds, and once at the end.

    Args:
        title: What is going on.
        total: How many things there are to do; None if only time limits them.
        seconds: Time that is left for it; None for no limit.
        done: How many were done before.
        show: False for no display at all.
    """

    def __init__(
        self, title: str, *, total: int | None, seconds: float | None = None, done: int = 0, show: bool = True
    ) -> None:
        self._title, self._total, self._seconds, self._show = title, total, seconds, show
        self._first = self._done = done
        self._start = self._part_start = time.monotonic()
        self._last_line, self._unsaid = -math.inf, ""
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._show and (sys.stderr.isatty() or _in_notebook()):
            from tqdm.auto import tqdm

            self._bar = tqdm(
                total=1.0, desc=self._title, bar_format="{desc} {percentage:3.0f}%|{bar}| {postfix}"
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        elif self._show and self._unsaid:
            self._say(self._unsaid)

    def begin(self, part: str, *, total: int) -> None:
        """Go on with another part of the work: what is done counts from 0 to `total` again.

        The seconds that are left for everything run on.
        """
        self._title = f"{self._title}, {part}"
        self._total, self._first, self._done = total, 0, 0
        self._part_start, self._last_line = time.monotonic(), -math.inf
        if self._bar is not None:
            self._bar.set_description_str(self._title)

    def update(self, done: int, *, running: int = 0, note: str = "") -> None:
        """Show that `done` things are done in all and `running` are under way."""
        self._done = done
        of = f" of {self._total}" if self._total is not None else ""
        text = f"{done}{of} done, {running} running" + (f", {note}" if note else "") + f", ETA {self._eta()}"
        if self._bar is not None:
            self._bar.n = round(self._fraction(), 4)
            self._bar.set_postfix_str(text)
        elif self._show and time.monotonic() - self._last_line >= _LINES_EVERY_SECONDS:
            self._last_line = time.monotonic()
            self._say(text)
        else:
            self._unsaid = text

    def _say(self, text: str) -> None:
        self._unsaid = ""
        print(f"{self._title}: {text}", file=sys.stderr, flush=True)

    def _fraction(self) -> float:
        shares = [self._done / self._total] if self._total else []
        if self._seconds:
            shares.append((time.monotonic() - self._start) / self._seconds)
        return min(1.0, max(shares, default=0.0))

    def _eta(self) -> str:
        now, left = time.monotonic(), []
        if self._total is not None and self._done > self._first:
            pace = (now - self._part_start) / (self._done - self._first)
            left.append((self._total - self._done) * pace)
        if self._seconds is not None:
            left.append(max(0.0, self._seconds - (now - self._start)))
        return _clock(min(left)) if left else "?"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
