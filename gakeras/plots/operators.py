"""What each operator was good for: how often it made a child that was better than its parents."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from gakeras.history import History
from gakeras.plots.style import GREEN, GREY, ROW, empty, styled


def operators(history: History) -> go.Figure:
    """Return for every operator how many children it had a part in, and how many beat both parents.

    Counted are children that were evaluated with success; one that several operators made
    counts for each of them, so that the bars show where to look and prove nothing.

    >>> figure = operators(history)
    """
    counts = count_successes(history)
    if not counts:
        return empty("No child of two evaluated parents yet.")
    names = sorted(counts, key=lambda name: sum(counts[name]))
    better = [counts[name][0] for name in names]
    others = [counts[name][1] for name in names]
    labels = [escape(name) for name in names]
    traces = [
        go.Bar(
            name=name,
            y=labels,
            x=values,
            orientation="h",
            marker={"color": colour},
            hovertemplate="%{x} %{y}<extra></extra>",
        )
        for name, values, colour in (
            ("better than its parents", better, GREEN),
            ("not better", others, GREY),
        )
    ]
    return styled(
        traces,
        height=ROW * len(names) + 120,
        barmode="stack",
        bargap=0.3,
        margin={"l": 12, "r": 12, "t": 12, "b": 12},
        xaxis={"title": {"text": "children evaluated"}},
        yaxis={"showgrid": False},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
    )


def count_successes(history: History) -> dict[str, tuple[int, int]]:
    """Return for every operator the children that beat their better parent, and those that did not."""
    counts: dict[str, tuple[int, int]] = {}
    for evaluation in history.succeeded:
        improvement = history.gain(evaluation.number)
        if improvement is None:
            continue
        for name in dict.fromkeys(evaluation.proposal.operators):
            better, others = counts.get(name, (0, 0))
            counts[name] = (better + 1, others) if improvement > 0 else (better, others + 1)
    return counts
