"""Evolve Keras neural networks, asynchronously, on one machine or under MPI.

The names below are imported at their first use: `import gakeras` alone brings in no heavy
library, so that a worker can still choose its threads, devices and `KERAS_BACKEND`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from gakeras.launcher import num_launched

__version__ = "0.1.0"

_HOMES = {
    "Conv": "gakeras.encoding",
    "Dense": "gakeras.encoding",
    "Genome": "gakeras.encoding",
    "Growth": "gakeras.growth",
    "InputError": "gakeras.errors",
    "JournalError": "gakeras.errors",
    "Lineage": "gakeras.lineage",
    "MaxPool": "gakeras.encoding",
    "RunError": "gakeras.errors",
    "SearchResult": "gakeras.results",
    "SearchSpace": "gakeras.encoding",
    "build_model": "gakeras.encoding",
    "grow": "gakeras.growth",
    "load_source": "gakeras.data",
    "resume": "gakeras.resuming",
    "search": "gakeras.api",
    "synthesize": "gakeras.lineage",
}

__all__ = list(_HOMES)

if TYPE_CHECKING:  # the same names, for type checkers and editors
    from gakeras.api import search as search
    from gakeras.data import load_source as load_source
    from gakeras.encoding import Conv as Conv
    from gakeras.encoding import Dense as Dense
    from gakeras.encoding import Genome as Genome
    from gakeras.encoding import MaxPool as MaxPool
    from gakeras.encoding import SearchSpace as SearchSpace
    from gakeras.encoding import build_model as build_model
    from gakeras.errors import InputError as InputError
    from gakeras.errors import JournalError as JournalError
    from gakeras.errors import RunError as RunError
    from gakeras.growth import Growth as Growth
    from gakeras.growth import grow as grow
    from gakeras.lineage import Lineage as Lineage
    from gakeras.lineage import synthesize as synthesize
    from gakeras.results import SearchResult as SearchResult
    from gakeras.resuming import resume as resume


if num_launched() > 1:
    from gakeras.executors.mpi import abort_on_uncaught_errors

    abort_on_uncaught_errors()


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'gakeras' has no attribute {name!r}; it has: {', '.join(__all__)}.")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
