"""Figures of a search, from its journal alone. They need the extra `report` (plotly).

Every function takes a history, or what `read_history` reads one from, and returns a plotly
figure that shows itself in a notebook. `figure.write_html("figure.html")` writes it for a
browser; `figure.write_image("figure.svg")`, or `.png` or `.pdf`, needs plotly's exporter:
`pip install kaleido`, and a Chrome or Chromium.

- `progress`: the best loss so far, over evaluations or over time
- `tradeoff`: every network's loss against its size, with the Pareto front
- `network`: one network, layer by layer
- `family`: the ancestors of the winner
- `operators`: how often each operator made a child that was better than its parents
- `workers`: who worked when
- `folds`: how the loss of the leaders varies over the folds

and `growth`, which takes a `Growth`: accuracy against the FLOPs that were spent.
"""

from gakeras.history import History, read_history
from gakeras.plots.family import family
from gakeras.plots.folds import folds
from gakeras.plots.growth import growth
from gakeras.plots.network import network
from gakeras.plots.operators import operators
from gakeras.plots.progress import progress
from gakeras.plots.tradeoff import pareto_front, tradeoff
from gakeras.plots.workers import workers

__all__ = [
    "History",
    "family",
    "folds",
    "growth",
    "network",
    "operators",
    "pareto_front",
    "progress",
    "read_history",
    "tradeoff",
    "workers",
]
