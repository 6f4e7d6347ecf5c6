"""The search itself: operators on genomes, selection, and the loops that ask for evaluations.

Knows no Keras, no MPI and no files. DEAP provides the toolbox, the cut of the crossover,
the Gaussian steps, the tournament and the fitness.
"""

from gakeras.evolution.durations import Duration, median_seconds, quantile_seconds
from gakeras.evolution.individual import Fitness, Individual
from gakeras.evolution.loops import (
    Budget,
    Session,
    absorb,
    absorb_later,
    discard_worst,
    generational,
    replace_generation,
    steady_state,
)
from gakeras.evolution.proposal import Proposer, make_toolbox
from gakeras.evolution.schedule import LongestFirst, predict_by_flops
from gakeras.evolution.settings import Caps, Variation
from gakeras.evolution.state import Abandoned, Event, Finished, Proposal, SearchState

__all__ = [
    "Abandoned",
    "Budget",
    "Caps",
    "Duration",
    "Event",
    "Finished",
    "Fitness",
    "Individual",
    "LongestFirst",
    "Proposal",
    "Proposer",
    "SearchState",
    "Session",
    "Variation",
    "absorb",
    "absorb_later",
    "discard_worst",
    "generational",
    "make_toolbox",
    "median_seconds",
    "predict_by_flops",
    "quantile_seconds",
    "replace_generation",
    "steady_state",
]
