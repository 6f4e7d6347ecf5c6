"""How long functions take, side by side on a machine that others use as well."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

_MAX_CALLS = 10_000
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Timing:
    """Seconds of one call: the median over the rounds, and the quartiles below and above it."""

    median: float
    low: float
    high: float


def summarise(seconds: np.ndarray) -> Timing:
    """Return the median and quartiles of one value a round.

    >>> summarise(np.array([1.0, 2.0, 3.0, 4.0, 100.0]))
    Timing(median=3.0, low=2.0, high=4.0)
    """
    low, median, high = np.percentile(seconds, [25, 50, 75])
    return Timing(float(median), float(low), float(high))


def time_side_by_side(
    calls: Mapping[Key, Callable[[], object]], *, rounds: int = 15, seconds_each: float = 0.02
) -> dict[Key, np.ndarray]:
    """Return the seconds of one call of each function, one value a round.

    In every round each function has its turn, so a machine that is busy for a while slows all of
    them, and the ratio of two functions within a round says more than their ratio over all. A turn is as
    many calls as take about `seconds_each`; the first calls, which trace and warm up, do not count.
    """
    numbers = {key: _calls_in(seconds_each, call) for key, call in calls.items()}
    seconds: dict[Key, list[float]] = {key: [] for key in calls}
    for _ in range(rounds):
        for key, call in calls.items():
            seconds[key].append(_seconds_of(call, numbers[key]) / numbers[key])
    return {key: np.array(values) for key, values in seconds.items()}


def _calls_in(seconds: float, call: Callable[[], object]) -> int:
    _seconds_of(call, 3)
    return max(1, min(_MAX_CALLS, round(seconds / max(_seconds_of(call, 1), 1e-9))))


def _seconds_of(call: Callable[[], object], number: int) -> float:
    start = time.perf_counter()
    for _ in range(number):
        call()
    return time.perf_counter() - start
