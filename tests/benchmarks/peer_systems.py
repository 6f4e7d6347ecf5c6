"""The systems that peers.py compares: each searches on a run directory's data for so many CPU-seconds.

All draw from one space of genomes, that of the config, but for `gakeras wide` and random search, which have
the space that gakeras has by default, and for the algorithm of the paper. All train by one function and
stop at one budget of CPU-seconds, counted from after the imports. What a peer calls a trial is an evaluation
of gakeras.fitness.evaluation, or a model compiled by gakeras and trained by the peer. A candidate beyond the
config's caps on parameters and FLOPs is trained by none of them, and costs them nothing.
"""

from __future__ import annotations

import statistics
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from peer_autokeras import autokeras_search
from peer_outcomes import Notes, Outcome, census_of, notes_of_run
from peer_suggestions import HyperparameterSuggest, TrialSuggest, suggest_genome

from gakeras.config import Settings, load_config, settings_from
from gakeras.data import open_data
from gakeras.encoding import Cost, Genome, genome_cost
from gakeras.run import RunDirectory
from gakeras.searching import continue_search
from gakeras.session import Session

Search = Callable[[RunDirectory, Settings, float], Outcome]


TOO_LARGE = 1e9
"""The loss KerasTuner is told of a network beyond the caps."""


class UsedUp(BaseException):
    """The CPU-seconds are spent; no peer takes it for a trial that failed."""


@dataclass(frozen=True)
class System:
    """A system: its search, and what its settings change in those that all share.

    One that `is_anytime` does the same whatever its budget, so what it had found earlier is what it
    would have found with a smaller one. One that `resumes` goes on in its run directory when it was killed.
    """

    search: Search
    changes: Mapping[str, Any] = field(default_factory=dict)
    is_anytime: bool = True
    resumes: bool = False


def gakeras_search(run: RunDirectory, settings: Settings, seconds: float) -> Outcome:
    """Search as the settings say; the curve is read from the journal.

    Of full evaluations those count that had ended within the budget, as those of the peers do.
    """
    result = continue_search(run, settings, "serial", Session(), progress=False)
    if result.is_unfinished:
        raise SystemExit(f"The search did not come to its end: {result.stop_reason}")
    outcome = notes_of_run(run.root).outcome(result.cpu_seconds, result.num_evaluations)
    if outcome.curve and settings.fidelity.kind == "full":
        outcome = outcome.at(seconds)
    elif outcome.curve:
        best = result.best  # by finals, where there are some
        outcome = replace(outcome, genome=best.genome.to_json(), loss=best.loss)
    return replace(outcome, census=census_of(run.root, settings.seed))


def optuna_search(
    run: RunDirectory,
    settings: Settings,
    seconds: float,
    how: Literal["tpe", "hyperband", "nsga2"] = "tpe",
) -> Outcome:
    """Optuna on the mean over the folds.

    Parzen estimators; with Hyperband trials are pruned by the epochs of the first fold; NSGA-II trades the
    loss off against the parameters.
    """
    import optuna

    from gakeras.fitness.evaluation import evaluate

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    notes, info, epochs = Notes(), run.info, settings.training.epochs
    spent, state = _clock(), run.root / "optuna"

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

    def objective(trial: Any) -> float | tuple[float, float]:
        genome = suggest_genome(TrialSuggest(trial), settings.space, info.input_shape)
        cost = cost_of(genome, run)
        if settings.caps.objection(cost) is not None:
            raise optuna.TrialPruned
        losses = []
        for epoch in range(epochs) if how == "hyperband" else ():
            losses = losses_of(genome, 0, epoch, epoch + 1)
            trial.report(losses[-1], epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned
        last = losses[-1:]
        last += [losses_of(genome, f, 0, epochs)[-1] for f in range(len(last), settings.num_folds)]
        loss = statistics.fmean(last)
        notes.add(spent(), loss, genome, cost.parameters)
        return (loss, float(cost.parameters)) if how == "nsga2" else loss

    if how == "nsga2":
        sampler = optuna.samplers.NSGAIISampler(population_size=settings.population_size, seed=settings.seed)
        study = optuna.create_study(sampler=sampler, directions=["minimize", "minimize"])
    else:
        pruner = optuna.pruners.NopPruner()
        if how == "hyperband":
            pruner = optuna.pruners.HyperbandPruner(max_resource=epochs)
        study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=settings.seed), pruner=pruner)
    with suppress(UsedUp):
        study.optimize(objective, n_trials=None, catch=(Exception,))
    return notes.outcome(spent(), len(study.trials))


def keras_tuner_search(run: RunDirectory, settings: Settings, seconds: float) -> Outcome:
    """KerasTuner's Hyperband on a hold-out fifth, as its tutorial uses it."""
    import keras
    import keras_tuner

    from gakeras.fitness.network import compiled_model, set_statistics

    notes, data, epochs = Notes(), open_data(run.data), settings.training.epochs
    x, y = np.asarray(data.x), np.asarray(data.y)
    num_train = len(x) - len(x) // 5
    spent = _clock()

    def genome_of(hyperparameters: Any) -> Genome:
        return suggest_genome(HyperparameterSuggest(hyperparameters), settings.space, run.info.input_shape)

    def build(hyperparameters: Any) -> Any:
        model = compiled_model(genome_of(hyperparameters), run.info, settings.training)
        set_statistics(model, x, y, np.arange(num_train))
        return model

    class Stop(keras.callbacks.Callback):  # type: ignore[misc]
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if spent() >= seconds:
                raise UsedUp

    class Tuner(keras_tuner.Hyperband):  # type: ignore[misc]
        def run_trial(self, trial: Any, *given: Any, **named: Any) -> Any:
            if settings.caps.objection(cost_of(genome_of(trial.hyperparameters), run)) is not None:
                return TOO_LARGE  # a trial that failed would be missing in its bracket
            return super().run_trial(trial, *given, **named)

        def on_trial_end(self, trial: Any) -> None:
            super().on_trial_end(trial)
            if trial.score not in (None, TOO_LARGE):
                genome = genome_of(trial.hyperparameters)
                notes.add(spent(), float(trial.score), genome, cost_of(genome, run).parameters)

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
    outcome = notes.outcome(spent(), len(tuner.oracle.trials))
    tutorial = {"training": asdict(replace(settings.training, schedule="constant")), "find_epoch_of": 50}
    return replace(outcome, own=tutorial if outcome.genome else None)


def cost_of(genome: Genome, run: RunDirectory) -> Cost:
    """Return what a network costs on a run's data."""
    return genome_cost(genome, run.info.input_shape, run.info.task.outputs)


def no_search(name: str) -> Search:
    """Return a system that knows its network beforehand: one made by hand."""
    return lambda run, settings, seconds: Outcome(genome=settings.network(name).to_json())


FULL = {"fidelity": {"kind": "full"}}


def _cap(share: float) -> dict[str, Any]:
    """Return the settings of a cap on costs that is such a share of the budget."""
    return {"caps": {"max_cpu_seconds": "auto", "budget_share": share}}


CAP = _cap(0.05)
RUNGS = {"fidelity": {"kind": "rungs"}} | CAP
LEARNING = {
    "optimizers": ["adam", "rmsprop"],
    "learning_rate": [5e-4, 5e-3],
    "batch_sizes": [32, 64, 128],
    "schedules": ["cosine"],
}
"""No genes of augmentation: evaluations are too short for any network to gain by it."""
SYSTEMS: dict[str, System] = {
    "gakeras": System(gakeras_search, RUNGS, is_anytime=False, resumes=True),
    "gakeras wide": System(gakeras_search, RUNGS | {"space": "default"}, is_anytime=False, resumes=True),
    "gakeras default": System(
        gakeras_search, FULL | _cap(0.15) | {"space": "default"}, is_anytime=False, resumes=True
    ),
    "gakeras narrow cap": System(
        gakeras_search, FULL | CAP | {"space": "default"}, is_anytime=False, resumes=True
    ),
    "gakeras full": System(gakeras_search, FULL, resumes=True),
    "gakeras plain": System(
        gakeras_search,
        FULL | {"space": "paper", "variation": "paper", "caps": {"max_parameters": None, "max_flops": None}},
        resumes=True,
    ),
    "random": System(gakeras_search, FULL | {"population_size": 100_000, "space": "default"}, resumes=True),
    "optuna": System(optuna_search),
    "optuna hyperband": System(lambda *given: optuna_search(*given, how="hyperband")),
    "keras-tuner": System(keras_tuner_search),
    "autokeras": System(autokeras_search, is_anytime=False),
}
"""gakeras' finals and its cap on costs look at the budget, so it is run with each; brackets of Hyperband look
at epochs alone. AutoKeras keeps no curve."""

FRONTS: dict[str, System] = {
    "gakeras front": System(
        gakeras_search,
        CAP | {"objectives": ["loss", "parameters"], "fidelity": {"kind": "full", "dead_epochs": 2}},
        is_anytime=False,
        resumes=True,
    ),
    "optuna nsga2": System(lambda *given: optuna_search(*given, how="nsga2")),
}

LEVERS: dict[str, System] = {
    name: System(gakeras_search, FULL | {"space": "plain"} | changes, is_anytime=False, resumes=True)
    for name, changes in {
        "full": {},
        "cap": CAP,
        "dead stop": {"fidelity": {"kind": "full", "dead_epochs": 2}},
        "race": {"fidelity": {"kind": "full", "race": True}},
        "rungs": {"fidelity": {"kind": "rungs", "dead_epochs": 0}},
        "screening": {"screening": {"num_candidates": 8}},
        "islands": {"islands": {"number": 2}},
        "best epoch": {"fitness_epoch": "best"},
        "bfloat16": {"training": {"dtype_policy": "auto"}},
        "wide space": {"space": "default"},
        "learning genes": {"space": {"preset": "plain", "learning": LEARNING}},
        "race, dead stop": {"fidelity": {"kind": "full", "race": True, "dead_epochs": 2}},
        "rungs, dead stop": {"fidelity": {"kind": "rungs"}},
        "wide space, rungs, dead stop": {"space": "default", "fidelity": {"kind": "rungs"}},
        "all": RUNGS | {"fitness_epoch": "best", "space": {"preset": "default", "learning": LEARNING}},
    }.items()
}
"""All but those that are about the space search the plain one."""


def recipes() -> dict[str, dict[str, Any]]:
    """Return the final trainings that gakeras recommends, by name."""
    text = Path(__file__).with_name("peer_recipes.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def systems_of(config: Path) -> dict[str, System]:
    """Return all systems by name, with the networks made by hand that a config compares with."""
    baselines = load_config(config).final.baselines
    people = {f"human {name}": System(no_search(name)) for name in baselines}
    levers = {f"lever {name}": system for name, system in LEVERS.items()}
    return SYSTEMS | people | FRONTS | levers


def settings_of(
    system: System,
    base: Path,
    seed: int,
    seconds: float,
    threads: int,
    changes: dict[str, Any],
) -> Settings:
    """Return the settings all systems share, with those of one system on top."""
    values = load_config(base).to_json()
    values |= {"seed": seed, "max_seconds": None, "max_evaluations": None, "max_cpu_seconds": seconds}
    values["final"]["baselines"] = []
    values["workers"] |= {"timeout_seconds": None, "timeout_in_medians": None}  # the peers have none
    values["workers"]["threads_per_worker"] = threads
    merge(values, system.changes)
    merge(values, changes)
    return settings_from(values, origin="the settings of a system")


def merge(values: dict[str, Any], changes: Mapping[str, Any]) -> None:
    """Put changes of settings on top of values, table by table; a preset takes the place of a table."""
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(values.get(key), dict) and "preset" not in value:
            merge(values[key], value)
        else:
            values[key] = value


def _clock() -> Callable[[], float]:
    start = time.process_time()
    return lambda: time.process_time() - start
