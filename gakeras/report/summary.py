"""What a reader of a search wants to know first: the winner in numbers, and how far the run is."""

from __future__ import annotations

import statistics
from collections import Counter

from gakeras.fitness.objectives import decimals, fold_losses, fold_metrics, spread_text
from gakeras.history import History
from gakeras.plots.text import count_text
from gakeras.report.content import duration, waiting_text
from gakeras.report.tables import mean_score


def facts(history: History) -> list[tuple[str, str]]:
    """Return the winner's scores and sizes and what the search took, as (name, value)."""
    effort = [("evaluations", f"{len(history.evaluations):,}"), ("time", duration(history.elapsed))]
    best = history.best
    if best is None:
        return effort
    losses = fold_losses(best.measures)
    aim = [(history.aim, decimals(history.value(best)))] if history.settings.penalty else []
    return [
        ("best loss", f"{decimals(statistics.fmean(losses))}{spread_text(losses)}"),
        (history.metric, mean_score(fold_metrics(best.measures), history)),
        *aim,
        ("parameters", f"{best.parameters:,}"),
        ("FLOPs", count_text(best.flops)),
        *([] if best.age is None else [("age", f"{best.age:,} epochs")]),
        *effort,
    ]


def state(history: History) -> str:
    """Say in words how far the run is, as far as a journal can tell."""
    text = (
        f"Of {len(history.evaluations):,} evaluations {len(history.succeeded):,} succeeded, "
        f"{len(history.failed):,} failed{_stopped_text(history)}; "
        f"{len(history.turned_away):,} proposals were turned away without one."
    )
    if history.has_ended:
        return f"{text} The search has ended and its winner was trained."
    return text + waiting_text(len(history.open_proposals))


def _stopped_text(history: History) -> str:
    """Say how many evaluations were stopped early, by the word that their reasons begin with."""
    if not history.stopped:
        return ""
    counts = Counter((each.result.reason or "unsaid").partition(":")[0] for each in history.stopped)
    reasons = ", ".join(f"{count:,} {word}" for word, count in counts.most_common())
    return f", {len(history.stopped):,} were stopped early ({reasons})"
