"""What small networks cost to find: accuracy and efficiency against CPU-seconds."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go

from gakeras.lineage.history import SynthesisHistory
from gakeras.plots.descendants import descendant_hover
from gakeras.plots.style import BLUE, GREEN, empty, styled, switch
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
    groups = {
        name: sorted(rows, key=lambda row: row.number)
        for name, rows in (
            ("network", [row for row in history.descendants if row.role != "last"]),
            ("trained once more", history.last),
        )
        if rows
    }
    looks: dict[str, dict[str, Any]] = {
        "network": {"mode": "lines+markers", "line": {"color": BLUE, "width": 1}, "marker": {"size": 8}},
        "trained once more": {"mode": "markers", "marker": {"color": GREEN, "size": 13, "symbol": "star"}},
    }
    accuracies = [[percent(row.accuracy) for row in rows] for rows in groups.values()]
    traces = [
        go.Scatter(
            name=name,
            x=[spent[row.number] for row in rows],
            y=heights,
            hovertext=[descendant_hover(row) for row in rows],
            hoverinfo="text",
            **looks[name],
        )
        for (name, rows), heights in zip(groups.items(), accuracies, strict=True)
    ]
    title = "validation accuracy, %"
    efficiencies = [[row.efficiency for row in rows] for rows in groups.values()]
    buttons = switch(
        accuracy=[{"y": accuracies}, {"yaxis.title.text": title, "yaxis.type": "linear"}],
        efficiency=[
            {"y": efficiencies},
            {"yaxis.title.text": "architectural efficiency", "yaxis.type": "log"},
        ],
    )
    return styled(
        traces,
        xaxis={"title": {"text": "CPU-seconds"}},
        yaxis={"title": {"text": title}, "minorloglabels": "complete"},
        updatemenus=buttons,
    )
