"""What a network is before it is a network: blocks, genomes, the space they come from, and the way to Keras.

`blocks` and `genome` say what an individual is, `space`, `sample` and `repair` which ones
there may be, `costs` what they cost, and `build` turns one into a Keras model.
"""

from gakeras.encoding.blocks import Block, Conv, Cost, Dense, GlobalPool, MaxPool
from gakeras.encoding.build import build_model
from gakeras.encoding.costs import Layer, genome_cost, num_activations, trace_costs
from gakeras.encoding.genome import Genome
from gakeras.encoding.inception import Inception
from gakeras.encoding.learning import Learning, LearningSpace
from gakeras.encoding.lineage import with_lineage
from gakeras.encoding.repair import repair
from gakeras.encoding.sample import random_block, random_genome
from gakeras.encoding.space import SearchSpace

__all__ = [
    "Block",
    "Conv",
    "Cost",
    "Dense",
    "Genome",
    "GlobalPool",
    "Inception",
    "Layer",
    "Learning",
    "LearningSpace",
    "MaxPool",
    "SearchSpace",
    "build_model",
    "genome_cost",
    "num_activations",
    "random_block",
    "random_genome",
    "repair",
    "trace_costs",
    "with_lineage",
]
