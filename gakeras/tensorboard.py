"""A search as TensorBoard shows it: an event file that is written from the results in its journal.

Event files are records of protocol buffers. TensorFlow writes both without starting its runtime, which
`tf.summary` would start, and with it take the memory of every GPU from the workers.
"""

from __future__ import annotations

import math
import statistics
import time
import warnings
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gakeras.errors import InputError
from gakeras.fitness.objectives import fold_losses, fold_metrics
from gakeras.history import read_history
from gakeras.jobs import JobResult
from gakeras.journal import Journal, JournalWriter, find_journal

FOLDER = "tensorboard"


class EventFile:
    """The scalars of every evaluation, in the order in which results came in, from 1.

    A context manager. It replaces the event files of the folder: whoever opens one begins with the results
    of the journal, so that after a resume nothing is there twice. What cannot be written is a warning, for
    a search goes on without its curves.

    Args:
        folder: Where TensorBoard looks: `tensorboard --logdir FOLDER`.
        metric: What the metric is called.

    Raises:
        InputError: TensorFlow cannot be imported, or the folder cannot be written to.
    """

    def __init__(self, folder: Path, metric: str) -> None:
        self._tensorflow = import_tensorflow()
        self._folder, self._metric, self._step, self._works = folder, metric, 0, True

    def __enter__(self) -> Self:
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for old in self._folder.glob("events.out.tfevents.*"):
                old.unlink()
        except OSError as error:
            raise InputError(
                "TensorBoard's files are written into a folder.",
                expected=f"that {self._folder} can be written to",
                received=str(error.strerror),
            ) from None
        path = self._folder / f"events.out.tfevents.{time.time():.0f}.gakeras"
        self._file = self._tensorflow.io.TFRecordWriter(str(path))
        self._write(file_version="brain.Event:2")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close()

    def add(self, results: Iterable[JobResult]) -> None:
        """Write the scalars of evaluations that have ended."""
        if not self._works:
            return
        protocol = self._tensorflow.compat.v1.Summary
        try:
            for result in results:
                self._step += 1
                values = [
                    protocol.Value(tag=tag, simple_value=value)
                    for tag, value in scalars_of(result, self._metric).items()
                ]
                self._write(step=self._step, wall_time=result.end, summary=protocol(value=values))
            self._file.flush()
        except Exception as error:  # a full disk has many names
            self._works = False
            warnings.warn(f"TensorBoard's file is not written any more: {error}", stacklevel=2)

    def _write(self, **fields: Any) -> None:
        event = self._tensorflow.compat.v1.Event(**{"wall_time": time.time()} | fields)
        self._file.write(event.SerializeToString())


def import_tensorflow() -> Any:
    """Return the library. Raises `InputError` where it cannot be imported."""
    try:
        import tensorflow
    except ImportError as error:
        raise InputError(
            "TensorBoard's files are written by TensorFlow.",
            expected="that tensorflow can be imported",
            received=str(error),
            way_out="Install it, or leave `tensorboard` out.",
        ) from None
    return tensorflow


def scalars_of(result: JobResult, metric: str) -> dict[str, float]:
    """Return what is shown of an evaluation: of one that failed, what it took.

    >>> folds = [{"fold": 0, "epochs": [{"val_loss": 0.5, "val_metric": 0.9}]}]
    >>> measures = {"parameters": 7, "flops": 12, "folds": folds}
    >>> scalars_of(JobResult("1", "ok", measures=measures, cpu_seconds=3.0), "accuracy")
    {'cpu_seconds': 3.0, 'loss': 0.5, 'accuracy': 0.9, 'parameters': 7.0, 'flops': 12.0}
    """
    scalars = {"cpu_seconds": result.cpu_seconds}
    if result.status == "ok":
        scalars["loss"] = statistics.fmean(fold_losses(result.measures))
        scalars[metric] = statistics.fmean(fold_metrics(result.measures))
        scalars |= {name: float(result.measures[name]) for name in ("parameters", "flops")}
    return {tag: value for tag, value in scalars.items() if math.isfinite(value)}


def finished_results(journal: Journal) -> list[JobResult]:
    """Return the results of all evaluations that a journal has, in their order."""
    return [JobResult.from_json(record) for record in journal.records if record["type"] == "finished"]


def write_events(run_dir: str | Path) -> Path:
    """Write the event file of a search from its journal, and return its folder.

    Not while the search is running: it may be writing its own.

    Raises:
        InputError: It is not the journal of a search, a process is working in it, or TensorFlow is missing.
        JournalError: There is no journal, or it is damaged.
    """
    history = read_history(run_dir)
    folder = find_journal(run_dir).parent / FOLDER
    with JournalWriter(find_journal(run_dir)), EventFile(folder, history.metric) as events:
        events.add(evaluation.result for evaluation in history.evaluations)
    return folder
