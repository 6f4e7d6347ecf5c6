"""Go on with a run of any kind, from its directory alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from gakeras.config import settings_from
from gakeras.continuing import Plan
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice
from gakeras.growth import Growth, continue_growth, growth_settings, open_growth
from gakeras.lineage import Lineage, continue_synthesis, open_synthesis, synthesis_settings
from gakeras.results import SearchResult
from gakeras.run import open_run
from gakeras.searching import continue_search
from gakeras.session import Session

PlanKind = TypeVar("PlanKind", bound=Plan)


def resume(
    run_dir: str | Path,
    *,
    max_evaluations: int | None = None,
    max_seconds: float | None = None,
    max_cpu_seconds: float | None = None,
    generations: int | None = None,
    iterations: int | None = None,
    executor: ExecutorChoice | None = None,
    workers: int | None = None,
    time_limit: float | None = None,
    session: Session | None = None,
    progress: bool = True,
) -> SearchResult | Lineage | Growth:
    """Go on with a search, a synthesis or a growth from its run directory alone, and return its result.

    What had finished is not done again; what was being evaluated when the run stopped is
    evaluated from the same seed. A run that had finished simply gives its result.

    Args:
        run_dir: The directory of the run.
        max_evaluations, max_seconds, max_cpu_seconds: A new budget for a whole search, what it
            has used included; by default the one it was started with.
        generations, iterations: The same for a synthesis, and for a growth.
        executor, workers: Other workers than it was started with.
        time_limit: Seconds until this call returns, to be gone on with by another one.
        session: A session that has begun already, in place of a time limit.
        progress: Whether to show how far the search is.

    Returns:
        What the run's kind gives: the `SearchResult` of a search, the `Lineage` of a synthesis, the
        `Growth` of a growth.

    Raises:
        InputError: There is no run, another process is working in it, or it has no such budget.
        JournalError: The journal is damaged.
    """
    run = open_run(Path(run_dir))
    budgets: dict[str, float | None] = {
        "max_evaluations": max_evaluations,
        "max_seconds": max_seconds,
        "max_cpu_seconds": max_cpu_seconds,
        "generations": generations,
        "iterations": iterations,
    }
    for name, value in budgets.items():
        if value is not None and _BUDGETS[name] != run.kind:
            raise _other_budget(name, run.kind)
    own = {name: budgets[name] for name, kind in _BUDGETS.items() if kind == run.kind}
    is_given = any(value is not None for value in own.values())  # one in the place of all there were
    options = own if is_given else {}, executor, workers, session, time_limit
    match run.kind:
        case "synthesis":
            synthesis = open_synthesis(run.root)
            return continue_synthesis(
                synthesis, *_under(synthesis.plan, synthesis_settings, *options), progress=progress
            )
        case "growth":
            growth = open_growth(run.root)
            return continue_growth(growth, *_under(growth.plan, growth_settings, *options), progress=progress)
    return continue_search(run, *_under(run.settings, settings_from, *options), progress=progress)


def _under(
    plan: PlanKind,
    read: Callable[..., PlanKind],
    budgets: Mapping[str, float | None],
    executor: ExecutorChoice | None,
    workers: int | None,
    session: Session | None,
    time_limit: float | None,
) -> tuple[PlanKind, ExecutorChoice, Session]:
    """Return the settings that a run is gone on with, who works, and for how long."""
    plain = plan.to_json() | dict(budgets)
    if workers is not None:
        plain["workers"] |= {"workers": workers}
    settings = read(plain, origin="the arguments")
    choice = executor if executor is not None else settings.workers.executor
    return settings, choice, session or Session(time_limit, settings.workers.grace_seconds)


_BUDGETS = {
    "max_evaluations": "search",
    "max_seconds": "search",
    "max_cpu_seconds": "search",
    "generations": "synthesis",
    "iterations": "growth",
}


def _other_budget(name: str, received: str) -> InputError:
    return InputError(
        "A run is gone on with under a budget of its own kind.",
        expected=f"{name} for the run of a {_BUDGETS[name]}",
        received=f"{name} for that of a {received}",
        way_out="A search has max_evaluations, max_seconds and max_cpu_seconds, a synthesis generations, "
        "a growth iterations.",
    )
