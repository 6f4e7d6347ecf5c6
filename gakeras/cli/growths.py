"""`gakeras grow`: from a config or a model to a population, its best network and an ensemble."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from gakeras.cli.options import (
    ExecutorOption,
    IterationsOption,
    LimitOption,
    ProgressOption,
    ResumeMode,
    ResumeOption,
    RunDirOption,
    SeedOption,
    SetOption,
    WorkersOption,
    app,
    begin_session,
    console,
    folder_of,
    load_named,
    resumed_if_there,
    with_options,
)
from gakeras.errors import InputError, RunError

if TYPE_CHECKING:
    from gakeras.data import Arrays
    from gakeras.growth import Growth, GrowthSettings
    from gakeras.growth.runs import StartNetwork
    from gakeras.session import Session

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONFIG|MODEL.keras",
        help="A TOML file, a shipped config such as `growth_fashion_mnist`, or a model to start from.",
    ),
]


@app.command()
def grow(
    context: typer.Context,
    target: TargetArgument,
    overrides: SetOption = [],  # noqa: B006 (typer reads the default, nobody changes it)
    run_dir: RunDirOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    iterations: IterationsOption = None,
    seed: SeedOption = None,
    time_limit: LimitOption = None,
    resume_mode: ResumeOption = ResumeMode.never,
    progress: ProgressOption = True,
) -> None:
    """Grow a population of networks from a small one, and write the best and an ensemble as .keras files.

    A model needs data: --set data.source=mnist.

    Example: gakeras grow growth_fashion_mnist --run-dir runs/grown --time-limit 1:00:00 --resume auto

    Example: gakeras grow model.keras --set data.source=mnist --set mutations.per_child=2
    """
    from gakeras import api
    from gakeras.growth import holds_growth, run_growth

    options = {
        "workers.executor": executor,
        "workers.workers": workers,
        "iterations": iterations,
        "seed": seed,
    }
    settings, base_dir = _settings(target, with_options(overrides, options))
    session = begin_session(context, time_limit, settings.workers.grace_seconds)
    going_on = resumed_if_there(resume_mode, run_dir, settings, holds_growth, session, progress)
    if going_on is not None:
        assert isinstance(going_on, api.Growth), "a growth was found to be there"
        finish_growth(going_on, session)
        return
    start = _start(target, settings, base_dir, overrides)
    arrays = _arrays(settings, base_dir, overrides)
    growth = run_growth(settings, arrays, start, run_dir=run_dir, session=session, progress=progress)
    finish_growth(growth, session)


def finish_growth(growth: Growth, session: Session) -> None:
    """Say what a growth came to, and write its best network and its ensemble."""
    show_growth(growth)
    if growth.was_interrupted:
        raise KeyboardInterrupt
    if growth.is_unfinished:
        raise session.ended(growth.stop_reason)
    for path in growth.save(growth.run.root / "grown").values():
        console.print(f"wrote {path}", highlight=False)


def show_growth(growth: Growth) -> None:
    """Print a growth: where it stands, and every network with what had been spent by then."""
    headline, *_ = repr(growth).partition("  best")
    console.print(headline.rstrip(), markup=False, highlight=False)
    if not growth.history:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, collapse_padding=True)
    for column in growth.COLUMNS:
        is_text = column == "transform"
        table.add_column(column, justify="left" if is_text else "right", no_wrap=not is_text, overflow="fold")
    for row in growth.rows():
        table.add_row(*row)
    console.print(table)
    console.print(f"best: network {growth.best.number}\nensemble: {growth.ensemble_text}", highlight=False)


def growth_as_json(growth: Growth) -> dict[str, Any]:
    """Return a growth as plain JSON values, for other programs."""
    return {
        "run_dir": str(growth.run.root),
        "seconds": growth.seconds,
        "total_flops": growth.total_flops,
        "best": growth.best.number if growth.history else None,
        "ensemble": _ensemble_as_json(growth),
        "history": [asdict(network) for network in growth.history],
        "failures": {str(number): reason for number, reason in growth.failures.items()},
        "settings": growth.settings.to_json(),
    }


def _ensemble_as_json(growth: Growth) -> dict[str, Any] | None:
    """Return the ensemble; None where there is no network yet, or files of networks are gone."""
    try:
        return asdict(growth.ensemble) if growth.history else None
    except RunError:
        return None


def _settings(target: str, overrides: list[str]) -> tuple[GrowthSettings, Path]:
    """Return the settings of a target, and where its relative paths begin."""
    from gakeras.config import find_config
    from gakeras.growth import growth_settings, load_growth
    from gakeras.validation import overridden

    if target.endswith(".keras"):
        return growth_settings(overridden({}, overrides), origin="the options"), Path()
    path = find_config(target)
    return load_growth(path, overrides), path.parent


def _start(target: str, settings: GrowthSettings, base_dir: Path, overrides: list[str]) -> StartNetwork:
    """Return the model that a growth starts from; None where its settings name one to build."""
    from gakeras.growth.starting import check_start_path

    if target.endswith(".keras"):
        return check_start_path(Path(target))
    if settings.start is not None and settings.start.path is not None:
        return check_start_path(folder_of("start.path", overrides, base_dir) / settings.start.path)
    return None


def _arrays(settings: GrowthSettings, base_dir: Path, overrides: list[str]) -> Arrays:
    if settings.data is None:
        raise InputError(
            "Members are trained.",
            expected="data beside the network",
            received="none",
            way_out="Name them, for example by `--set data.source=mnist`.",
        )
    return load_named(settings.data, overrides, base_dir)
