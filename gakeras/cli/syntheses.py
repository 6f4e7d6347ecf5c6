"""`gakeras synthesize`: from a model, a search or a config to a small network beside the published tables."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.box import SIMPLE_HEAD
from rich.table import Table

from gakeras.cli.options import (
    ExecutorOption,
    GenerationsOption,
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
    from gakeras.lineage import Lineage, SynthesisSettings
    from gakeras.lineage.runs import Ancestor
    from gakeras.results import SearchResult
    from gakeras.session import Session

TargetArgument = Annotated[
    str,
    typer.Argument(
        metavar="MODEL.keras|RUN_DIR|CONFIG",
        help="A trained model, the run of a search, a TOML file, or a shipped config such as `lenet_mnist`.",
    ),
]


@app.command()
def synthesize(
    context: typer.Context,
    target: TargetArgument,
    overrides: SetOption = [],  # noqa: B006 (typer reads the default, nobody changes it)
    run_dir: RunDirOption = None,
    executor: ExecutorOption = None,
    workers: WorkersOption = None,
    generations: GenerationsOption = None,
    keep: Annotated[
        float | None, typer.Option(help="Share of its parents' synapses that an offspring keeps.")
    ] = None,
    seed: SeedOption = None,
    time_limit: LimitOption = None,
    resume_mode: ResumeOption = ResumeMode.never,
    progress: ProgressOption = True,
) -> None:
    """Synthesize ever smaller offspring of a trained network, and write the best, compacted, as best.keras.

    A model needs data: --set data.source=mnist. The run of a search has them.

    Example: gakeras synthesize runs/mnist --generations 8 --set max_drop=0.01

    Example: gakeras synthesize lenet_mnist --run-dir runs/lenet --time-limit 1:00:00 --resume auto
    """
    from gakeras import api
    from gakeras.lineage import holds_synthesis, run_synthesis

    options = {
        "workers.executor": executor,
        "workers.workers": workers,
        "generations": generations,
        "keep": keep,
        "seed": seed,
    }
    settings, base_dir = _settings(target, with_options(overrides, options))
    session = begin_session(context, time_limit, settings.workers.grace_seconds)
    going_on = resumed_if_there(resume_mode, run_dir, settings, holds_synthesis, session, progress)
    if going_on is not None:
        assert isinstance(going_on, api.Lineage), "a synthesis was found to be there"
        finish_synthesis(going_on, session)
        return
    ancestor, arrays = _ancestor_and_data(target, settings, base_dir, overrides)
    lineage = run_synthesis(settings, arrays, ancestor, run_dir=run_dir, session=session, progress=progress)
    finish_synthesis(lineage, session)


def finish_synthesis(lineage: Lineage, session: Session) -> None:
    """Say what a synthesis came to, and write its best network, compacted."""
    show_lineage(lineage)
    if lineage.was_interrupted:
        raise KeyboardInterrupt
    if lineage.is_unfinished:
        raise session.ended(lineage.stop_reason)
    path = lineage.save(lineage.run.root / "best.keras")
    measures = lineage.export_measures()
    console.print(
        f"wrote {path}, {measures['file_bytes']:,} bytes; its outputs differ from the masked network's "
        f"by at most {measures['max_difference']:.1e}",
        highlight=False,
    )


def show_lineage(lineage: Lineage) -> None:
    """Print a lineage, and published tables beside ours where its config has them."""
    console.print(repr(lineage), highlight=False)
    if lineage.settings.published is not None and lineage.history:
        for table in _beside_published(lineage):
            console.print(table)


def lineage_as_json(lineage: Lineage) -> dict[str, Any]:
    """Return a lineage as plain JSON values, for other programs."""
    best = lineage.best().number if lineage.history else None
    return {
        "run_dir": str(lineage.run.root),
        "seconds": lineage.seconds,
        "best": best,
        "history": [asdict(descendant) for descendant in lineage.history],
        "failures": {str(number): reason for number, reason in lineage.failures.items()},
        "settings": lineage.settings.to_json(),
    }


def _settings(target: str, overrides: list[str]) -> tuple[SynthesisSettings, Path]:
    """Return the settings of a target, and where its relative paths begin."""
    from gakeras.config import find_config
    from gakeras.lineage import load_synthesis, synthesis_settings
    from gakeras.lineage.settings import with_one_budget
    from gakeras.validation import overridden

    if target.endswith(".keras") or Path(target).is_dir():
        values = with_one_budget(overridden({}, overrides))
        return synthesis_settings(values, origin="the options"), Path()
    path = find_config(target)
    return load_synthesis(path, overrides), path.parent


def _ancestor_and_data(
    target: str, settings: SynthesisSettings, base_dir: Path, overrides: list[str]
) -> tuple[Ancestor | SearchResult, Arrays]:
    from gakeras.lineage import find_ancestor

    ancestor: Ancestor | SearchResult = None
    arrays = None
    if target.endswith(".keras") or Path(target).is_dir():
        ancestor, arrays = find_ancestor(target)
    elif settings.ancestor is None:
        raise InputError(
            "A synthesis starts from an ancestor.",
            expected="a table [ancestor] with a path, or the name of a network to build",
            received=f"{target} without one",
        )
    elif settings.ancestor.path is not None:
        folder = folder_of("ancestor.path", overrides, base_dir)
        ancestor, arrays = find_ancestor(folder / settings.ancestor.path)
    if settings.data is not None:
        arrays = load_named(settings.data, overrides, base_dir)
    if arrays is None:
        raise InputError(
            "Offspring are trained.",
            expected="data beside the model",
            received=f"{target} alone",
            way_out="Name them, for example by `--set data.source=mnist`.",
        )
    return ancestor, arrays


def _beside_published(lineage: Lineage) -> list[Table]:
    """Return the published generations, and the published cluster efficiencies, with ours beside them."""
    published = lineage.settings.published
    if published is None:
        raise RunError("This run's config names no published table.")
    ours = [descendant for descendant in lineage.history if descendant.role != "last"]
    table = Table(title=f"{published.title}: efficiency and accuracy", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("gen.", "A-E", "acc., %", "our gen.", "A-E", "drawn", "val., %", "test, %"):
        table.add_column(column, justify="right", no_wrap=True)
    for generation, efficiency, accuracy in published.generations:
        near = min(ours, key=lambda descendant: abs(descendant.efficiency / efficiency - 1))
        test = near.test.get("accuracy")
        table.add_row(
            str(generation),
            f"{efficiency:.2f}",
            f"{accuracy:.2f}",
            str(near.generation),
            f"{near.efficiency:.2f}",
            f"{near.efficiency_drawn:.2f}",
            f"{100 * near.accuracy:.2f}",
            "" if test is None else f"{100 * test:.2f}",
        )
    tables = [table]
    if published.clusters:
        tables.append(_cluster_table(lineage))
    return tables


def _cluster_table(lineage: Lineage) -> Table:
    published, best = lineage.settings.published, lineage.best()
    assert published is not None, "asked for where there is one"
    names = list(best.clusters)
    table = Table(title=f"{published.title}: cluster efficiency by layer", box=SIMPLE_HEAD, pad_edge=False)
    for column in ("network", *(name.rpartition("/")[0] for name in names), "E"):
        table.add_column(column, justify="left" if column == "network" else "right", no_wrap=True)
    for name, row in published.clusters.items():
        mean = sum(row) / len(row)
        table.add_row(f"published, {name}", *(f"{value:.2f}" for value in row), f"{mean:.2f}")
    own = list(best.clusters.values())
    kind = lineage.settings.drawing.cluster
    mean = sum(own) / len(own)
    table.add_row(f"ours, {kind}s, gen. {best.generation}", *(f"{v:.2f}" for v in own), f"{mean:.2f}")
    return table
