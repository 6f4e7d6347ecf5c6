"""The run directory of a synthesis: how it is set up, found again, and told from that of a search."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from gakeras.data import Arrays, assign_validation, check_arrays, example_weights
from gakeras.errors import InputError
from gakeras.journal import has_begun
from gakeras.lineage.settings import SynthesisSettings, synthesis_settings
from gakeras.run import RunDirectory, begin_run, check_same_settings, open_run
from gakeras.seeding import derive_seed


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
    ancestor: Path | Callable[[Path], None] | None,
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
        prepare=lambda: _put_ancestor(ancestor, run.ancestor),
    )
    return run


def open_synthesis(root: Path) -> SynthesisRun:
    """Return the synthesis in a directory. Raises `InputError` where there is none."""
    run = open_run(root)
    if run.kind != "synthesis":
        raise InputError(
            "This is for the run of a synthesis.",
            expected="a run_dir that `gakeras synthesize` has made",
            received=f"{root}, a run of the kind {run.kind!r}",
        )
    return SynthesisRun(run.root)


def holds_synthesis(root: str | Path, settings: SynthesisSettings) -> bool:
    """Tell whether a directory holds a synthesis of these settings, to be gone on with.

    Workers and the number of generations may differ. Raises `InputError` where it holds another run.
    """
    run = RunDirectory(Path(root).absolute())
    if not has_begun(run.journal):
        return False
    own, other = open_synthesis(run.root).plan.to_json(), settings.to_json()
    may_differ = {"workers", "generations", "backend", "ancestor", "data"}
    check_same_settings(run.root, own, other, may_differ)
    return True


def check_model_path(path: Path) -> Path:
    """Return the path of a `.keras` file that is there, or say what is wrong with it."""
    if path.suffix != ".keras" or not path.is_file():
        raise InputError(
            "The ancestor is a model, or the path of one.",
            expected="a .keras file",
            received=f"{path}, " + ("which is not there" if path.suffix == ".keras" else "another sort"),
            way_out="Save a model with `model.save('ancestor.keras')`.",
        )
    return path


def _put_ancestor(ancestor: Path | Callable[[Path], None] | None, target: Path) -> None:
    if ancestor is None:
        return
    temporary = target.with_name(f".{target.name}.tmp.keras")
    if isinstance(ancestor, Path):
        shutil.copyfile(ancestor, temporary)
    else:
        ancestor(temporary)
    temporary.rename(target)
