"""A run on disk: what is in its directory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from gakeras.config import COMMANDS, Settings, settings_from
from gakeras.data import DataInfo, folds_digest, open_data, weights_digest
from gakeras.errors import InputError, JournalError
from gakeras.journal import Record, has_begun, read_header


@dataclass(frozen=True)
class RunDirectory:
    """The files of a run. It owns copies of its data, so resuming needs nothing but the directory."""

    root: Path

    @property
    def journal(self) -> Path:
        """The journal, from which everything else is derived."""
        return self.root / "journal.jsonl"

    @property
    def data(self) -> Path:
        """The run's copy of its data."""
        return self.root / "data"

    @property
    def folds(self) -> Path:
        """The fold in which each training example is held out."""
        return self.root / "folds.npy"

    @property
    def models(self) -> Path:
        """Models that were trained in the end."""
        return self.root / "models"

    @property
    def paused(self) -> Path:
        """The training states of evaluations that are done in steps, until they are finished."""
        return self.root / "paused"

    @property
    def weights(self) -> Path:
        """The weights that may be inherited: a folder for each individual, a file for each fold."""
        return self.root / "weights"

    @property
    def ancestor(self) -> Path:
        """The model that a synthesis starts from."""
        return self.root / "ancestor.keras"

    @property
    def start(self) -> Path:
        """The model that a growth starts from, where it was given one."""
        return self.root / "start.keras"

    @property
    def networks(self) -> Path:
        """Weights and masks of the networks of a synthesis; the networks of a growth."""
        return self.root / "networks"

    @property
    def logs(self) -> Path:
        """What the workers' processes printed."""
        return self.root / "workers"

    def header(self) -> Record:
        """Return the journal's header."""
        return read_header(self.journal)

    @property
    def kind(self) -> str:
        """What sort of run it is: `search`, `synthesis` or `growth`."""
        return str(self.header().get("kind", "search"))

    @cached_property
    def settings(self) -> Settings:
        """The settings a search was started with."""
        check_run_kind(self, "search")
        return settings_from(self.header()["settings"], origin=str(self.journal))

    @cached_property
    def info(self) -> DataInfo:
        """What the run's data are."""
        return open_data(self.data).info

    @property
    def metric(self) -> str:
        """The metric beside the loss of a search."""
        return self.settings.metric or self.info.task.metric


def open_run(root: Path, kind: str | None = None) -> RunDirectory:
    """Return the run in a directory. Raises `InputError` where there is none, or none of that kind."""
    run = RunDirectory(root.absolute())
    if not run.journal.exists():
        raise InputError(
            "A run is a directory with a journal.",
            expected=f"the file {run.journal}",
            received="no such file",
            way_out="Start a run there with `gakeras search --run-dir`.",
        )
    if not run.folds.exists() and not has_begun(run.journal):
        raise InputError(
            "A run has begun when its data and its folds are stored.",
            expected="a journal with a header",
            received=f"{run.journal}, which is empty",
            way_out="Wait a little. If no process is setting it up, start it again by the same command.",
        )
    try:
        folds = np.load(run.folds, allow_pickle=False)
    except (OSError, EOFError, ValueError) as error:
        raise JournalError(f"{run.folds}: the folds of the run cannot be read ({error}).") from error
    if run.header()["fold_digest"] != folds_digest(folds):
        raise JournalError(f"{run.folds}: these are not the folds the run was started with.")
    _check_weights(run)
    if kind is not None:
        check_run_kind(run, kind)
    return run


def _check_weights(run: RunDirectory) -> None:
    expected = run.header().get("data", {}).get("weights_digest")
    weights = open_data(run.data).sample_weight if expected else None
    if expected and (weights is None or weights_digest(weights) != expected):
        raise JournalError(f"{run.data}: these are not the sample weights the run was started with.")


def check_run_kind(run: RunDirectory, kind: str) -> None:
    """Raise `InputError` for a run of another kind."""
    if run.kind != kind:
        raise InputError(
            f"This is for the run of a {kind}.",
            expected=f"a run_dir that `gakeras {COMMANDS[kind]}` has made",
            received=f"{run.root}, a run of the kind {run.kind!r}",
            way_out="`gakeras show` and `gakeras resume` take every kind.",
        )
