"""`gakeras resume` and `show`: what can be done with a run of any kind."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from gakeras.cli.growths import finish_growth, growth_as_json, show_growth
from gakeras.cli.options import (
    CpuSecondsOption,
    EvaluationsOption,
    ExecutorOption,
    GenerationsOption,
    IterationsOption,
    LimitOption,
    ProgressOption,
    RunDirArgument,
    SecondsOption,
    WorkersOption,
    app,
    begin_session,
    console,
)
from gakeras.cli.searches import finish_search
from gakeras.cli.syntheses import finish_synthesis, lineage_as_json, show_lineage

if TYPE_CHECKING:
    from gakeras.results import SearchResult


@app.command()
def resume(
    context: typer.Context,
    run_dir: RunDirArgument,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    max_evaluations: EvaluationsOption = None,
    max_seconds: SecondsOption = None,
    max_cpu_seconds: CpuSecondsOption = None,
    generations: GenerationsOption = None,
    iterations: IterationsOption = None,
    time_limit: LimitOption = None,
    progress: ProgressOption = True,
) -> None:
    """Go on with a run that was interrupted, or with a larger budget.

    Example: gakeras resume runs/mnist --max-evaluations 500
    """
    from gakeras import api, resuming

    session = begin_session(context, time_limit, _grace_seconds(run_dir))
    result = resuming.resume(
        run_dir,
        max_evaluations=max_evaluations,
        max_seconds=max_seconds,
        max_cpu_seconds=max_cpu_seconds,
        generations=generations,
        iterations=iterations,
        executor=executor,
        workers=workers,
        session=session,
        progress=progress,
    )
    if isinstance(result, api.Lineage):
        finish_synthesis(result, session)
    elif isinstance(result, api.Growth):
        finish_growth(result, session)
    else:
        finish_search(result, session)


@app.command()
def show(
    run_dir: RunDirArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many individuals to list.")] = 10,
) -> None:
    """Show what a run has found so far, also while it is going on.

    Example: gakeras show runs/mnist --json
    """
    from gakeras.growth import Growth, open_growth
    from gakeras.lineage import Lineage, open_synthesis
    from gakeras.results import SearchResult
    from gakeras.run import open_run

    run = open_run(run_dir)
    if run.kind == "growth":
        growth = Growth(open_growth(run_dir))
        if as_json:
            print(json.dumps(growth_as_json(growth), indent=2))
        else:
            show_growth(growth)
        return
    if run.kind == "synthesis":
        lineage = Lineage(open_synthesis(run_dir))
        if as_json:
            print(json.dumps(lineage_as_json(lineage), indent=2))
        else:
            show_lineage(lineage)
        return
    result = SearchResult(run)
    if as_json:
        print(json.dumps(_as_json(result, top), indent=2))
        return
    console.print(repr(result), highlight=False)
    if result.statuses.get("ok"):
        console.print(_leaderboard(result, top))


def _grace_seconds(run_dir: Path) -> float:
    from gakeras.growth import open_growth
    from gakeras.lineage import open_synthesis
    from gakeras.run import open_run

    run = open_run(run_dir)
    match run.kind:
        case "synthesis":
            workers = open_synthesis(run_dir).plan.workers
        case "growth":
            workers = open_growth(run_dir).plan.workers
        case _:
            workers = run.settings.workers
    return workers.grace_seconds


def _leaderboard(result: SearchResult, top: int) -> Table:
    rows = result.rows(top)
    table = Table(
        title=f"best {len(rows)} of {result.num_evaluations} evaluations",
        box=SIMPLE_HEAD,  # narrow, to leave the genomes what they need of 80 columns
        show_lines=True,
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    for column in result.columns:
        if column == "genome":
            table.add_column(column, overflow="fold")
        else:
            table.add_column(column.replace(" ", "\n"), justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*map(str, row))
    return table


def _finite(value: float) -> float | None:
    """Return a number as JSON has it, where what is not finite is null."""
    return value if math.isfinite(value) else None


def _as_json(result: SearchResult, top: int) -> dict[str, Any]:
    from gakeras.fitness.objectives import final_losses, fold_losses, fold_metrics, measure, spread

    return {
        "run_dir": str(result.run.root),
        "num_evaluations": result.num_evaluations,
        "seconds": result.seconds,
        "statuses": result.statuses,
        "leaderboard": [
            {
                "id": individual.id,
                "loss": _finite(measure(individual.measures, "loss")),
                "objectives": [_finite(value) for value in individual.fitness.values],
                "loss_spread": _finite(spread(fold_losses(individual.measures))),
                "num_folds": len(individual.measures["folds"]),
                "final_losses": [_finite(loss) for loss in final_losses(individual.measures)],
                "metric": _finite(statistics.fmean(fold_metrics(individual.measures))),
                "parameters": individual.parameters,
                "flops": individual.flops,
                "parents": list(individual.parents),
                "genome": individual.genome.to_json(),
                "text": str(individual.genome).splitlines(),
            }
            for individual in (result.leaderboard(top) if result.statuses.get("ok") else [])
        ],
        "settings": asdict(result.settings),
    }
