"""What an ensemble is made of, and what it gains over its members."""

from __future__ import annotations

import plotly.graph_objects as go

from gakeras.growth.history import GrowthHistory
from gakeras.plots.grown import network_hover
from gakeras.plots.style import BLUE, GREEN, ROW, empty, styled, switch
from gakeras.plots.text import percent


def ensemble(history: GrowthHistory) -> go.Figure:
    """Return the accuracy of the latest ensemble that was saved beside that of each member.

    Buttons switch between the validation part, by which members were chosen, so that the ensemble
    looks a little too good there, and the test set.

    >>> figure = ensemble(growth)
    """
    if not history.ensembles:
        return empty("No ensemble has been saved.")
    latest = history.ensembles[-1]
    rows = {network.number: network for network in history.networks}
    members = [
        (share, rows[number])
        for number, share in zip(latest.members, latest.shares, strict=True)
        if number in rows
    ]
    labels = ["ensemble", *(f"{share:.0%} of #{row.number}" for share, row in members)]
    accuracies: dict[str, list[float | None]] = {
        "validation": [latest.accuracy, *(row.accuracy for _, row in members)],
        "test": [latest.test_accuracy, *(row.test.get("accuracy") for _, row in members)],
    }
    known = {
        part: [None if value is None else percent(value) for value in values]
        for part, values in accuracies.items()
        if any(value is not None for value in values)
    }
    trace = go.Scatter(
        x=known["validation"],
        y=labels,
        mode="markers",
        cliponaxis=False,
        marker={
            "color": [GREEN] + [BLUE] * len(members),
            "size": [14] + [9] * len(members),
            "symbol": ["diamond"] + ["circle"] * len(members),
        },
        hovertext=[
            f"<b>ensemble</b> of {len(members)}, validation loss {latest.loss:.4f}",
            *(network_hover(row) for _, row in members),
        ],
        hoverinfo="text",
    )
    choices = {
        part: [{"x": [values]}, {"xaxis.title.text": f"{part} accuracy, %"}] for part, values in known.items()
    }
    return styled(
        [trace],
        height=ROW * len(labels) + 140,
        showlegend=False,
        margin={"l": 12, "r": 12, "t": 48, "b": 12},
        xaxis={"title": {"text": "validation accuracy, %"}},
        yaxis={"autorange": "reversed", "type": "category"},
        updatemenus=switch(**choices) if len(choices) > 1 else [],
    )
