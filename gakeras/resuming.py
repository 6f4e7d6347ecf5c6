"""Go on with a run of any kind, from its directory alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gakeras.config import settings_from
from gakeras.continuing import Plan
from gakeras.data import open_data
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice
from gakeras.growth import Growth, continue_growth, growth_settings, open_growth
from gakeras.journal import JournalWriter, read_journal
from gakeras.lineage import Lineage, continue_synthesis, open_synthesis, synthesis_settings
from gakeras.results import SearchResult
from gakeras.run import RunDirectory, open_run
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
            has used included; by default the one it last went on with. One that is given takes the place
            of all three: without a budget of time there is no limit on it, and no automatic cap on costs.
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

    def changed(plain: dict[str, Any]) -> dict[str, Any]:
        own_workers = plain["workers"] | ({} if workers is None else {"workers": workers})
        return plain | (own if is_given else {}) | {"workers": own_workers}

    return _go_on(run, changed, executor, session, time_limit, progress)


def resume_under(
    run_dir: str | Path, settings: Plan, *, session: Session, progress: bool = True
) -> SearchResult | Lineage | Growth:
    """Go on with a run that was found to be one of these settings: its budget and workers are theirs."""
    theirs = settings.to_json()

    def changed(plain: dict[str, Any]) -> dict[str, Any]:
        return plain | {name: theirs[name] for name in (*_BUDGETS, *_ALSO_THEIRS) if name in plain}

    return _go_on(open_run(Path(run_dir)), changed, settings.workers.executor, session, None, progress)


def _go_on(
    run: RunDirectory,
    changed: Callable[[dict[str, Any]], dict[str, Any]],
    executor: ExecutorChoice | None,
    session: Session | None,
    time_limit: float | None,
    progress: bool,
) -> SearchResult | Lineage | Growth:
    """Go on under what `changed` makes of the settings, as plain values, that a run went on with last."""

    def under(plan: PlanKind, read: Callable[..., PlanKind]) -> tuple[PlanKind, ExecutorChoice, Session]:
        last = plan.to_json() | _last_budget(run)
        settings = read(changed(last), origin="the arguments")
        budget = {name: value for name, value in settings.to_json().items() if name in _BUDGETS}
        if any(last[name] != value for name, value in budget.items()):
            open_data(run.data)  # where they are missing nothing is written
            with JournalWriter(run.journal) as journal:
                journal.append([{"type": "resumed", "budget": budget}])
        choice = executor if executor is not None else settings.workers.executor
        return settings, choice, session or Session(time_limit, settings.workers.grace_seconds)

    match run.kind:
        case "synthesis":
            synthesis = open_synthesis(run.root)
            return continue_synthesis(
                synthesis, *under(synthesis.plan, synthesis_settings), progress=progress
            )
        case "growth":
            growth = open_growth(run.root)
            return continue_growth(growth, *under(growth.plan, growth_settings), progress=progress)
    return continue_search(run, *under(run.settings, settings_from), progress=progress)


def _last_budget(run: RunDirectory) -> dict[str, float | None]:
    """Return the budget that a run has last gone on with, or nothing: it is the one it was started with."""
    budgets = [r["budget"] for r in read_journal(run.journal).records if r["type"] == "resumed"]
    return dict(budgets[-1]) if budgets else {}


_ALSO_THEIRS = ("workers", "tensorboard", "ensemble")
"""What a run may go on with that another config says, beside its budget."""

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
