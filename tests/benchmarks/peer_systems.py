"""The systems that peers.py compares: each searches on a run directory's data for so many CPU-seconds.

All draw from one space of genomes, train by one function and stop at one budget of CPU-seconds, counted
from after the imports. What a peer calls a trial is an evaluation of gakeras.fitness.evaluation, or a
model compiled by gakeras and trained by the peer. A search returns its winner and its anytime curve.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gakeras.config import Settings, settings_from
from gakeras.data import open_data
from gakeras.encoding import Conv, Dense, Genome, MaxPool, SearchSpace, repair
from gakeras.history import read_history
from gakeras.run import RunDirectory
from gakeras.searching import continue_search
from gakeras.session import Session


@dataclass
class Outcome:
    """The winner of a search, the CPU-seconds it took, and (CPU-seconds, loss, trials) as the best fell."""

    genome: Genome | None = None
    loss: float = float("inf")
    cpu_seconds: float = 0.0
    trials: int = 0
    curve: list[tuple[float, float, int]] = field(default_factory=list)

    def note(self, cpu_seconds: float, loss: float, genome: Genome) -> None:
        """Take note of a trial that has ended."""
        self.trials += 1
        if loss < self.loss:
            self.genome, self.loss = genome, loss
            self.curve.append((round(cpu_seconds, 2), loss, self.trials))


class Suggest(Protocol):
    """What Optuna's trials and KerasTuner's hyperparameters have in common."""

    def integer(self, name: str, low: int, high: int) -> int: ...

    def choice(self, name: str, options: Sequence[Any]) -> Any: ...

    def real(self, name: str, low: float, high: float) -> float: ...


class UsedUp(BaseException):
    """The CPU-seconds are spent; no peer takes it for a trial that failed."""


def suggest_genome(suggest: Suggest, space: SearchSpace, input_shape: tuple[int, ...]) -> Genome:
    """Return a genome of the space, one hyperparameter after another, repaired where it does not fit."""
    conv: list[Conv | MaxPool] = []
    num_conv = suggest.integer("conv_layers", 1, space.max_conv_layers) if len(input_shape) > 1 else 0
    for n in range(num_conv):
        if suggest.choice(f"kind{n}", ["conv", "conv", "pool"]) == "pool":
            size = suggest.choice(f"pool_size{n}", list(space.pool_sizes))
            conv.append(MaxPool(size, suggest.choice(f"pool_padding{n}", list(space.pool_paddings))))
            continue
        conv.append(
            Conv(
                filters=suggest.integer(f"filters{n}", *space.conv_filters),
                kernel_size=suggest.integer(f"kernel{n}", *space.kernel_size),
                activation=suggest.choice(f"conv_activation{n}", list(space.conv_activations)),
                padding=suggest.choice(f"conv_padding{n}", list(space.conv_paddings)),
                dropout=round(suggest.real(f"conv_dropout{n}", *space.conv_dropout), 2),
            )
        )
    dense = [
        Dense(
            units=suggest.integer(f"units{n}", *space.dense_units),
            activation=suggest.choice(f"dense_activation{n}", list(space.dense_activations)),
            dropout=round(suggest.real(f"dense_dropout{n}", *space.dense_dropout), 2),
        )
        for n in range(suggest.integer("dense_layers", 1, space.max_dense_layers))
    ]
    return repair(Genome(tuple(conv), tuple(dense)), space, input_shape)


def gakeras_search(run: RunDirectory, settings: Settings, seconds: float) -> Outcome:
    """Search as the settings say; the curve is read from the journal."""
    result = continue_search(run, settings, "serial", Session(), progress=False)
    if result.is_unfinished:
        raise SystemExit(f"The search did not come to its end: {result.stop_reason}")
    outcome, history = Outcome(), read_history(run.root)
    spent = 0.0
    for evaluation in history.evaluations:
        spent += evaluation.result.cpu_seconds
        if evaluation.individual is not None:
            outcome.note(spent, evaluation.individual.loss, evaluation.individual.genome)
    outcome.genome, outcome.loss = result.best.genome, result.best.loss
    outcome.trials, outcome.cpu_seconds = result.num_evaluations, result.cpu_seconds
    return outcome


def optuna_search(run: RunDirectory, settings: Settings, seconds: float, *, prune: bool = False) -> Outcome:
    """Parzen estimators on the mean over the folds; Hyperband prunes by the epochs of the first fold."""
    import optuna

    from gakeras.fitness.evaluation import evaluate

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    outcome, info, epochs = Outcome(), run.info, settings.training.epochs
    spent = _clock()
    state = run.root / "optuna"

    def losses_of(genome: Genome, fold: int, start: int, end: int) -> list[float]:
        payload = {
            "genome": genome.to_json(),
            "run_seed": settings.seed,
            "repeat": 0,
            "folds": [fold],
            "from_epoch": start,
            "to_epoch": end,
            "training": asdict(settings.training),
            "data_dir": str(run.data),
            "folds_file": str(run.folds),
            "load_from": str(state / str(start)) if start else None,
            "save_to": str(state / str(end)) if end < epochs else None,
        }
        (measured,) = evaluate(payload)["measures"]["folds"]
        if spent() >= seconds:
            raise UsedUp
        return [float(epoch["val_loss"]) for epoch in measured["epochs"]]

    def objective(trial: Any) -> float:
        genome = suggest_genome(_Trial(trial), settings.space, info.input_shape)
        losses = []
        for epoch in range(epochs) if prune else ():
            losses = losses_of(genome, 0, epoch, epoch + 1)
            trial.report(losses[-1], epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned
        last = [losses[-1]] if prune else []
        last += [losses_of(genome, f, 0, epochs)[-1] for f in range(len(last), settings.num_folds)]
        outcome.note(spent(), statistics.fmean(last), genome)
        return statistics.fmean(last)

    pruner = optuna.pruners.HyperbandPruner(max_resource=epochs) if prune else optuna.pruners.NopPruner()
    sampler = optuna.samplers.TPESampler(seed=settings.seed)
    study = optuna.create_study(sampler=sampler, pruner=pruner)
    with suppress(UsedUp):
        study.optimize(objective, n_trials=None, catch=(Exception,))
    outcome.trials, outcome.cpu_seconds = len(study.trials), spent()
    return outcome


def keras_tuner_search(run: RunDirectory, settings: Settings, seconds: float) -> Outcome:
    """KerasTuner's Hyperband on a hold-out fifth, as its tutorial uses it."""
    import keras
    import keras_tuner

    from gakeras.fitness.network import compiled_model, set_statistics

    outcome, data, epochs = Outcome(), open_data(run.data), settings.training.epochs
    x, y = np.asarray(data.x), np.asarray(data.y)
    num_train = len(x) - len(x) // 5
    spent = _clock()

    def genome_of(hyperparameters: Any) -> Genome:
        return suggest_genome(_Hyperparameters(hyperparameters), settings.space, run.info.input_shape)

    def build(hyperparameters: Any) -> Any:
        model = compiled_model(genome_of(hyperparameters), run.info, settings.training)
        set_statistics(model, x, y, np.arange(num_train))
        return model

    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if spent() >= seconds:
                raise UsedUp

    class Tuner(keras_tuner.Hyperband):  # type: ignore[misc]
        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            if trial.score is not None:
                outcome.note(spent(), float(trial.score), genome_of(trial.hyperparameters))

    tuner = Tuner(
        build,
        objective="val_loss",
        max_epochs=epochs,
        factor=3,
        hyperband_iterations=1000,
        seed=settings.seed,
        directory=str(run.root / "tuner"),
        max_consecutive_failed_trials=1000,
    )
    parts = (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])
    with suppress(UsedUp):
        tuner.search(
            *parts[0],
            validation_data=parts[1],
            batch_size=settings.training.batch_size,
            callbacks=[Stop()],
            verbose=0,
        )
    outcome.cpu_seconds = spent()
    return outcome


def no_search(name: str) -> Callable[[RunDirectory, Settings, float], Outcome]:
    """Return a system that knows its network beforehand: one made by hand."""
    return lambda run, settings, seconds: Outcome(genome=settings.network(name), loss=float("nan"))


SYSTEMS: dict[str, tuple[Callable[..., Outcome], dict[str, Any]]] = {
    "gakeras": (gakeras_search, {"fidelity": "rungs"}),
    "gakeras full": (gakeras_search, {}),
    "gakeras plain": (gakeras_search, {"space": "paper", "variation": "paper", "caps": {}}),
    "random": (gakeras_search, {"population_size": 100_000}),
    "optuna": (optuna_search, {}),
    "optuna hyperband": (lambda *given: optuna_search(*given, prune=True), {}),
    "keras-tuner": (keras_tuner_search, {}),
    "human": (no_search("fashion_baseline"), {}),
    "human dropout": (no_search("fashion_baseline_dropout"), {}),
}
"""Each system's search, and what its settings change in those that all share."""


def settings_of(system: str, base: Path, seed: int, seconds: float, changes: dict[str, Any]) -> Settings:
    """Return the settings all systems share, with those of one system on top."""
    from gakeras.config import load_config

    shared = load_config(base).to_json()
    shared |= {"seed": seed, "max_seconds": None, "max_evaluations": None, "max_cpu_seconds": seconds}
    shared["final"]["baselines"] = []
    shared["workers"] |= {"timeout_seconds": None, "timeout_in_medians": None}  # the peers have none
    return settings_from(shared | SYSTEMS[system][1] | changes)


def _clock() -> Callable[[], float]:
    start = time.process_time()
    return lambda: time.process_time() - start


@dataclass(frozen=True)
class _Trial:
    trial: Any

    def integer(self, name: str, low: int, high: int) -> int:
        return int(self.trial.suggest_int(name, low, high))

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return self.trial.suggest_categorical(name, list(dict.fromkeys(options)))

    def real(self, name: str, low: float, high: float) -> float:
        return float(self.trial.suggest_float(name, low, high))


@dataclass(frozen=True)
class _Hyperparameters:
    hyperparameters: Any

    def integer(self, name: str, low: int, high: int) -> int:
        return int(self.hyperparameters.Int(name, low, high))

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return self.hyperparameters.Choice(name, list(dict.fromkeys(options)))

    def real(self, name: str, low: float, high: float) -> float:
        return float(self.hyperparameters.Float(name, low, high))
