"""What the commands share: the program, its options, its exit codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from gakeras import __version__
from gakeras.errors import InputError

if TYPE_CHECKING:
    from gakeras.api import Growth, Lineage
    from gakeras.config import DataSettings
    from gakeras.continuing import Plan
    from gakeras.data import Arrays
    from gakeras.results import SearchResult
    from gakeras.session import Session

PlanKind = TypeVar("PlanKind", bound="Plan")

INTERRUPTED = 130
UNFINISHED = 75
"""The run is to be resumed: `EX_TEMPFAIL` of sysexits.h, on which a batch script requeues its job."""


class ResumeMode(StrEnum):
    """Whether a command goes on with a run that is there."""

    never = "never"
    auto = "auto"


app = typer.Typer(
    help="Evolve Keras networks. Without further ado: `gakeras search` runs on scikit-learn's digits.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",  # in which [extra] is no mark
)
console = Console(soft_wrap=True, markup=False, emoji=False)
"""Says names and paths as they are; with markup `a[b]` would lose its end."""


def _print_version(is_asked: bool) -> None:
    if is_asked:
        console.print(f"gakeras {__version__}", highlight=False)
        raise typer.Exit


@app.callback()
def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Options of the program itself."""


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
ResumeOption = Annotated[
    ResumeMode, typer.Option("--resume", help="auto: go on with the run in --run-dir, if there is one.")
]
ExecutorOption = Annotated[str | None, typer.Option(help="auto, serial, process, mpi or debug.")]
WorkersOption = Annotated[int | None, typer.Option(help="Networks trained at the same time.")]
EvaluationsOption = Annotated[int | None, typer.Option(help="Budget of a whole search, in evaluations.")]
SecondsOption = Annotated[float | None, typer.Option(help="Budget of a whole search, in seconds.")]
CpuSecondsOption = Annotated[
    float | None, typer.Option(help="Budget of a whole search, in CPU-seconds of its workers.")
]
GenerationsOption = Annotated[int | None, typer.Option(help="Generations of a whole synthesis, at the most.")]
IterationsOption = Annotated[int | None, typer.Option(help="K, iterations of a whole growth.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed of the run.")]
LimitOption = Annotated[
    str | None,
    typer.Option(
        "--time-limit",
        metavar="TIME",
        help="When this process has to end, in seconds or as [D-]HH:MM:SS; exit status 75 then says: resume.",
    ),
]
ProgressOption = Annotated[bool, typer.Option("--progress/--no-progress", help="Show how far the run is.")]


def folder_of(key: str, overrides: list[str], base_dir: Path) -> Path:
    """Return what a path in a config is relative to: its folder, or the current one if --set gave it."""
    is_typed = any(override.partition("=")[0].strip() == key for override in overrides)
    return Path() if is_typed else base_dir


def load_named(data: DataSettings, overrides: list[str], base_dir: Path) -> Arrays:
    """Load the data that a config names."""
    from gakeras.data import load_source

    return load_source(
        data.source,
        limit=data.limit,
        base_dir=folder_of("data.source", overrides, base_dir),
        image_size=data.image_size,
        channels=data.channels,
    )


def with_options(overrides: list[str], options: Mapping[str, object]) -> list[str]:
    """Return what --set overrides, and behind it what those of a command's own options do that were given."""
    return overrides + [f"{key}={value}" for key, value in options.items() if value is not None]


def resumed_if_there(
    mode: ResumeMode,
    run_dir: Path | None,
    settings: PlanKind,
    holds: Callable[[Path, PlanKind], bool],
    session: Session,
    progress: bool,
) -> SearchResult | Lineage | Growth | None:
    """Go on with a run of these settings, where that is wanted and there is one.

    Raises:
        InputError: It is wanted, and no run is named: every call would begin another one.
    """
    from gakeras.resuming import resume_under

    if mode is not ResumeMode.auto:
        return None
    if run_dir is None:
        raise InputError(
            "Only a run with a name can be gone on with.",
            expected="--run-dir beside --resume auto",
            received="--resume auto alone",
            way_out="Name the directory of the run, for example `--run-dir runs/mnist`.",
        )
    if not holds(run_dir, settings):
        return None
    return resume_under(run_dir, settings, session=session, progress=progress)


def begin_session(context: typer.Context, time_limit: str | None, grace_seconds: float) -> Session:
    """Return the session of this process, which begins now and listens to signals until the command ends."""
    from gakeras.session import Session, parse_seconds

    session = Session(None if time_limit is None else parse_seconds(time_limit), grace_seconds)
    return context.with_resource(session)
