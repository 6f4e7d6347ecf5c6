"""What a search gives back: the best individuals, and the way to trained, saved models."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from gakeras.cards import search_sections
from gakeras.config import Settings, WorkerSettings, training_options
from gakeras.data import open_data
from gakeras.data.folds import validation_part
from gakeras.encoding import Genome
from gakeras.errors import InputError, RunError
from gakeras.evolution import Individual, pareto_front
from gakeras.executors import ExecutorChoice
from gakeras.exports import check_export_path, check_keras_path, export_from_run
from gakeras.finals import FinalTraining, TrainingSummary
from gakeras.fitness.objectives import Objective
from gakeras.fitness.options import check_varied
from gakeras.journal import Record, read_journal
from gakeras.leaderboard import described, ranking_of
from gakeras.replay import Replay, leaders, replay
from gakeras.run import RunDirectory
from gakeras.scores import mean_best_epoch
from gakeras.session import Session
from gakeras.tables import html_of_run
from gakeras.tradeoffs import best_within, comparable
from gakeras.winners import (
    Plan,
    check_callbacks,
    check_share,
    epochs_done,
    store_training_data,
    train_networks,
)


class SearchResult:
    """A search as its run directory has it, finished or not.

    Attributes:
        run: The run directory.
        settings: The settings it goes on with: those it was started with, but for budget and workers.
        stop_reason: Why the search ended, in words.
        was_interrupted: Whether that was Ctrl-C.
        is_unfinished: Whether the run is to be gone on with: it was interrupted, or its session ended.

    Everything is read from the journal when the result is made; trainings are done by a
    worker, and only those with callbacks in the caller's process.
    """

    def __init__(
        self,
        run: RunDirectory,
        stop_reason: str = "",
        *,
        settings: Settings | None = None,
        was_interrupted: bool = False,
        is_unfinished: bool = False,
        executor: ExecutorChoice | None = None,
        progress: bool = True,
    ) -> None:
        self.run, self.stop_reason = run, stop_reason
        self.was_interrupted, self.is_unfinished = was_interrupted, is_unfinished
        self.settings = settings or run.settings
        self._executor, self._progress = executor, progress
        self._past: Replay = self._read()
        self._model: Path | None = None
        self._trained: FinalTraining | None = None

    @property
    def best(self) -> Individual:
        """The individual with the best fitness of all, or, where there were finals, the finalist that won."""
        return self.leaderboard(1)[0]

    @property
    def num_evaluations(self) -> int:
        """How many evaluations ended, whether well or not."""
        return self._past.state.num_evaluated

    @property
    def seconds(self) -> float:
        """Seconds the search has taken, over all its sessions."""
        return self._past.elapsed

    @property
    def cpu_seconds(self) -> float:
        """CPU-seconds the workers have spent on evaluations, over all their threads."""
        return self._past.state.cpu_seconds

    @property
    def statuses(self) -> dict[str, int]:
        """How many proposals ended how; duplicate and oversized ones were not evaluated."""
        return dict(self._past.statuses)

    def leaderboard(self, n: int = 10) -> list[Individual]:
        """Return the best `n` individuals, best first, no two with equal genomes.

        Raises:
            InputError: `n` is below 1.
            RunError: No evaluation succeeded.
        """
        if n < 1:
            raise InputError("A leaderboard has a first place.", expected="n >= 1", received=f"n={n}")
        num_finalists = self.settings.fidelity.num_finalists
        best = leaders(self._past.evaluated, self._past.state.finals, num_finalists, n)
        if not best:
            state = self._past.state
            reason = state.last_failure or state.last_stop or self.stop_reason or "nothing was evaluated"
            raise RunError(f"There is no individual: no evaluation succeeded ({reason}).")
        return best

    @property
    def front(self) -> list[Individual]:
        """The individuals that no other beats in all objectives, the best loss first; the Pareto front.

        Where only finalists got all folds, it is theirs.
        """
        return pareto_front(self._comparable())

    def select(
        self,
        *,
        max_parameters: int | None = None,
        max_flops: int | None = None,
        max_latency: float | None = None,
        max_size: int | None = None,
    ) -> Individual:
        """Return the individual with the best first objective, the loss or the metric, within the limits.

        Args:
            max_parameters, max_flops: Trainable parameters, operations of a forward pass.
            max_latency: Seconds one example takes on a worker; needs `latency` among the
                objectives or the penalties of the search.
            max_size: Bytes of the weights.

        Raises:
            InputError: No individual is within the limits.
        """
        limits: dict[Objective, float | None] = {
            "parameters": max_parameters,
            "flops": max_flops,
            "latency": max_latency,
            "size": max_size,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        return best_within(self._comparable(), given)

    def _comparable(self) -> list[Individual]:
        return comparable(self._past, self.settings.fidelity.num_finalists)

    def train_best(
        self,
        x: Any = None,
        y: Any = None,
        *,
        x_test: Any = None,
        y_test: Any = None,
        sample_weight: Any = None,
        epochs: int | Literal["best"] = 20,
        batch_size: int = 128,
        optimizer: Any = "rmsprop",
        learning_rate: float | None = None,
        schedule: str = "constant",
        shift: float = 0.0,
        crop: float = 0.0,
        flip: bool = False,
        erase: float = 0.0,
        dtype_policy: str = "float32",
        repeats: int = 1,
        validation_share: float = 0.0,
        callbacks: Sequence[Any] = (),
    ) -> TrainingSummary:
        """Train the best network from scratch on whole training data, `repeats` times.

        Args:
            x, y: Training data, both or neither; by default those of the search. A `tf.data.Dataset`
                or a `keras.utils.PyDataset` of batches (examples, targets) may stand for both: it is
                read once, to disk.
            x_test, y_test: Test data in the same ways; by default those of the search.
            sample_weight: Of the x that is given; the search's class weights multiply it. The data of
                the search have their own.
            epochs, batch_size, optimizer, learning_rate: The training; the defaults are the
                paper's 20 epochs of RMSprop. `epochs="best"` are as many as gave the lowest validation
                loss, a mean over the folds of the search.
            schedule, shift, crop, flip, erase: How the learning rate falls, and how images are varied; see
                `gakeras.fitness.options.TrainingOptions`. A network with genes of learning is trained as they
                say, whatever is passed here or above; the summary names them.
            dtype_policy: As there; `"auto"` is what the search has chosen for the network.
            repeats: Trainings, each from other initial weights.
            validation_share: Part of the training examples, the same in all repeats, that is held out
                and measured on after every epoch: `val_loss` and `val_metric`.
            callbacks: Of Keras, called as `fit` calls them, with the logs `loss` and those of the
                validation part. The training is then done in this process, where they are, without
                time limit, with its own number of threads, and anew in every call.

        Returns:
            A summary with `avg`, `std`, `min` and `max` of the metric over the repeats, as
            the paper's Tables 1 and 4. The model of the first repeat is kept, whatever its
            test score, for choosing one by it would make the score a lie. What an earlier
            call has finished is not trained again.

        Raises:
            InputError: The data or a setting cannot be used; nothing was trained.
            RunError: A training failed.
        """
        if epochs == "best":
            if self.settings.inherit == "weights":
                raise InputError(
                    "The best epoch is one of networks that begin with new weights, as this training does.",
                    expected='a number of epochs, after a search with inherit="weights"',
                    received="epochs='best'",
                )
            epochs = mean_best_epoch(self.best.measures["folds"]) or 1
        options = training_options(
            epochs=epochs,
            batch_size=batch_size,
            optimizer=optimizer,
            learning_rate=learning_rate,
            schedule=schedule,
            shift=shift,
            crop=crop,
            flip=flip,
            erase=erase,
            dtype_policy=dtype_policy,
        )
        check_varied(options, self.run.info.input_shape)
        if repeats < 1:
            raise InputError("A training is done.", expected="repeats >= 1", received=f"repeats={repeats}")
        check_callbacks(callbacks, self.settings.backend)
        check_share(validation_share)
        data_dir = store_training_data(self.run, x, y, x_test, y_test, sample_weight)
        if validation_share:
            data = open_data(data_dir)
            validation_part(data.y, data.info.task, validation_share, self.settings.seed)
        plan = Plan(
            [("best", self.best.genome)], options, repeats, data_dir, validation_share=validation_share
        )
        return self._train(plan, callbacks=callbacks)[0]

    def train_final(self, session: Session | None = None) -> list[TrainingSummary]:
        """Train the best network and the config's baselines, all in the same way, as its `[final]` says.

        Returns one summary a network, the best one's first. What an earlier call has
        finished is not trained again. Raises `Unfinished` when the session ends before.
        """
        networks = [("best", self.best.genome)]
        networks += [(name, self.settings.network(name)) for name in self.settings.final.baselines]
        return self._train(self._final_plan(networks, self.settings.final.repeats), session)

    def _one_training(self) -> Plan:
        """Return the training that gives a model where none was asked for."""
        return self._final_plan([("best", self.best.genome)], 1)

    def _final_plan(self, networks: Sequence[tuple[str, Genome]], repeats: int) -> Plan:
        """Return the trainings of the config's `[final]`."""
        stop_after = epochs_done(self.settings, self.best)
        return Plan(networks, self.settings.final.training, repeats, self.run.data, stop_after)

    def save(self, path: str | Path) -> Path:
        """Save the best network as a plain `.keras` file that takes raw data and loads with Keras alone.

        It is the model of the first repeat of the latest `train_best` or `train_final` of this
        result; without one, it is first trained as the settings' `final` says.
        """
        path = check_keras_path(Path(path))
        return Path(shutil.copyfile(self._trained_model(), path))

    def save_within(
        self,
        path: Path,
        session: Session,
        *,
        workers: WorkerSettings,
        executor: ExecutorChoice,
        progress: bool,
    ) -> None:
        """Save as `save` does; what is trained first is trained in a session and by workers that are given.

        Raises:
            Unfinished: The session ended first. What the journal has by then is not trained again.
        """
        if self._model is None:
            self._train(self._one_training(), session, workers=workers, executor=executor, progress=progress)
        self.save(path)

    def export(self, path: str | Path, *, format: str | None = None) -> Path:
        """Write the model that `save` saves for another runtime, and a model card beside it.

        A worker converts it under TensorFlow, whatever backend the search has used, opens the file by its
        own runtime where that is installed, and compares the outputs on training examples; the card,
        `model.tflite.md` beside `model.tflite`, has the difference. Int8 is calibrated on them.

        Args:
            path: `.keras`, `.tflite` or `.onnx`, or the path of a new folder for a SavedModel.
            format: One of `gakeras.exporting.Format`; by default what the suffix says.

        Returns:
            The path.

        Raises:
            InputError: The path or the format cannot be written; nothing was trained.
            RunError: The conversion failed.
        """
        target, chosen = check_export_path(path, format)
        model = self._trained_model()
        assert self._trained is not None, "it has a model now"
        training = self._record_of(self._trained)
        data_dir = self._trained.data_dir
        info = None if data_dir == self.run.data else open_data(data_dir).info
        workers = self.settings.workers
        return export_from_run(
            model,
            target,
            chosen,
            search_sections(self.run, self.best, training, info),
            run=self.run,
            workers=workers,
            executor=self._executor if self._executor is not None else workers.executor,
            data_dir=data_dir,
        )

    def _record_of(self, training: FinalTraining) -> Record:
        """Return the journal's record of a training that ended well, the latest where there are several."""
        return next(
            record
            for record in reversed(self._past.trainings)
            if training.is_that_of(record["key"]) and record["result"]["status"] == "ok"
        )

    def _trained_model(self) -> Path:
        if self._model is None:
            self._train(self._one_training())
        assert self._model is not None
        return self._model

    def _train(
        self,
        plan: Plan,
        session: Session | None = None,
        *,
        callbacks: Sequence[Any] = (),
        workers: WorkerSettings | None = None,
        executor: ExecutorChoice | None = None,
        progress: bool | None = None,
    ) -> list[TrainingSummary]:
        """Train, by those that did the search unless others are named."""
        workers = workers or self.settings.workers
        executor = executor if executor is not None else self._executor
        executor = executor if executor is not None else workers.executor
        trainings = plan.trainings(self.run, self.best, callbacks)
        summaries = train_networks(
            trainings,
            self._past.trainings,
            self.run,
            workers=workers,
            executor="debug" if callbacks else executor,
            session=session or Session(),
            progress=self._progress if progress is None else progress,
        )
        self._past = self._read()
        self._model, self._trained = summaries[0].model_path, trainings[0]
        return summaries

    def _read(self) -> Replay:
        return replay(read_journal(self.run.journal), self.settings)

    def __repr__(self) -> str:
        lines = [f"SearchResult in {self.run.root}", f"  {self._headline()}"]
        if self._past.evaluated:
            best, *blocks = described(self.best, self.run.metric, ranking_of(self.settings))
            lines += [f"  best: {best}", *(f"  {block}" for block in blocks)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_of_run("Search", self.run.root, self._headline(), self.columns, self.rows(5))

    def _headline(self) -> str:
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(self._past.statuses.items()))
        counted = f" ({statuses})" if statuses else ""
        reason = f"; {self.stop_reason}" if self.stop_reason else ""
        return f"{self.num_evaluations} evaluations in {self.seconds:.0f} s{counted}{reason}"

    @property
    def columns(self) -> tuple[str, ...]:
        """What the columns of the leaderboard are; where only finalists got all folds it says so."""
        return ranking_of(self.settings).columns

    def rows(self, n: int) -> list[tuple[Any, ...]]:
        """Return the leaderboard as rows of the `columns`, formatted."""
        ranking = ranking_of(self.settings)
        best = self.leaderboard(n) if self._past.evaluated else []
        return [ranking.row(individual) for individual in best]
