"""The run directory of a growth: how it is set up, found again, and told from those of other runs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gakeras.beginning import begin_run, goes_on
from gakeras.data import Arrays, assign_validation
from gakeras.encoding import Genome, genome_cost
from gakeras.errors import InputError
from gakeras.fitness.options import check_varied
from gakeras.growth.checks import check_growth_data
from gakeras.growth.settings import GrowthSettings, growth_settings
from gakeras.models import GivenModel, put_model
from gakeras.run import RunDirectory, open_run
from gakeras.seeding import derive_seed

StartNetwork = GivenModel


@dataclass(frozen=True)
class GrowthRun(RunDirectory):
    """The files of a growth: beside those of every run its start network, and a folder for each training."""

    @cached_property
    def plan(self) -> GrowthSettings:
        """The settings the growth was started with."""
        return growth_settings(self.header()["settings"], origin=str(self.journal))

    def network(self, number: int) -> Path:
        """Return the file of a network as it was after a training."""
        return self.networks / f"{number:04d}" / "network.keras"

    def outputs(self, number: int) -> Path:
        """Return the file of what a network said after a training: `val`, and `test` where there is one."""
        return self.networks / f"{number:04d}" / "outputs.npz"


def create_growth(
    root: Path,
    settings: GrowthSettings,
    arrays: Arrays,
    start: StartNetwork,
    num_validation: int | None = None,
) -> GrowthRun:
    """Check the data and set up a run directory that holds everything a growth needs.

    Args:
        root: A new or empty directory.
        settings: Of the run.
        arrays: A classification; the validation part is split off here and recorded.
        start: The network to start from.
        num_validation: How many of the last training examples validate; None for a stratified share.

    Raises:
        InputError: The data, the start network or the directory cannot be used.
    """
    task = check_growth_data(arrays)
    genome = settings.start.genome() if settings.start is not None and start is None else None
    if start is None and genome is None:
        raise InputError(
            "A growth starts from a network.",
            expected="a model, a .keras file, or settings with start.build",
            received=f"start={settings.start}",
        )
    if genome is not None:
        _check_fit(genome, arrays.x.shape[1:], task.outputs)
        _check_without_learning(genome)
    check_varied(settings.training, arrays.x.shape[1:])
    run = GrowthRun(root.absolute())
    seed = derive_seed(settings.seed, "validation")

    def split(y: np.ndarray) -> np.ndarray:
        if num_validation is None:
            return assign_validation(y, task, settings.validation_share, seed)
        return (np.arange(len(y)) < len(y) - num_validation).astype(np.int16)

    begin_run(
        run,
        {"kind": "growth", "settings": settings.to_json()},
        arrays,
        task,
        split,
        libraries=(settings.backend,),
        prepare=lambda: put_model(start, run.start),
    )
    return run


def open_growth(root: Path) -> GrowthRun:
    """Return the growth in a directory. Raises `InputError` where there is none."""
    return GrowthRun(open_run(root, "growth").root)


def holds_growth(root: str | Path, settings: GrowthSettings) -> bool:
    """Tell whether a directory holds a growth of these settings, to be gone on with.

    Workers, the number of iterations and the ensemble may differ. Raises `InputError` where it holds
    another run.
    """
    may_differ = {"workers", "iterations", "ensemble", "backend"}
    return goes_on(Path(root), lambda run_dir: open_growth(run_dir).plan, settings, may_differ)


def _check_without_learning(genome: Genome) -> None:
    if genome.learning:
        raise InputError(
            "All members of a growth are trained alike, and their optimizers go along.",
            expected="a start network without genes of learning",
            received=repr(str(genome)),
            way_out="Leave its line `learning` out, and say the same by the settings of `training`.",
        )


def _check_fit(genome: Genome, input_shape: tuple[int, ...], outputs: int) -> None:
    try:
        genome_cost(genome, input_shape, outputs)
    except InputError as error:
        raise InputError(
            "The start network must fit the data.",
            expected=f"a network for examples of shape {input_shape}",
            received=f"{str(genome)!r}: {error.rule} {error.received}",
            way_out="Name another one by `start`.",
        ) from None
