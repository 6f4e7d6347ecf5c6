"""What small networks cost to find: accuracy and efficiency against CPU-seconds."""

from __future__ import annotations

import plotly.graph_objects as go

from gakeras.lineage.history import SynthesisHistory
from gakeras.plots.descendants import descendant_hover
from gakeras.plots.style import BLUE, empty, styled, switch
from gakeras.plots.text import percent


def effort(history: SynthesisHistory) -> go.Figure:
    """Return every network by the CPU-seconds that were spent when it was measured.

    They are those of all jobs up to its own, failed ones included: drawing, training and measuring.
    Two buttons switch between validation accuracy and architectural efficiency.

    >>> figure = effort(synthesis)
    """
    if not history.descendants:
        return empty("No network has been measured yet.")
    spent, total = dict[int, float](), 0.0
    for number in sorted(history.past.cpu_seconds):
        total += history.past.cpu_seconds[number]
        spent[number] = round(total, 2)
    rows = sorted(history.descendants, key=lambda row: row.number)
    accuracies = [percent(row.accuracy) for row in rows]
    trace = go.Scatter(
        name="network",
        x=[spent[row.number] for row in rows],
        y=accuracies,
        mode="lines+markers",
        line={"color": BLUE, "width": 1},
        marker={
            "color": BLUE,
            "size": [13 if row.role == "last" else 8 for row in rows],
            "symbol": ["star" if row.role == "last" else "circle" for row in rows],
        },
        hovertext=[descendant_hover(row) for row in rows],
        hoverinfo="text",
    )
    title = "validation accuracy, %"
    buttons = switch(
        accuracy=[{"y": [accuracies]}, {"yaxis.title.text": title, "yaxis.type": "linear"}],
        efficiency=[
            {"y": [[row.efficiency for row in rows]]},
            {"yaxis.title.text": "architectural efficiency", "yaxis.type": "log"},
        ],
    )
    return styled(
        [trace],
        showlegend=False,
        margin={"l": 12, "r": 12, "t": 48, "b": 12},
        xaxis={"title": {"text": "CPU-seconds"}, "rangemode": "tozero"},
        yaxis={"title": {"text": title}, "minorloglabels": "complete"},
        updatemenus=buttons,
    )
