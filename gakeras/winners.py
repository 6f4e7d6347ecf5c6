"""The final training of what a search has found: on which data, how long, into which file, and by whom."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gakeras.config import Settings, WorkerSettings
from gakeras.data import (
    Arrays,
    Task,
    arrays_digest,
    as_arrays,
    check_arrays,
    example_weights,
    open_data,
    store_arrays,
)
from gakeras.data.streams import is_stream
from gakeras.dispatch import Dispatcher
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.evolution import Individual
from gakeras.executors import ExecutorChoice
from gakeras.finals import FinalTraining, TrainingSummary, find_done, summarise, train_all
from gakeras.fitness.options import TrainingOptions
from gakeras.journal import JournalWriter
from gakeras.progress import Progress
from gakeras.run import RunDirectory
from gakeras.scores import mean_best_epoch
from gakeras.session import Session
from gakeras.supervision import child_options, executor_factory


@dataclass(frozen=True)
class Plan:
    """Which networks are trained, and how.

    Attributes:
        networks: Names and genomes; the winner is named `best`, and the model of its first repeat is kept.
        options: Of every training; a winner's dtype policy may have been chosen by the search.
        repeats: Trainings of each network.
        data_dir: Where the data are.
        stop_after: How many epochs of the winner's are done; None for all.
        validation_share: Part of the examples that is held out and measured on after every epoch.
    """

    networks: Sequence[tuple[str, Genome]]
    options: TrainingOptions
    repeats: int
    data_dir: Path
    stop_after: int | None = None
    validation_share: float = 0.0

    def trainings(
        self, run: RunDirectory, best: Individual, callbacks: Sequence[Any] = ()
    ) -> list[FinalTraining]:
        """Return the trainings, repeat by repeat."""
        return [
            self._training(run, best, callbacks, name, genome, repeat)
            for repeat in range(self.repeats)
            for name, genome in self.networks
        ]

    def _training(
        self,
        run: RunDirectory,
        best: Individual,
        callbacks: Sequence[Any],
        name: str,
        genome: Genome,
        repeat: int,
    ) -> FinalTraining:
        is_best = name == "best"
        return FinalTraining(
            name,
            genome,
            _with_policy_of(best, self.options) if is_best else self.options,
            repeat,
            run.settings.seed,
            self.data_dir,
            save_to=self._model_path(run, genome, callbacks) if is_best and repeat == 0 else None,
            criteria=run.settings.criteria,
            validation_share=self.validation_share,
            callbacks=tuple(callbacks),
            stop_after=self.stop_after if is_best else None,
        )

    def _model_path(self, run: RunDirectory, genome: Genome, callbacks: Sequence[Any]) -> Path:
        words = [
            genome.digest,
            *(_word(value) for value in asdict(self.options).values() if value is not None),
        ]
        words += [f"validation-{self.validation_share}"] * bool(self.validation_share)
        words += ["callbacks"] * bool(callbacks)
        words += [] if self.stop_after is None else [str(self.stop_after)]
        folder = run.models if self.data_dir == run.data else run.models / self.data_dir.name
        return folder / f"{'-'.join(words)}.keras"


def train_networks(
    trainings: Sequence[FinalTraining],
    done: Sequence[Mapping[str, Any]],
    run: RunDirectory,
    *,
    workers: WorkerSettings,
    executor: ExecutorChoice,
    session: Session,
    progress: bool,
) -> list[TrainingSummary]:
    """Do the trainings that a journal's records, `done`, lack; return one summary a network.

    Nobody is asked to work where nothing is missing.

    Raises:
        RunError: A training of `best` failed.
        Unfinished: The session ended first; resuming does what is left.
    """
    results = find_done(trainings, done)
    missing = [training for training in trainings if training not in results]
    if missing:
        factory = executor_factory(executor, workers, run.settings.backend)
        with (
            JournalWriter(run.journal) as journal,
            session,
            Dispatcher(factory, child_options(run, workers, run.settings.backend)) as dispatcher,
            Progress("final trainings", total=len(missing), show=progress) as bar,
        ):
            for number, (training, result) in enumerate(
                train_all(missing, dispatcher, journal, session), start=1
            ):
                results[training] = result
                bar.update(number, running=min(dispatcher.num_in_flight, factory.slots))
    return summarise([(training, results[training]) for training in trainings])


def epochs_done(settings: Settings, best: Individual) -> int | None:
    """Return how many epochs of the winner's final training are done; None for all."""
    if settings.final.stop_at == "last":
        return None
    measures = best.measures
    as_long = measures.get("final", ()) if settings.has_finals else measures["folds"]
    return mean_best_epoch(as_long)


def store_training_data(
    run: RunDirectory, x: Any, y: Any, x_test: Any, y_test: Any, sample_weight: Any
) -> Path:
    """Return where the data of a training are: the run's own directory if none were passed.

    Raises:
        InputError: The data cannot be used, or not together.
    """
    if x is None and sample_weight is not None:
        raise InputError(
            "The data of a search have their weights.",
            expected="sample_weight beside x and y",
            received="sample_weight alone",
            way_out="Pass it to `search`, or with x and y.",
        )
    if x is None and y is None and x_test is None and y_test is None:
        return run.data
    if not is_stream(x):
        _check_pair("x", x, "y", y)
    if not is_stream(x_test):
        _check_pair("x_test", x_test, "y_test", y_test)
    own = open_data(run.data)
    train = (own.x, own.y) if x is None else (x, y)
    test = (own.x_test, own.y_test) if x_test is None else (x_test, y_test)
    given = own.sample_weight if x is None else sample_weight
    arrays = as_arrays(train[0], train[1], test[0], test[1], given)
    task = _same_task(arrays, run)
    if x is not None:
        weights = example_weights(arrays, task, run.settings.class_weight)
        arrays = replace(arrays, sample_weight=weights)
    data_dir = run.models / f"data-{arrays_digest(arrays)[:12]}"
    store_arrays(arrays, task, data_dir)
    return data_dir


def _same_task(arrays: Arrays, run: RunDirectory) -> Task:
    """Return the task of data that a run's network is trained on: examples and answers as in the search."""
    kind = "classification" if run.info.task.is_classification else "regression"
    task = check_arrays(arrays, task=kind, num_folds=2)
    own = _sizes(run.info.input_shape, run.info.task)
    other = _sizes(arrays.x.shape[1:], task)
    if own != other:
        raise InputError(
            "A network is trained on data like those it was found for.",
            expected=own,
            received=other,
            way_out="Search on the other data.",
        )
    return task


def _sizes(input_shape: tuple[int, ...], task: Task) -> str:
    answers = f"{max(task.outputs, 2)} classes" if task.is_classification else f"{task.outputs} targets each"
    return f"examples of shape {tuple(input_shape)}, {answers}"


def check_callbacks(callbacks: Sequence[Any], backend: str) -> None:
    """Refuse callbacks that are none, or of a Keras that computes otherwise than the search did."""
    if not callbacks:
        return
    keras = sys.modules.get("keras")
    strangers = [
        each for each in callbacks if keras is None or not isinstance(each, keras.callbacks.Callback)
    ]
    if strangers:
        raise InputError(
            "Callbacks are those of Keras.",
            expected="a list of keras.callbacks.Callback objects",
            received=f"a {type(strangers[0]).__name__}",
        )
    if keras is not None and keras.backend.backend() != backend:
        raise InputError(
            "A training with callbacks is done in this process.",
            expected=f"the backend of the search, {backend}",
            received=f"Keras with the backend {keras.backend.backend()}",
            way_out=f"Start Python with KERAS_BACKEND={backend}.",
        )


def check_share(validation_share: float) -> None:
    """Refuse what is no part of the examples that can be held out."""
    if not 0 <= validation_share < 1:
        raise InputError(
            "A part of the examples is held out.",
            expected="0 <= validation_share < 1",
            received=f"validation_share={validation_share}",
        )


def _with_policy_of(best: Individual, options: TrainingOptions) -> TrainingOptions:
    """Return the options of the winner's training, by the dtype policy that was chosen for it."""
    chosen = best.measures.get("dtype_policy")
    if options.dtype_policy != "auto" or chosen is None:
        return options
    return replace(options, dtype_policy=chosen)


def _word(value: Any) -> str:
    """Return a value as a part of a file's name."""
    if not isinstance(value, Mapping):
        return str(value)
    digest = hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:8]
    return f"{value['class_name']}-{digest}"


def _check_pair(x_name: str, x: Any, y_name: str, y: Any) -> None:
    if (x is None) != (y is None):
        raise InputError(
            "Examples and targets come together.",
            expected=f"both of {x_name} and {y_name}, or neither",
            received=f"{x_name if y is None else y_name} alone",
        )
