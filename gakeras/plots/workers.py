"""Who worked when: a row for every worker, with the time it had nothing to do."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from gakeras.history import Evaluation, History
from gakeras.plots.style import BLUE, ORANGE, RED, ROW, empty, styled
from gakeras.plots.text import lines, wrapped


def workers(history: History) -> go.Figure:
    """Return a row for every worker, with a bar for every evaluation: red if failed, orange if stopped early.

    Times are seconds of the run's budget, so that pauses between the sessions of a run and
    clocks that differ between hosts do not show. What is not covered is idle time, the start of
    the workers' processes and whatever was not finished; each row says its share.

    >>> figure = workers(history)
    """
    if not history.evaluations:
        return empty("Nothing has been evaluated yet.")
    names = sorted({_worker(evaluation) for evaluation in history.evaluations})
    idle = idle_shares(history)
    labels = {name: f"{row}: {idle[name]:.0%} idle" for row, name in enumerate(names, start=1)}
    traces = [
        go.Bar(
            name=name,
            orientation="h",
            y=[labels[_worker(evaluation)] for evaluation in evaluations],
            x=[evaluation.seconds for evaluation in evaluations],
            base=[max(evaluation.elapsed - evaluation.seconds, 0.0) for evaluation in evaluations],
            marker={"color": colour, "line": {"color": "rgba(255, 255, 255, 0.6)", "width": 1}},
            hovertext=[_hover(evaluation) for evaluation in evaluations],
            hoverinfo="text",
        )
        for name, colour, evaluations in (
            ("evaluation", BLUE, history.succeeded),
            ("stopped early", ORANGE, history.stopped),
            ("failed", RED, history.failed),
        )
        if evaluations
    ]
    return styled(
        traces,
        height=ROW * len(names) + 110,
        barmode="overlay",
        bargap=0.25,
        showlegend=False,
        margin={"l": 12, "r": 12, "t": 12, "b": 12},
        xaxis={"title": {"text": "seconds"}, "range": [0, history.elapsed]},
        yaxis={
            "showgrid": False,
            "categoryorder": "array",
            "categoryarray": [labels[name] for name in reversed(names)],
        },
    )


def idle_shares(history: History) -> dict[tuple[str, str], float]:
    """Return for every worker, as (host, worker), the share of the search in which it evaluated nothing."""
    busy: dict[tuple[str, str], float] = {}
    for evaluation in history.evaluations:
        name = _worker(evaluation)
        busy[name] = busy.get(name, 0.0) + evaluation.seconds
    return {name: max(1 - seconds / max(history.elapsed, 1e-9), 0.0) for name, seconds in busy.items()}


def _worker(evaluation: Evaluation) -> tuple[str, str]:
    return evaluation.result.host, evaluation.result.worker


def _hover(evaluation: Evaluation) -> str:
    host, worker = _worker(evaluation)
    score = f"loss {evaluation.individual.loss:.4f}" if evaluation.individual else evaluation.result.status
    return lines(
        f"<b>#{evaluation.number}</b> {escape(score)}",
        f"{evaluation.seconds:.1f} s",
        *wrapped(f"{worker} on {host}"),
    )
