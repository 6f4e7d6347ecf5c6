"""The weights that an evaluation leaves to its children: a file for each fold, which says whose it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from gakeras.durable import put_in_place
from gakeras.encoding import Genome
from gakeras.fitness.inheritance import Weights
from gakeras.jobs import JobFailed

_ABOUT = "about"


@dataclass(frozen=True)
class Training:
    """What weights were trained on: the examples outside of one fold, by digests of folds and data."""

    fold: int
    fold_digest: str
    data_digest: str


@dataclass(frozen=True)
class Checkpoint:
    """A network as one fold has trained it. `age` are the epochs in all, those of its ancestors included."""

    genome: Genome
    weights: Weights
    training: Training
    age: int


def save_checkpoint(checkpoint: Checkpoint, folder: Path) -> Path:
    """Write a checkpoint into the folder of its individual, whole or not at all; return the file."""
    about = {
        "genome": checkpoint.genome.to_json(),
        "training": asdict(checkpoint.training),
        "age": checkpoint.age,
    }
    path = _path(folder, checkpoint.training.fold)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.tmp.npz")
    arrays: Mapping[str, np.ndarray] = {_ABOUT: np.array(json.dumps(about)), **checkpoint.weights}
    np.savez(temporary, **arrays)  # type: ignore[arg-type]
    put_in_place(temporary, path)
    return path


def load_checkpoint(folder: Path, training: Training) -> Checkpoint:
    """Read what `save_checkpoint` wrote for a fold.

    Raises:
        JobFailed: There is none that can be read, or it was trained on anything else: another fold has
            seen what this one validates with.
    """
    path = _path(folder, training.fold)
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        about = json.loads(str(arrays.pop(_ABOUT)))
        found, genome, age = Training(**about["training"]), Genome.from_json(about["genome"]), about["age"]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise JobFailed(f"the weights to inherit cannot be read: {path} ({error})") from error
    different = [name for name, value in asdict(training).items() if getattr(found, name) != value]
    if different:
        raise JobFailed(
            f"weights are inherited within a fold only: {path} has another {', '.join(different)}; "
            f"expected {training}, received {found}"
        )
    return Checkpoint(genome, arrays, found, age)


def _path(folder: Path, fold: int) -> Path:
    return folder / f"fold{fold}.npz"
