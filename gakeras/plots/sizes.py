"""How small networks become over the generations, in what a device pays for."""

from __future__ import annotations

import plotly.graph_objects as go

from gakeras.lineage.history import SynthesisHistory
from gakeras.plots.descendants import descendant_hover, groups_of
from gakeras.plots.style import empty, styled, switch

SIZES = {
    "synapses": ("synapses", "living synapses"),
    "parameters": ("parameters", "parameters, compacted"),
    "MACs": ("multiply_accumulates", "multiply-accumulates, compacted"),
    "bytes": ("sparse_bytes", "bytes, sparse"),
}
"""The buttons: (field of a `Descendant`, title of the axis)."""


def sizes(history: SynthesisHistory) -> go.Figure:
    """Return the size of every network over the generations, on a logarithmic axis.

    Four buttons switch between living synapses, parameters and multiply-accumulates after compaction,
    and the bytes of the living weights with an index. The line joins the fittest of each generation.

    >>> figure = sizes(synthesis)
    """
    if not history.descendants:
        return empty("No network has been measured yet.")
    groups = groups_of(history)
    traces = [
        go.Scatter(
            name=name,
            x=[row.generation for row in rows],
            y=[row.synapses for row in rows],
            hovertext=[descendant_hover(row) for row in rows],
            hoverinfo="text",
            **look,
        )
        for name, (rows, look) in groups.items()
    ]
    choices = {
        label: [
            {"y": [[getattr(row, field) for row in rows] for rows, _ in groups.values()]},
            {"yaxis.title.text": title},
        ]
        for label, (field, title) in SIZES.items()
    }
    return styled(
        traces,
        xaxis={"title": {"text": "generation"}},
        yaxis={
            "title": {"text": SIZES["synapses"][1]},
            "type": "log",
            "dtick": "D2",
            "tickformat": "~s",
            "minorloglabels": "complete",
        },
        updatemenus=switch(**choices),
    )
