"""How long evaluations take: what was seen, and what is to be expected of one not begun."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RECENT = 500
"""So many evaluations tell what the next ones take; more would only make asking dearer."""


@dataclass(frozen=True)
class Duration:
    """How long the evaluation of a network of so many forward FLOPs took."""

    flops: int
    seconds: float


def median_seconds(durations: Sequence[Duration], at_least: int = 5) -> float | None:
    """Return the median of the recent ones; None of fewer than `at_least`, which say little."""
    if len(durations) < at_least:
        return None
    return statistics.median(duration.seconds for duration in durations[-RECENT:])


def quantile_seconds(durations: Sequence[Duration], share: float) -> float | None:
    """Return the time within which `share` of the recent evaluations ended; None where there were none.

    >>> quantile_seconds([Duration(1, seconds) for seconds in (1.0, 2.0, 3.0, 50.0)], 0.75)
    3.0
    """
    if not durations:
        return None
    seconds = sorted(duration.seconds for duration in durations[-RECENT:])
    return seconds[max(0, min(len(seconds) - 1, round(share * len(seconds)) - 1))]


def seconds_per_flop(durations: Sequence[Duration]) -> tuple[float, float]:
    """Return (seconds a FLOP, seconds whatever the network), the least squares line, neither below zero.

    Few durations, or durations that fall with the FLOPs, give a line that tells nothing apart.

    >>> seconds_per_flop([Duration(10, 3.0), Duration(20, 5.0), Duration(40, 9.0)])
    (0.2, 1.0)
    """
    recent = durations[-RECENT:]
    if len({duration.flops for duration in recent}) < 3:
        return 0.0, 0.0
    flops, seconds = zip(*((duration.flops, duration.seconds) for duration in recent), strict=True)
    slope, intercept = statistics.linear_regression(flops, seconds)
    if slope <= 0:
        return 0.0, statistics.fmean(seconds)
    if intercept < 0:
        slope, intercept = statistics.linear_regression(flops, seconds, proportional=True)
    return slope, intercept
