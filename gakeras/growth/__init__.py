"""A growth as a run: its settings, its trainings as jobs, its journal, and the networks that come of it.

How a network becomes larger is in `gakeras.morphism`. Here are the population and its rules
(`population`), random transforms (`mutating`), what workers do (`training`, `joining`) and are sent
(`work`), what is written down (`records`, `runs`), and what is given back (`results`, `ensembles`)
or read from a journal (`history`).
"""

from gakeras.growth.continuing import continue_growth
from gakeras.growth.ensembles import Ensemble
from gakeras.growth.history import GrownNetwork, GrowthHistory, read_growth
from gakeras.growth.results import Growth
from gakeras.growth.runs import create_growth, holds_growth, open_growth
from gakeras.growth.settings import GrowthSettings, Mutations, growth_settings, load_growth
from gakeras.growth.starting import find_start, grow, run_growth

__all__ = [
    "Ensemble",
    "Growth",
    "GrownNetwork",
    "GrowthHistory",
    "GrowthSettings",
    "Mutations",
    "continue_growth",
    "create_growth",
    "find_start",
    "grow",
    "growth_settings",
    "holds_growth",
    "load_growth",
    "open_growth",
    "read_growth",
    "run_growth",
]
