"""The command line: search, resume, show, report and export."""

from __future__ import annotations

import json
import statistics
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from gakeras.errors import InputError, JournalError, RunError, Stalled, Unfinished
from gakeras.executors import mpi
from gakeras.launcher import num_launched

if TYPE_CHECKING:
    from gakeras.config import Settings
    from gakeras.finals import TrainingSummary
    from gakeras.results import SearchResult
    from gakeras.session import Session

INTERRUPTED = 130
UNFINISHED = 75
"""The run is to be resumed: `EX_TEMPFAIL` of sysexits.h, on which a batch script requeues its job."""

app = typer.Typer(
    help="Evolve Keras networks. Without further ado: `gakeras search` runs on scikit-learn's digits.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
)
console = Console(soft_wrap=True)

ConfigArgument = Annotated[
    str,
    typer.Argument(metavar="[CONFIG]", help="A TOML file, or the name of a shipped config, such as `mnist`."),
]
RunDirArgument = Annotated[Path, typer.Argument(metavar="DIR", help="The directory of a run.")]
SetOption = Annotated[
    list[str],
    typer.Option("--set", metavar="KEY=VALUE", help="Override a setting, such as training.epochs=5."),
]
RunDirOption = Annotated[
    Path | None, typer.Option("--run-dir", help="A new directory for the run; by default one in runs/.")
]
ExecutorOption = Annotated[str | None, typer.Option(help="auto, serial, process, mpi or debug.")]
WorkersOption = Annotated[int | None, typer.Option(help="Networks trained at the same time.")]
EvaluationsOption = Annotated[int | None, typer.Option(help="Budget of the whole run, in evaluations.")]
SecondsOption = Annotated[float | None, typer.Option(help="Budget of the whole run, in seconds.")]
LimitOption = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="When this process has to end, in seconds or as [D-]HH:MM:SS; exit status 75 then says: resume.",
    ),
]
ProgressOption = Annotated[bool, typer.Option("--progress/--no-progress", help="Show how far the run is.")]


class ResumeMode(StrEnum):
    """Whether `search` goes on with a run that is there."""

    never = "never"
    auto = "auto"


@app.command()
def search(
    config: ConfigArgument = "digits",
    overrides: SetOption = [],  # noqa: B006 (typer reads the default, nobody changes it)
    run_dir: RunDirOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    max_evaluations: EvaluationsOption = None,
    max_seconds: SecondsOption = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the run.")] = None,
    time_limit: LimitOption = None,
    resume_mode: Annotated[
        ResumeMode, typer.Option("--resume", help="auto: go on with the run in --run-dir, if there is one.")
    ] = ResumeMode.never,
    progress: ProgressOption = True,
) -> None:
    """Search for a network, train the winner beside the baselines, and write best.keras.

    A relative data path is relative to the config, or to the current folder if given by --set.

    Example: gakeras search configs/mnist.toml --run-dir runs/mnist --max-seconds 3600

    On a cluster: mpirun -n 17 gakeras search mnist --run-dir runs/mnist --resume auto --time-limit 11:50:00
    """
    from gakeras import api
    from gakeras.config import DataSettings, find_config, load_config
    from gakeras.data import load_source

    path = find_config(config)
    options = {
        "workers.executor": executor,
        "workers.workers": workers,
        "max_evaluations": max_evaluations,
        "max_seconds": max_seconds,
        "seed": seed,
    }
    given = [f"{key}={value}" for key, value in options.items() if value is not None]
    settings = load_config(path, [*overrides, *given])
    session = _session(time_limit, settings)
    if resume_mode is ResumeMode.auto and run_dir is not None and api.holds_run(run_dir, settings):
        _finish(
            api.resume(
                run_dir,
                max_evaluations=settings.max_evaluations,
                max_seconds=settings.max_seconds,
                executor=settings.workers.executor,
                workers=settings.workers.workers,
                session=session,
                progress=progress,
            ),
            session,
        )
        return
    data = settings.data or DataSettings()
    is_typed = any(override.partition("=")[0].strip() == "data.source" for override in overrides)
    arrays = load_source(data.source, limit=data.limit, base_dir=Path() if is_typed else path.parent)
    _finish(api.run_search(settings, arrays, run_dir=run_dir, session=session, progress=progress), session)


@app.command()
def resume(
    run_dir: RunDirArgument,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    max_evaluations: EvaluationsOption = None,
    max_seconds: SecondsOption = None,
    time_limit: LimitOption = None,
    progress: ProgressOption = True,
) -> None:
    """Go on with a run that was interrupted, or with a larger budget.

    Example: gakeras resume runs/mnist --max-evaluations 500
    """
    from gakeras import api
    from gakeras.run import open_run

    session = _session(time_limit, open_run(run_dir).settings)
    result = api.resume(
        run_dir,
        max_evaluations=max_evaluations,
        max_seconds=max_seconds,
        executor=executor,
        workers=workers,
        session=session,
        progress=progress,
    )
    _finish(result, session)


@app.command()
def show(
    run_dir: RunDirArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for other programs.")] = False,
    top: Annotated[int, typer.Option(min=1, help="How many individuals to list.")] = 10,
) -> None:
    """Show what a run has found so far, also while it is going on.

    Example: gakeras show runs/mnist --json
    """
    from gakeras.results import SearchResult
    from gakeras.run import open_run

    result = SearchResult(open_run(run_dir))
    if as_json:
        print(json.dumps(_as_json(result, top), indent=2))
        return
    console.print(repr(result), markup=False, highlight=False)
    if result.statuses.get("ok"):
        console.print(_leaderboard(result, top))


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="DIR", help="The directory of a run, or its journal.")],
    html: Annotated[
        Path | None,
        typer.Option("--html", metavar="FILE", help="Where to write; by default DIR/report.html."),
    ] = None,
) -> None:
    """Write what a run has found, and how, as one interactive HTML page, also while it is going on.

    It is read from the journal alone, which may be a copy. Needs pip install "gakeras[report]".

    Example: gakeras report runs/mnist --html mnist.html
    """
    try:
        from gakeras.report import write_report
    except ModuleNotFoundError as error:
        raise InputError(
            "A report needs libraries for figures and pages.",
            expected="plotly and jinja2",
            received=f"no module named {error.name!r}",
            way_out='Install them: pip install "gakeras[report]".',
        ) from None
    folder = run_dir if run_dir.is_dir() else run_dir.parent
    path = write_report(run_dir, html or folder / "report.html")
    console.print(f"wrote {path}", markup=False, highlight=False)


@app.command()
def export(
    run_dir: RunDirArgument,
    file: Annotated[Path, typer.Argument(metavar="FILE.keras", help="Where to write the model.")],
    progress: ProgressOption = True,
) -> None:
    """Write the best network as a plain .keras file, trained as the run's settings say.

    Example: gakeras export runs/mnist mnist.keras
    """
    from gakeras.results import SearchResult
    from gakeras.run import open_run

    path = SearchResult(open_run(run_dir), progress=progress).save(file)
    console.print(f"wrote {path}", highlight=False)


def main() -> None:
    """Run the command line; what the user can put right is one line, not a traceback.

    Of the ranks of an MPI job only the first comes here to do what it says; the others serve.
    """
    try:
        if num_launched() > 1:
            mpi.open_world()
        app()
    except Unfinished as error:
        print(f"gakeras: unfinished: {error}", file=sys.stderr, flush=True)
        if isinstance(error, Stalled) and num_launched() > 1:
            mpi.abort(UNFINISHED)  # a rank that does not answer would keep the others
        sys.exit(UNFINISHED)
    except (InputError, JournalError, RunError) as error:
        print(f"gakeras: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("gakeras: interrupted; what had finished is kept, `gakeras resume` goes on", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _session(time_limit: str | None, settings: Settings) -> Session:
    from gakeras.session import Session, parse_seconds

    return Session(None if time_limit is None else parse_seconds(time_limit), settings.workers.grace_seconds)


def _finish(result: SearchResult, session: Session) -> None:
    console.print(repr(result), markup=False, highlight=False)
    if result.was_interrupted:
        raise KeyboardInterrupt
    if result.is_unfinished:
        raise Unfinished(result.stop_reason)
    summaries = result.train_final(session)
    console.print(_comparison(summaries, result))
    path = result.save(result.run.root / "best.keras")
    console.print(f"wrote {path}", highlight=False)


def _comparison(summaries: list[TrainingSummary], result: SearchResult) -> Table:
    where = "test" if summaries[0].on_test else "training"
    is_accuracy = result.run.info.task.is_classification
    repeats = len(summaries[0].metrics)
    table = Table(
        title=f"{where} {'accuracy, %' if is_accuracy else 'mean absolute error'}; "
        f"{repeats} training{'s' if repeats > 1 else ''} each",
        box=SIMPLE_HEAD,  # narrow: names that differ only in their ends fit in 80 columns
        collapse_padding=True,
        pad_edge=False,
        show_edge=False,
    )
    table.add_column("model", overflow="fold")
    for column in ("avg", "std", "min", "max", "loss", "parameters", "MFLOPs"):
        table.add_column(column, justify="right", no_wrap=True)
    scale = 100 if is_accuracy else 1
    for summary in summaries:
        table.add_row(
            "evolved" if summary.name == "best" else summary.name,
            *(f"{scale * value:.2f}" for value in (summary.avg, summary.std, summary.min, summary.max)),
            f"{sum(summary.losses) / len(summary.losses):.4f}",
            f"{summary.parameters:,}",
            f"{summary.flops / 1e6:.2f}",
        )
    published = result.settings.published
    if published is not None:
        table.add_section()
        for name, row in published.rows.items():
            table.add_row(f"{published.title}: {name}", *(f"{value:.2f}" for value in row), "", "", "")
    return table


def _leaderboard(result: SearchResult, top: int) -> Table:
    rows = result.rows(top)
    table = Table(title=f"best {len(rows)} of {result.num_evaluations} evaluations", show_lines=True)
    for column in result.COLUMNS:
        table.add_column(column, justify="left" if column == "genome" else "right")
    for row in rows:
        table.add_row(*map(str, row))
    return table


def _as_json(result: SearchResult, top: int) -> dict[str, Any]:
    from gakeras.fitness.objectives import fold_losses, fold_metrics, spread

    return {
        "run_dir": str(result.run.root),
        "num_evaluations": result.num_evaluations,
        "seconds": result.seconds,
        "statuses": result.statuses,
        "leaderboard": [
            {
                "id": individual.id,
                "loss": individual.loss,
                "loss_spread": spread(fold_losses(individual.measures)),
                "metric": statistics.fmean(fold_metrics(individual.measures)),
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
