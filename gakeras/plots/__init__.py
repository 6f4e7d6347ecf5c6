"""Figures of a run, from its journal alone. They need the extra `report` (plotly).

Every function takes a history, or what `read_run` reads one from, and returns a plotly
figure that shows itself in a notebook. `figure.write_html("figure.html")` writes it for a
browser; `figure.write_image("figure.svg")`, or `.png` or `.pdf`, needs plotly's exporter:
`pip install kaleido`, and a Chrome or Chromium.

Of a search:

- `progress`: the best loss so far, over evaluations or over time
- `tradeoff`: every network's loss against its size, with the Pareto front
- `network`: one network, layer by layer
- `family`: the ancestors of the winner
- `operators`: how often each operator made a child that was better than its parents
- `workers`: who worked when
- `folds`: how the loss of the leaders varies over the folds

Of a synthesis:

- `efficiency`: accuracy against architectural efficiency, with published points
- `shrinkage`: the clusters of every layer over the generations
- `sizes`: synapses, parameters, multiply-accumulates and bytes over the generations
- `effort`: accuracy and efficiency against CPU-seconds

Of a growth:

- `spending`: accuracy or loss of every line of networks against the FLOPs spent
- `descent`: who came of whom, by which transform
- `population`: who went on and who was dropped, by iteration
- `ledger`: the FLOPs of every iteration, for training and for validation
- `ensemble`: an ensemble beside its members
"""

from gakeras.growth.history import GrowthHistory, read_growth
from gakeras.history import History, read_history
from gakeras.lineage.history import SynthesisHistory, read_synthesis
from gakeras.plots.descent import descent
from gakeras.plots.efficiency import efficiency
from gakeras.plots.effort import effort
from gakeras.plots.ensemble import ensemble
from gakeras.plots.family import family
from gakeras.plots.folds import folds
from gakeras.plots.ledger import ledger
from gakeras.plots.network import network
from gakeras.plots.operators import operators
from gakeras.plots.population import population
from gakeras.plots.progress import progress
from gakeras.plots.reading import AnyHistory, read_run
from gakeras.plots.shrinkage import shrinkage
from gakeras.plots.sizes import sizes
from gakeras.plots.spending import spending
from gakeras.plots.tradeoff import pareto_front, tradeoff
from gakeras.plots.workers import workers

__all__ = [
    "AnyHistory",
    "GrowthHistory",
    "History",
    "SynthesisHistory",
    "descent",
    "efficiency",
    "effort",
    "ensemble",
    "family",
    "folds",
    "ledger",
    "network",
    "operators",
    "pareto_front",
    "population",
    "progress",
    "read_growth",
    "read_history",
    "read_run",
    "read_synthesis",
    "shrinkage",
    "sizes",
    "spending",
    "tradeoff",
    "workers",
]
