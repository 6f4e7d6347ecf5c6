"""The best loss so far, over evaluations and over time."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import plotly.graph_objects as go

from gakeras.history import History
from gakeras.plots.style import BLUE, GREY, RED, empty, loss_axis, styled, switch
from gakeras.plots.text import failure_hover, individual_hover


def progress(history: History) -> go.Figure:
    """Return the loss of every evaluation and the best one so far, as a line that never rises.

    Two buttons switch between evaluations and seconds of the run's budget. A failed
    evaluation is a cross at the height of the worst loss, with its reason.

    >>> figure = progress(history)
    """
    if not history.evaluations:
        return empty("Nothing has been evaluated yet.")
    scored = [(e, e.individual) for e in history.evaluations if e.individual is not None]
    failed = [evaluation for evaluation in history.evaluations if evaluation.individual is None]
    losses = [individual.loss for _, individual in scored]
    order = {evaluation.number: place for place, evaluation in enumerate(history.evaluations, start=1)}
    places = [order[evaluation.number] for evaluation, _ in scored]
    times = [evaluation.elapsed for evaluation, _ in scored]
    failed_places = [order[evaluation.number] for evaluation in failed]
    failed_times = [evaluation.elapsed for evaluation in failed]
    traces: list[Any] = [
        go.Scatter(
            name="evaluation",
            x=places,
            y=losses,
            mode="markers",
            marker={"color": GREY, "size": 6, "opacity": 0.7},
            hovertext=[individual_hover(individual, e.proposal) for e, individual in scored],
            hoverinfo="text",
        ),
        go.Scatter(
            name="best so far",
            x=places,
            y=list(accumulate(losses, min)),
            mode="lines",
            line={"color": BLUE, "width": 2.5, "shape": "hv"},
            hoverinfo="skip",
        ),
    ]
    if failed:
        traces.append(
            go.Scatter(
                name="failed",
                x=failed_places,
                y=[max(losses, default=1.0)] * len(failed),
                mode="markers",
                marker={"color": RED, "size": 7, "symbol": "x"},
                hovertext=[failure_hover(evaluation) for evaluation in failed],
                hoverinfo="text",
            )
        )
    axis = {"title": {"text": "evaluations"}, "rangemode": "tozero"}
    buttons = switch(
        evaluations=[{"x": [places, places, failed_places][: len(traces)]}, _title("evaluations")],
        time=[{"x": [times, times, failed_times][: len(traces)]}, _title("seconds")],
    )
    return styled(traces, xaxis=axis, yaxis=loss_axis(losses), updatemenus=buttons)


def _title(text: str) -> dict[str, Any]:
    return {"xaxis.title.text": text, "xaxis.autorange": True}
