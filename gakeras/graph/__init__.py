"""What a Keras model is made of, as plain data: nodes, units of channels, and what they cost.

    graph = read_graph(model)              # one node for each layer, with its shapes
    cost = graph_cost(graph)               # parameters, multiply-accumulates, FLOPs
    channels = trace_channels(graph)       # which channels are the same unit
    kept_indices(channels, kept)           # the part of every weight array that stays
    entry_places(graph, grown)             # where it is in a larger one

Only `rebuilding` and `grafting` import Keras; the rest reads what a model says about itself.
"""

from gakeras.graph.channels import Channels, Kernel, trace_channels
from gakeras.graph.costs import ModelCost, graph_cost, model_cost
from gakeras.graph.liveness import fed_channels, used_channels
from gakeras.graph.matching import Places, entry_places, kernel_offset, matched_units, put
from gakeras.graph.nodes import Graph, Node
from gakeras.graph.reading import read_graph
from gakeras.graph.slices import kept_indices, permuted_indices, resized_configs, take
from gakeras.graph.steps import mixes_channels

__all__ = [
    "Channels",
    "Graph",
    "Kernel",
    "ModelCost",
    "Node",
    "Places",
    "entry_places",
    "fed_channels",
    "graph_cost",
    "kept_indices",
    "kernel_offset",
    "matched_units",
    "mixes_channels",
    "model_cost",
    "permuted_indices",
    "put",
    "read_graph",
    "resized_configs",
    "take",
    "trace_channels",
    "used_channels",
]
