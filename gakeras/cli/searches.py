"""`gakeras search`: from a config to the winner beside its baselines."""

from __future__ import annotations

from dataclasses import replace
from textwrap import shorten
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from gakeras.cli.options import (
    ConfigArgument,
    CpuSecondsOption,
    EvaluationsOption,
    ExecutorOption,
    LimitOption,
    ProgressOption,
    ResumeMode,
    ResumeOption,
    RunDirOption,
    SecondsOption,
    SeedOption,
    SetOption,
    WorkersOption,
    app,
    begin_session,
    console,
    load_named,
    resumed_if_there,
    with_options,
)
from gakeras.tables import millions

if TYPE_CHECKING:
    from gakeras.finals import TrainingSummary
    from gakeras.results import SearchResult
    from gakeras.session import Session

MAX_REASON = 200


@app.command()
def search(
    context: typer.Context,
    config: ConfigArgument = "digits",
    overrides: SetOption = [],  # noqa: B006 (typer reads the default, nobody changes it)
    run_dir: RunDirOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    max_evaluations: EvaluationsOption = None,
    max_seconds: SecondsOption = None,
    max_cpu_seconds: CpuSecondsOption = None,
    seed: SeedOption = None,
    time_limit: LimitOption = None,
    resume_mode: ResumeOption = ResumeMode.never,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Write curves for TensorBoard into the run directory.")
    ] = False,
    progress: ProgressOption = True,
) -> None:
    """Search for a network, train the winner beside the baselines, and write best.keras.

    A relative data path is relative to the config, or to the current folder if given by --set.

    Example: gakeras search configs/mnist.toml --run-dir runs/mnist --max-seconds 3600

    On a cluster: mpirun -n 17 gakeras search mnist --run-dir runs/mnist --resume auto --time-limit 11:50:00
    """
    from gakeras import api
    from gakeras.config import DataSettings, find_config, load_config

    path = find_config(config)
    options = {
        "workers.executor": executor,
        "workers.workers": workers,
        "max_evaluations": max_evaluations,
        "max_seconds": max_seconds,
        "max_cpu_seconds": max_cpu_seconds,
        "seed": seed,
        "tensorboard": "true" if tensorboard else None,
    }
    settings = load_config(path, with_options(overrides, options))
    data = settings.data or DataSettings()
    settings = replace(settings, data=data)  # which the journal then has
    session = begin_session(context, time_limit, settings.workers.grace_seconds)
    going_on = resumed_if_there(resume_mode, run_dir, settings, api.holds_run, session, progress)
    if going_on is not None:
        assert not isinstance(going_on, api.Lineage | api.Growth), "a search was found to be there"
        finish_search(going_on, session)
        return
    arrays = load_named(data, overrides, path.parent)
    result = api.run_search(settings, arrays, run_dir=run_dir, session=session, progress=progress)
    finish_search(result, session)


def finish_search(result: SearchResult, session: Session) -> None:
    """Say what a search came to; train its winner beside the baselines, and save it."""
    console.print(repr(result), highlight=False)
    if result.was_interrupted:
        raise KeyboardInterrupt
    if result.is_unfinished:
        raise session.ended(result.stop_reason)
    summaries = result.train_final(session)
    console.print(_comparison(summaries, result))
    path = result.save(result.run.root / "best.keras")
    console.print(f"wrote {path}", highlight=False)


def _comparison(summaries: list[TrainingSummary], result: SearchResult) -> Table:
    where = "test" if summaries[0].on_test else "training"
    is_accuracy = result.run.metric == "accuracy"
    repeats = len(summaries[0].metrics)
    table = Table(
        title=f"{where} {'accuracy, %' if is_accuracy else result.run.metric}; "
        f"{repeats} training{'s' if repeats > 1 else ''} each",
        box=SIMPLE_HEAD,  # narrow: names that differ only in their ends fit in 80 columns
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("model", overflow="fold")
    for column in ("avg", "std", "min", "max", "loss", "parameters", "MFLOPs"):
        table.add_column(column, justify="right", no_wrap=True)
    for summary in summaries:
        table.add_row(*_row(summary, is_accuracy))
    published = result.settings.published
    if published is not None:
        table.add_section()
        for name, row in published.rows.items():
            table.add_row(f"{published.title}: {name}", *(f"{value:.2f}" for value in row), "", "", "")
    return table


def _row(summary: TrainingSummary, is_accuracy: bool) -> tuple[str, ...]:
    """Return the row of a network; of one that failed why, and nothing else."""
    from gakeras.fitness.objectives import decimals

    if summary.failure is not None:
        return (f"{summary.name}, failed: {shorten(summary.failure, MAX_REASON)}",)
    metrics = (summary.avg, summary.std, summary.min, summary.max)
    return (
        "evolved" if summary.name == "best" else summary.name,
        *(f"{100 * metric:.2f}" if is_accuracy else f"{metric:.4g}" for metric in metrics),
        decimals(sum(summary.losses) / len(summary.losses)),
        f"{summary.parameters:,}",
        millions(summary.flops),
    )
