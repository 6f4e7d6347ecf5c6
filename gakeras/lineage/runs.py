"""The run directory of a synthesis: how it is set up, found again, and told from that of a search."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from gakeras.beginning import begin_run, goes_on
from gakeras.data import Arrays, assign_validation, check_arrays, example_weights
from gakeras.fitness.options import check_varied
from gakeras.lineage.settings import SynthesisSettings, synthesis_settings
from gakeras.models import GivenModel, put_model
from gakeras.run import RunDirectory, open_run
from gakeras.seeding import derive_seed

Ancestor = GivenModel


@dataclass(frozen=True)
class SynthesisRun(RunDirectory):
    """The files of a synthesis: beside those of every run its ancestor, and a folder for each network."""

    @cached_property
    def plan(self) -> SynthesisSettings:
        """The settings the synthesis was started with."""
        return synthesis_settings(self.header()["settings"], origin=str(self.journal))


def create_synthesis(
    root: Path,
    settings: SynthesisSettings,
    arrays: Arrays,
    ancestor: Ancestor,
) -> SynthesisRun:
    """Check the data and set up a run directory that holds everything a synthesis needs.

    Args:
        root: A new or empty directory.
        settings: Of the run.
        arrays: A classification; the validation part is split off here and recorded.
        ancestor: A `.keras` file to be copied, a function that writes one to a path, or None
            where the settings name a network to build.

    Raises:
        InputError: The data or the directory cannot be used.
    """
    task = check_arrays(arrays, task="classification", num_folds=2)
    for options in (settings.training, settings.last):
        if options is not None:
            check_varied(options, arrays.x.shape[1:])
    arrays = replace(arrays, sample_weight=example_weights(arrays, task))
    run = SynthesisRun(root.absolute())
    seed = derive_seed(settings.seed, "validation")
    begin_run(
        run,
        {"kind": "synthesis", "settings": settings.to_json()},
        arrays,
        task,
        lambda y: assign_validation(y, task, settings.validation_share, seed),
        libraries=(settings.backend,),
        prepare=lambda: put_model(ancestor, run.ancestor),
    )
    return run


def open_synthesis(root: Path) -> SynthesisRun:
    """Return the synthesis in a directory. Raises `InputError` where there is none."""
    return SynthesisRun(open_run(root, "synthesis").root)


def holds_synthesis(root: str | Path, settings: SynthesisSettings) -> bool:
    """Tell whether a directory holds a synthesis of these settings, to be gone on with.

    Workers and the number of generations may differ. Raises `InputError` where it holds another run.
    """
    may_differ = {"workers", "generations", "backend"}
    return goes_on(Path(root), lambda run_dir: open_synthesis(run_dir).plan, settings, may_differ)
