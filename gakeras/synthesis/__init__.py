"""Ever smaller networks over generations (Shafiee and Wong 2016; Chung et al. 2018; Shafiee et al. 2017).

    channels = trace_channels(read_graph(model))      # gakeras.graph: which channels are one unit
    parent = Network(weights, full_masks(channels))   # arrays and masks by name, the ancestor's shapes
    child = synthesize_offspring(channels, [parent], Synthesis(), rng).network

This much is NumPy. `ancestors`, `compaction`, `constants`, `folding`, `heads` and `weights` handle
Keras models; `births` and `exporting` are the jobs that `gakeras.lineage` sends to workers, and
`upbringing` trains for them. They are imported by name.

What the papers leave open and how it is read: docs/synthesis.md.
"""

from gakeras.synthesis.clusters import Clusters, form_clusters, gene_tags
from gakeras.synthesis.masks import Masks, count_synapses, density, full_masks, overlap, remove_dead
from gakeras.synthesis.mating import Network
from gakeras.synthesis.measures import (
    architectural_efficiency,
    cluster_efficiency,
    mean_efficiency,
    sparse_bytes,
)
from gakeras.synthesis.offspring import Offspring, synthesize_offspring
from gakeras.synthesis.precision import Precision, impose_precision
from gakeras.synthesis.settings import Budget, Factors, Synthesis
from gakeras.synthesis.storage import load_masks, save_masks

__all__ = [
    "Budget",
    "Clusters",
    "Factors",
    "Masks",
    "Network",
    "Offspring",
    "Precision",
    "Synthesis",
    "architectural_efficiency",
    "cluster_efficiency",
    "count_synapses",
    "density",
    "form_clusters",
    "full_masks",
    "gene_tags",
    "impose_precision",
    "load_masks",
    "mean_efficiency",
    "overlap",
    "remove_dead",
    "save_masks",
    "sparse_bytes",
    "synthesize_offspring",
]
