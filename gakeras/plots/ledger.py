"""Who has spent what: the operations of every iteration, for training and for validation."""

from __future__ import annotations

import plotly.graph_objects as go

from gakeras.growth.history import GrowthHistory
from gakeras.morphism.ledger import Charge
from gakeras.plots.style import BLUE, ORANGE, empty, styled
from gakeras.plots.text import count_text


def ledger(history: GrowthHistory) -> go.Figure:
    """Return the FLOPs that every iteration has spent on training and on validation.

    A step of training counts as three forward passes of each example. Trainings that failed are charged
    as far as they say what they have spent; a last leg has a bar of its own, marked `+`.

    >>> figure = ledger(growth)
    """
    charges = charges_by_iteration(history)
    if not charges:
        return empty("Nothing has been spent yet.")
    spent = [charge.flops for charge in charges.values()]
    totals = [count_text(sum(spent[: place + 1])) for place in range(len(spent))]
    traces = [
        go.Bar(
            name=name,
            x=list(charges),
            y=[getattr(charge, name) for charge in charges.values()],
            marker={"color": colour},
            customdata=totals,
            hovertemplate=f"{name} %{{y:.3s}}FLOPs<br>all by then: %{{customdata}}FLOPs<extra></extra>",
        )
        for name, colour in (("training", BLUE), ("validation", ORANGE))
    ]
    return styled(
        traces,
        height=340,
        barmode="stack",
        bargap=0.35,
        xaxis={"title": {"text": "iteration"}, "type": "category"},
        yaxis={"title": {"text": "FLOPs"}, "tickformat": "~s"},
    )


def charges_by_iteration(history: GrowthHistory) -> dict[str, Charge]:
    """Return what every iteration has spent, last legs apart."""
    accounts = history.population.ledger.accounts
    found: dict[str, Charge] = {}
    for training in history.population.trainings:
        charge = accounts.get(str(training.number))
        if charge is not None:
            name = f"{training.iteration}{'+' if training.role == 'last' else ''}"
            found[name] = found.get(name, Charge()) + charge
    return found
