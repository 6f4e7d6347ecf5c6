"""Where a network shrinks: the clusters of every layer over the generations."""

from __future__ import annotations

from html import escape

import plotly.graph_objects as go

from gakeras.lineage.history import SynthesisHistory
from gakeras.plots.style import COLOURS, empty, styled


def shrinkage(history: SynthesisHistory) -> go.Figure:
    """Return for every layer its cluster efficiency over the generations, of the best of each.

    The cluster efficiency is the ancestor's clusters of the layer divided by those that have a synapse
    left (Shafiee and Wong 2016, Table 2), on a logarithmic axis: the higher, the smaller the layer.

    >>> figure = shrinkage(synthesis)
    """
    leaders = history.leaders
    if not leaders:
        return empty("No network has been measured yet.")
    traces = [
        go.Scatter(
            name=escape(layer.removesuffix("/kernel")),
            x=[row.generation for row in leaders],
            y=[row.clusters.get(layer) for row in leaders],
            mode="lines+markers",
            line={"color": COLOURS[place % len(COLOURS)], "width": 2},
            marker={"size": 7, "symbol": place // len(COLOURS)},
            hovertemplate="generation %{x}: %{y:.2f}",
        )
        for place, layer in enumerate(leaders[0].clusters)
    ]
    return styled(
        traces,
        xaxis={"title": {"text": "generation"}},
        yaxis={
            "title": {"text": "cluster efficiency"},
            "type": "log",
            "dtick": "D2",
            "minorloglabels": "complete",
        },
    )
