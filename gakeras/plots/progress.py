"""The best value so far of what evolution is after, over evaluations and over time."""

from __future__ import annotations

from itertools import accumulate
from typing import Any

import plotly.graph_objects as go

from gakeras.history import History
from gakeras.plots.style import BLUE, GREY, ORANGE, RED, empty, loss_axis, styled, switch
from gakeras.plots.text import failure_hover, individual_hover


def progress(history: History) -> go.Figure:
    """Return the loss of every evaluation and the best one so far, as a line that never rises.

    With a penalty it is the loss with that, as evolution sees it, and the axis says so. Where evolution
    is after a metric it is that, and the line never falls. Two buttons switch between
    evaluations and seconds of the run's budget. An evaluation that failed is a cross at the height of
    the worst, one that was stopped early a triangle there, each with its reason.

    >>> figure = progress(history)
    """
    if not history.evaluations:
        return empty("Nothing has been evaluated yet.")
    scored = [(e, e.individual) for e in history.evaluations if e.individual is not None]
    is_metric = history.settings.is_after_metric
    values = [history.value(individual) for _, individual in scored]
    order = {evaluation.number: place for place, evaluation in enumerate(history.evaluations, start=1)}
    places = [order[evaluation.number] for evaluation, _ in scored]
    times = [evaluation.elapsed for evaluation, _ in scored]
    xs = [(places, times), (places, times)]
    traces: list[Any] = [
        go.Scatter(
            name="evaluation",
            x=places,
            y=values,
            mode="markers",
            marker={"color": GREY, "size": 6, "opacity": 0.7},
            hovertext=[individual_hover(individual, e.proposal) for e, individual in scored],
            hoverinfo="text",
        ),
        go.Scatter(
            name="best so far",
            x=places,
            y=list(accumulate(values, max if is_metric else min)),
            mode="lines",
            line={"color": BLUE, "width": 2.5, "shape": "hv"},
            hoverinfo="skip",
        ),
    ]
    for name, colour, symbol, unscored in (
        ("stopped early", ORANGE, "triangle-down", history.stopped),
        ("failed", RED, "x", history.failed),
    ):
        if not unscored:
            continue
        xs.append(([order[e.number] for e in unscored], [e.elapsed for e in unscored]))
        traces.append(
            go.Scatter(
                name=name,
                x=xs[-1][0],
                y=[(min if is_metric else max)(values, default=1.0)] * len(unscored),
                mode="markers",
                marker={"color": colour, "size": 7, "symbol": symbol},
                hovertext=[failure_hover(evaluation) for evaluation in unscored],
                hoverinfo="text",
            )
        )
    axis = {"title": {"text": "evaluations"}, "rangemode": "tozero"}
    buttons = switch(
        evaluations=[{"x": [by_place for by_place, _ in xs]}, _title("evaluations")],
        time=[{"x": [by_time for _, by_time in xs]}, _title("seconds")],
    )
    height = {"title": {"text": history.aim}} if is_metric else loss_axis(values, history.aim)
    return styled(traces, xaxis=axis, yaxis=height, updatemenus=buttons)


def _title(text: str) -> dict[str, Any]:
    return {"xaxis.title.text": text, "xaxis.autorange": True}
