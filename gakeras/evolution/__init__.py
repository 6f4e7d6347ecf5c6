"""The search itself: operators on genomes, selection, and the loops that ask for evaluations.

Knows no Keras, no MPI and no files. DEAP provides the toolbox, the cut of the crossover,
the Gaussian steps, the tournament and the fitness.
"""

from gakeras.evolution.budget import Budget, Session
from gakeras.evolution.cost_model import CostModel, Pricing, fit_cost_model
from gakeras.evolution.durations import Duration, median_seconds, quantile_seconds
from gakeras.evolution.fidelity import Fidelity
from gakeras.evolution.finalists import Finals, penalty_of, rank_finalists, run_finals
from gakeras.evolution.individual import Fitness, Individual
from gakeras.evolution.islands import Islands, discard_worst_of_island
from gakeras.evolution.ladder import Ladder, Step, Stretch
from gakeras.evolution.loops import (
    absorb,
    absorb_later,
    discard_worst,
    generational,
    replace_generation,
    steady_state,
)
from gakeras.evolution.pareto import discard_dominated, pareto_front, select_by_dominance
from gakeras.evolution.pieces import Timing
from gakeras.evolution.proposal import Proposer, make_toolbox
from gakeras.evolution.schedule import LongestFirst, predict_by_flops
from gakeras.evolution.settings import Caps, Variation
from gakeras.evolution.state import Abandoned, Ended, Event, Finished, Measured, Proposal, SearchState
from gakeras.evolution.surrogate import Screener, Screening, genome_features

__all__ = [
    "Abandoned",
    "Budget",
    "Caps",
    "CostModel",
    "Pricing",
    "Timing",
    "fit_cost_model",
    "Duration",
    "Ended",
    "Event",
    "Fidelity",
    "Finals",
    "Finished",
    "Fitness",
    "Individual",
    "Ladder",
    "LongestFirst",
    "Measured",
    "Proposal",
    "Proposer",
    "SearchState",
    "Session",
    "Step",
    "Stretch",
    "Variation",
    "absorb",
    "absorb_later",
    "discard_dominated",
    "Islands",
    "Screener",
    "Screening",
    "discard_worst_of_island",
    "genome_features",
    "discard_worst",
    "pareto_front",
    "select_by_dominance",
    "generational",
    "make_toolbox",
    "median_seconds",
    "penalty_of",
    "predict_by_flops",
    "quantile_seconds",
    "rank_finalists",
    "replace_generation",
    "run_finals",
    "steady_state",
]
