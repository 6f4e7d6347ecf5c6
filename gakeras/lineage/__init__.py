"""A synthesis as a run: its settings, its generations as jobs, its journal, and the lineage that comes of it.

What an offspring is drawn from is in `gakeras.synthesis`. Here are the loop (`family`, `loop`), what it
sends to workers (`work`), what it writes down (`records`, `runs`), and what is given back (`results`)
or read from a journal (`history`).
"""

from gakeras.lineage.continuing import continue_synthesis
from gakeras.lineage.history import Descendant, SynthesisHistory, read_synthesis
from gakeras.lineage.results import Lineage
from gakeras.lineage.runs import create_synthesis, holds_synthesis, open_synthesis
from gakeras.lineage.settings import SynthesisSettings, load_synthesis, synthesis_settings
from gakeras.lineage.starting import find_ancestor, run_synthesis, synthesize

__all__ = [
    "Descendant",
    "Lineage",
    "SynthesisHistory",
    "SynthesisSettings",
    "continue_synthesis",
    "create_synthesis",
    "find_ancestor",
    "holds_synthesis",
    "load_synthesis",
    "open_synthesis",
    "read_synthesis",
    "run_synthesis",
    "synthesis_settings",
    "synthesize",
]
