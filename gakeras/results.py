"""What a search gives back: the best individuals, and the way to trained, saved models."""

from __future__ import annotations

import hashlib
import json
import shutil
import statistics
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Literal

from gakeras.cards import search_sections
from gakeras.config import Settings, training_options
from gakeras.data import arrays_digest, as_arrays, check_arrays, example_weights, open_data, store_arrays
from gakeras.data.folds import validation_part
from gakeras.data.streams import is_stream
from gakeras.dispatch import Dispatcher
from gakeras.encoding import Genome
from gakeras.errors import InputError, RunError
from gakeras.evolution import Individual, pareto_front
from gakeras.executors import ExecutorChoice, choose_executor
from gakeras.exports import check_export_path, check_keras_path, export_from_run
from gakeras.finals import FinalTraining, TrainingSummary, find_done, summarise, train_all
from gakeras.fitness.objectives import Objective, fold_losses, fold_metrics, spread
from gakeras.fitness.options import TrainingOptions
from gakeras.journal import JournalWriter, read_journal
from gakeras.progress import Progress
from gakeras.replay import Replay, leaders, replay
from gakeras.run import RunDirectory
from gakeras.scores import mean_best_epoch
from gakeras.session import Session
from gakeras.supervision import child_options
from gakeras.tables import html_of_run
from gakeras.tradeoffs import best_within, comparable


class SearchResult:
    """A search as its run directory has it, finished or not.

    Attributes:
        run: The run directory.
        settings: The settings it was started with.
        stop_reason: Why the search ended, in words.
        was_interrupted: Whether that was Ctrl-C.
        is_unfinished: Whether the run is to be gone on with: it was interrupted, or its session ended.

    Everything is read from the journal when the result is made; trainings are done by a
    worker, never in the caller's process.
    """

    COLUMNS = ("id", "loss", "metric", "parameters", "MFLOPs", "genome")

    def __init__(
        self,
        run: RunDirectory,
        stop_reason: str = "",
        *,
        was_interrupted: bool = False,
        is_unfinished: bool = False,
        executor: ExecutorChoice | None = None,
        progress: bool = True,
    ) -> None:
        self.run, self.stop_reason = run, stop_reason
        self.was_interrupted, self.is_unfinished = was_interrupted, is_unfinished
        self.settings: Settings = run.settings
        self._executor, self._progress = executor, progress
        self._past: Replay = self._read()
        self._model: Path | None = None

    @property
    def best(self) -> Individual:
        """The individual with the best fitness of all that were evaluated."""
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
        best = leaders(self._past.evaluated, self._past.state.finals, n)
        if not best:
            reason = self._past.state.last_failure or self.stop_reason or "nothing was evaluated"
            raise RunError(f"There is no individual: no evaluation succeeded ({reason}).")
        return best

    @property
    def front(self) -> list[Individual]:
        """The individuals that no other beats in all objectives, the best loss first; the Pareto front.

        Where only finalists got all folds, it is theirs.
        """
        return pareto_front(comparable(self._past))

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
        return best_within(comparable(self._past), given)

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
            epochs = mean_best_epoch(self.best.measures["folds"]) or 1
        options = training_options(
            epochs=epochs, batch_size=batch_size, optimizer=optimizer, learning_rate=learning_rate
        )
        if repeats < 1:
            raise InputError("A training is done.", expected="repeats >= 1", received=f"repeats={repeats}")
        _check_callbacks(callbacks, self.settings.backend)
        if not 0 <= validation_share < 1:
            raise InputError(
                "A part of the examples is held out.",
                expected="0 <= validation_share < 1",
                received=f"validation_share={validation_share}",
            )
        data_dir = self._store(x, y, x_test, y_test, sample_weight)
        if validation_share:
            data = open_data(data_dir)
            validation_part(data.y, data.info.task, validation_share, self.settings.seed)
        return self._train(
            [("best", self.best.genome)],
            options,
            repeats,
            data_dir,
            validation_share=validation_share,
            callbacks=tuple(callbacks),
        )[0]

    def train_final(self, session: Session | None = None) -> list[TrainingSummary]:
        """Train the best network and the config's baselines, all in the same way, as its `[final]` says.

        Returns one summary a network, the best one's first. What an earlier call has
        finished is not trained again. Raises `Unfinished` when the session ends before.
        """
        networks = [("best", self.best.genome)]
        networks += [(name, self.settings.network(name)) for name in self.settings.final.baselines]
        final = self.settings.final
        stop_after = self._stop_after()
        return self._train(networks, final.training, final.repeats, self.run.data, session, stop_after)

    def save(self, path: str | Path) -> Path:
        """Save the best network as a plain `.keras` file that takes raw data and loads with Keras alone.

        It is the model of the first repeat of the latest `train_best` or `train_final` of this
        result; without one, it is first trained as the settings' `final` says.
        """
        path = check_keras_path(Path(path))
        return Path(shutil.copyfile(self._trained_model(), path))

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
        training = next(
            record
            for record in reversed(self._past.trainings)
            if record["result"]["artifacts"].get("model") == str(model)
        )
        sections = search_sections(self.run, self.best, training)
        workers = self.settings.workers
        choice = self._executor if self._executor is not None else workers.executor
        return export_from_run(
            model, target, chosen, sections, run=self.run, workers=workers, executor=choice
        )

    def _trained_model(self) -> Path:
        if self._model is None:
            final = self.settings.final
            networks = [("best", self.best.genome)]
            self._train(networks, final.training, 1, self.run.data, stop_after=self._stop_after())
        assert self._model is not None
        return self._model

    def _train(
        self,
        networks: Sequence[tuple[str, Genome]],
        options: TrainingOptions,
        repeats: int,
        data_dir: Path,
        session: Session | None = None,
        stop_after: int | None = None,
        *,
        validation_share: float = 0.0,
        callbacks: tuple[Any, ...] = (),
    ) -> list[TrainingSummary]:
        more = [f"validation-{validation_share}"] * bool(validation_share)
        more += ["callbacks"] * bool(callbacks)
        more += [] if stop_after is None else [str(stop_after)]
        trainings = [
            FinalTraining(
                name,
                genome,
                self._options(options) if name == "best" else options,
                repeat,
                self.settings.seed,
                data_dir,
                save_to=self._model_path(genome, options, data_dir, more)
                if (name, repeat) == ("best", 0)
                else None,
                criteria=self.settings.criteria,
                validation_share=validation_share,
                callbacks=callbacks,
                stop_after=stop_after if name == "best" else None,
            )
            for repeat in range(repeats)
            for name, genome in networks
        ]
        choice = self._executor if self._executor is not None else self.settings.workers.executor
        choice = "debug" if callbacks else choice
        workers = self.settings.workers
        factory = choose_executor(choice, workers.workers, workers.workers_per_device)
        results = find_done(trainings, self._past.trainings)
        missing = [training for training in trainings if training not in results]
        if missing:
            with (
                JournalWriter(self.run.journal) as journal,
                session or Session() as session,
                Dispatcher(factory, child_options(self.run, workers, self.settings.backend)) as dispatcher,
                Progress("final trainings", total=len(missing), show=self._progress) as progress,
            ):
                for number, (training, result) in enumerate(
                    train_all(missing, dispatcher, journal, session), start=1
                ):
                    results[training] = result
                    progress.update(number, running=min(dispatcher.num_in_flight, factory.slots))
            self._past = self._read()
        summaries = summarise([(training, results[training]) for training in trainings])
        self._model = summaries[0].model_path
        return summaries

    def _store(self, x: Any, y: Any, x_test: Any, y_test: Any, sample_weight: Any) -> Path:
        """Return where the data of a training are: the run's own directory if none were passed."""
        if x is None and sample_weight is not None:
            raise InputError(
                "The data of a search have their weights.",
                expected="sample_weight beside x and y",
                received="sample_weight alone",
                way_out="Pass it to `search`, or with x and y.",
            )
        if x is None and y is None and x_test is None and y_test is None:
            return self.run.data
        if not is_stream(x):
            _check_pair("x", x, "y", y)
        if not is_stream(x_test):
            _check_pair("x_test", x_test, "y_test", y_test)
        own = open_data(self.run.data)
        train = (own.x, own.y) if x is None else (x, y)
        test = (own.x_test, own.y_test) if x_test is None else (x_test, y_test)
        given = own.sample_weight if x is None else sample_weight
        arrays = as_arrays(train[0], train[1], test[0], test[1], given)
        task = check_arrays(arrays, task=self.settings.task, num_folds=2)
        if x is not None:
            weights = example_weights(arrays, task, self.settings.class_weight)
            arrays = replace(arrays, sample_weight=weights)
        data_dir = self.run.models / f"data-{arrays_digest(arrays)[:12]}"
        store_arrays(arrays, task, data_dir)
        return data_dir

    def _options(self, options: TrainingOptions) -> TrainingOptions:
        """Return the options of the winner's training, by the dtype policy that was chosen for it."""
        chosen = self.best.measures.get("dtype_policy")
        if options.dtype_policy != "auto" or chosen is None:
            return options
        return replace(options, dtype_policy=chosen)

    def _stop_after(self) -> int | None:
        """Return how many epochs of the winner's final training are done; None for all."""
        if self.settings.final.stop_at == "last":
            return None
        measures = self.best.measures
        as_long = measures["folds"] if self.settings.fidelity.kind == "full" else measures.get("final", ())
        return mean_best_epoch(as_long)

    def _model_path(
        self, genome: Genome, options: TrainingOptions, data_dir: Path, more: Sequence[str]
    ) -> Path:
        name = "-".join(
            [genome.digest, *(_word(value) for value in asdict(options).values() if value is not None), *more]
        )
        folder = self.run.models if data_dir == self.run.data else self.run.models / data_dir.name
        return folder / f"{name}.keras"

    def _read(self) -> Replay:
        return replay(read_journal(self.run.journal), self.settings)

    def __repr__(self) -> str:
        lines = [f"SearchResult in {self.run.root}", f"  {self._headline()}"]
        if self._past.evaluated:
            best = self.best
            lines.append(
                f"  best: individual {best.id}, {_scores(best, self.settings.metric)}, {_size(best)}"
            )
            lines += [f"    {block}" for block in best.genome.blocks]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return html_of_run("Search", self.run.root, self._headline(), self.COLUMNS, self.rows(5))

    def _headline(self) -> str:
        statuses = ", ".join(f"{count} {status}" for status, count in sorted(self._past.statuses.items()))
        reason = f"; {self.stop_reason}" if self.stop_reason else ""
        return f"{self.num_evaluations} evaluations in {self.seconds:.0f} s ({statuses}){reason}"

    def rows(self, n: int) -> list[tuple[Any, ...]]:
        """Return the leaderboard as rows of the `COLUMNS`, formatted."""
        return [
            (
                individual.id,
                f"{individual.loss:.4f}",
                f"{statistics.fmean(fold_metrics(individual.measures)):.4f}",
                f"{individual.parameters:,}",
                f"{individual.flops / 1e6:.2f}",
                "; ".join(map(str, individual.genome.blocks)),
            )
            for individual in (self.leaderboard(n) if self._past.evaluated else [])
        ]


def _check_callbacks(callbacks: Sequence[Any], backend: str) -> None:
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


def _size(individual: Individual) -> str:
    age = "" if individual.age is None else f", trained for {individual.age} epochs with its ancestors"
    return f"{individual.parameters:,} parameters, {individual.flops / 1e6:.2f} MFLOPs{age}"


def _scores(individual: Individual, metric: str | None) -> str:
    losses, metrics = fold_losses(individual.measures), fold_metrics(individual.measures)
    return (
        f"validation loss {individual.loss:.4f} +- {spread(losses):.4f}, {metric or 'metric'} "
        f"{statistics.fmean(metrics):.4f} +- {spread(metrics):.4f} over {len(losses)} folds"
    )
