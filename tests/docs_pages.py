"""Run the Python of pages, each from top to bottom in one namespace: `python docs_pages.py PAGE...`.

Budgets are replaced, for a search takes minutes and a test must not: see `SMALL`. Data are thinned
out to 200 examples. Trainings are done in this process, since every other one would import
Keras anew. Whatever else is shown is done as it is shown.
"""

from __future__ import annotations

import contextlib
import functools
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import plotly.io
from docs_blocks import blocks_of

import gakeras
from gakeras import api
from gakeras.results import SearchResult

SPACE = {"max_conv_layers": 1, "conv_filters": [4, 6], "max_dense_layers": 1, "dense_units": [16, 24]}
SMALL: dict[str, dict[str, Any]] = {
    "search": {
        "max_evaluations": 3,
        "max_seconds": None,
        "max_cpu_seconds": None,
        "population_size": 3,
        "num_folds": 2,
        "epochs": 1,
        "space": SPACE,
        "final": {"epochs": 20, "batch_size": 20, "optimizer": "adam"},
    },
    "resume": {"max_evaluations": 4},
    "synthesize": {"generations": 1, "epochs": 1, "last_epochs": None, "max_drop": 1.0},
    "grow": {
        "iterations": 1,
        "initial_steps": 3,
        "steps": 2,
        "last_steps": 0,
        "population_size": 2,
        "num_survivors": 1,
        "start": "dense #8 activation=relu",
    },
    "train_best": {"epochs": 1, "repeats": 1},
}


def small(function: Callable[..., Any], name: str, **more: Any) -> Callable[..., Any]:
    """Return a function with the budgets of a test, on a part of the data."""

    @functools.wraps(function)
    def call(*arguments: Any, **keywords: Any) -> Any:
        thinned = {key: thin(value) for key, value in keywords.items()}
        return function(*map(thin, arguments), **thinned | SMALL[name] | more)

    return call


def thin(value: Any) -> Any:
    """Keep 200 rows of an array, evenly spread."""
    if isinstance(value, np.ndarray) and len(value) > 200:
        return value[:: len(value) // 200][:200]
    return value


def make_small() -> None:
    """Replace the budgets, wherever a page gets its functions from."""
    for name in ("search", "resume", "synthesize", "grow"):
        changed = small(getattr(gakeras, name), name, executor="debug", progress=False)
        setattr(gakeras, name, changed)
        setattr(api, name, changed)  # where the estimators find it
    plotly.io.renderers.default = "json"  # a figure is shown as text, not in a browser
    SearchResult.train_best = small(SearchResult.train_best, "train_best")


def run_page(page: Path) -> None:
    """Run a page's blocks; an exception ends them with a traceback that names the line of the page."""
    namespace: dict[str, Any] = {"__name__": "__main__"}
    for block in blocks_of(page):
        if block.language != "python":
            continue
        exec(compile(block.presupposes, f"presupposed by {block}", "exec"), namespace)
        code = compile("\n" * block.line + block.text, str(page), "exec")
        if not block.not_run:
            exec(code, namespace)


if __name__ == "__main__":
    make_small()
    for argument in sys.argv[1:]:
        print("page", argument, flush=True)
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            run_page(Path(argument))
