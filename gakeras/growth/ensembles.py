"""Which members become an ensemble, judged by what they said, and the ensemble as a file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data import fold_indices, open_data
from gakeras.data.tasks import class_labels
from gakeras.errands import do_job
from gakeras.errors import RunError
from gakeras.executors import ExecutorChoice
from gakeras.growth.population import Member
from gakeras.growth.records import Replay
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import EnsembleSettings, GrowthSettings
from gakeras.growth.work import ensemble_job
from gakeras.journal import JournalWriter
from gakeras.morphism.selection import cross_entropy, select_ensemble
from gakeras.run import RunDirectory


@dataclass(frozen=True)
class Ensemble:
    """Members whose probabilities are averaged.

    Attributes:
        members: The numbers of their trainings.
        shares: Of each in the mean; they sum to 1.
        flops: Of a forward pass of all members.
        loss, accuracy: On the validation part, by which members were chosen: a little too good.
        test_loss, test_accuracy: On the test set, None without one. Nothing was decided by it.
    """

    members: tuple[int, ...]
    shares: tuple[float, ...]
    flops: int
    loss: float
    accuracy: float
    test_loss: float | None = None
    test_accuracy: float | None = None

    def __str__(self) -> str:
        parts = ", ".join(
            f"{share:.2f} x {number}" for number, share in zip(self.members, self.shares, strict=True)
        )
        test = "" if self.test_accuracy is None else f", test {100 * self.test_accuracy:.2f} %"
        return (
            f"{parts}; validation loss {self.loss:.4f}, accuracy {100 * self.accuracy:.2f} %{test}, "
            f"{self.flops / 1e6:.2f} MFLOPs"
        )


def choose_ensemble(
    members: Sequence[Member], outputs: Callable[[int], Path], run: RunDirectory, wanted: EnsembleSettings
) -> Ensemble:
    """Return the ensemble of members, from what they said of a run's data, in the files of `outputs`."""
    data = open_data(run.data)
    _, validation = fold_indices(np.load(run.folds, allow_pickle=False), 0)
    labels = class_labels(data.y, data.info.task)[validation]
    said = [_outputs(outputs(member.number), "val") for member in members]
    shares = np.full(len(members), 1 / len(members))
    if wanted.method == "greedy":
        shares = select_ensemble(said, labels, cross_entropy, size=wanted.size)
    chosen = np.flatnonzero(shares).tolist()
    loss, accuracy = _scores(labels, said, shares)
    test: tuple[float, float] | tuple[None, None] = (None, None)
    if data.y_test is not None:
        tested = [_outputs(outputs(members[i].number), "test") for i in chosen]
        test = _scores(class_labels(data.y_test, data.info.task), tested, shares[chosen])
    return Ensemble(
        tuple(members[i].number for i in chosen),
        tuple(float(shares[i]) for i in chosen),
        sum(members[i].flops for i in chosen),
        loss,
        accuracy,
        *test,
    )


def joined(
    ensemble: Ensemble, run: GrowthRun, settings: GrowthSettings, past: Replay, executor: ExecutorChoice
) -> Path:
    """Return the `.keras` file of an ensemble; one that was joined before is not made again.

    Raises:
        RunError: The members could not be joined.
    """
    parts = zip(ensemble.members, ensemble.shares, strict=True)
    key = "_".join(f"{number}x{share:.4f}" for number, share in parts)
    path = run.models / _file_name(key, past.ensembles.get(key))
    if key in past.ensembles and path.is_file():
        return path
    job = ensemble_job(ensemble.members, ensemble.shares, run, settings, str(path))
    complaint = "The ensemble could not be joined."
    with JournalWriter(run.journal) as journal:
        result = do_job(job, run, settings.workers, settings.backend, executor, complaint=complaint)
        past.ensembles[key] = result.to_json()
        record = {"type": "joined", "key": key, "ensemble": asdict(ensemble), "result": result.to_json()}
        journal.append([record])
    return path


def _file_name(key: str, result: Mapping[str, Any] | None) -> str:
    """Return the name of an ensemble's file, for one that was joined before as its record has it."""
    if result is not None:
        return Path(result["artifacts"]["model"]).name
    digest = hashlib.sha256(key.encode()).hexdigest()[:16]  # a name of all members would soon be too long
    return f"ensemble-{digest}.keras"


def _outputs(path: Path, part: str) -> np.ndarray:
    """Return the probabilities of all classes that a member gave; of two, one output is the second's."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            outputs: np.ndarray = arrays[part]
    except OSError as error:
        raise RunError(f"{path}: what a network said of the data cannot be read ({error}).") from error
    return np.hstack([1 - outputs, outputs]) if outputs.shape[1] == 1 else outputs


def _scores(labels: np.ndarray, said: Sequence[np.ndarray], shares: np.ndarray) -> tuple[float, float]:
    mean = np.tensordot(shares, np.stack(said), axes=1)
    return cross_entropy(labels, mean), float((mean.argmax(axis=1) == labels).mean())
