"""The evaluation job: how good the network of a genome is, by cross-validation."""

from __future__ import annotations

import gc
import json
import math
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from functools import lru_cache
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gakeras.data import StoredData, open_data, weights_at
from gakeras.data.folds import NO_FOLD, fold_indices
from gakeras.encoding import Genome, genome_cost, num_activations
from gakeras.fitness.criteria import Criteria, criteria_of
from gakeras.fitness.heritage import heritage_of
from gakeras.fitness.network import compiled_model, score, set_statistics
from gakeras.fitness.options import TrainingOptions, training_of
from gakeras.fitness.precision import with_chosen_policy
from gakeras.fitness.stopping import stop_rule
from gakeras.fitness.trainer import Trainer
from gakeras.jobs import JobFailed
from gakeras.scores import best_epoch, scored
from gakeras.seeding import derive_seed


def evaluate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Train a genome's network on folds over a range of epochs and measure it on what was left out.

    Two laws hold: a fold evaluated alone scores exactly as within a sequence of folds, and
    epochs 0 to 3 and then 3 to 6, from a checkpoint, equal 0 to 6. For all that is random
    is derived from (run seed, genome digest, fold, repeat, epoch). One model is built and
    traced for all folds.

    Args:
        payload: `genome`, `run_seed`, `repeat`, `folds` (a list), `from_epoch`, `to_epoch`,
            `training` (`TrainingOptions` as JSON), `data_dir`, `folds_file`, and perhaps `criteria`
            (`Criteria` as JSON);
            `load_from` and `save_to`: directories of checkpoints, one file a fold; `dead` and
            `max_epoch_seconds`: when to stop early (see `gakeras.fitness.stopping`); `latency`:
            whether to measure that; `fitness_epoch`: `best` if that is the one to be scored; `keep`:
            whether another job on this network is to come; `is_after_metric`: whether a metric that is
            not defined is a failure;
            `heritage`: `parents`, their folders of weights by number, and `folder`, for its own.

    Returns:
        Measures: parameters, FLOPs, activations (numbers that the layers of one example put
        out), whether the model had to be traced, and for every fold a list of epochs with
        training loss, validation loss and metric, seconds and CPU-seconds, and perhaps the
        `scored_epoch`; bytes of the weights and, where asked for, the seconds one example takes.
        With a heritage a fold has an `age`, epochs of training with those of its ancestors, and
        `inherited`, from whom each layer came. With the dtype policy `auto` the one that was chosen,
        and the `step_seconds` that decided.
        Artifacts: the checkpoints. With the status `stopped` and a reason where it was not worth going on.

    Raises:
        JobFailed: A loss is not finite, or the metric where evolution is after it; the measures up to then
            come with it. Or what is to be
            inherited is missing, or of another fold or other data.
    """
    genome = Genome.from_json(payload["genome"])
    options = training_of(genome, TrainingOptions(**payload["training"]))
    data, criteria = _open_data(payload["data_dir"]), criteria_of(payload)
    folds = np.load(payload["folds_file"], allow_pickle=False)
    cost = genome_cost(genome, data.info.input_shape, data.info.task.outputs)
    measures: dict[str, Any] = {
        "parameters": cost.parameters,
        "flops": cost.flops,
        "activations": num_activations(genome, data.info.input_shape, data.info.task.outputs),
        "folds": [],
    }
    artifacts: dict[str, str] = {}
    heritage = heritage_of(payload, genome, data.info, folds)
    key = ""
    try:
        if options.dtype_policy == "auto":
            _forget_paused()
            options, chosen = with_chosen_policy(options, genome, data)
            measures |= chosen
            forget_models()
        key = _key(payload, options, data.info.digest, _largest(folds))
        trainer = _paused.pop(key, None)
        measures["traced"] = trainer is None
        if trainer is None:
            _forget_paused()
            model = compiled_model(genome, data.info, options, criteria)
            trainer = Trainer(model, options.batch_size, _largest(folds), options)
        measures["size_bytes"] = sum(weight.nbytes for weight in trainer.model.get_weights())
        if payload.get("latency"):
            measures["latency_seconds"] = latency_seconds(trainer.model, data)
        for fold in payload["folds"]:
            record: dict[str, Any] = {"fold": fold, "epochs": []}
            measures["folds"].append(record)
            seed = derive_seed(payload["run_seed"], genome.digest, "fold", fold, "repeat", payload["repeat"])
            train, validation = fold_indices(folds, fold)
            is_hopeless = stop_rule(
                payload, fold, data.info.task, data.y[train], weights_at(data.sample_weight, train)
            )
            trainer.reset(seed)
            set_statistics(trainer.model, data.x, data.y, train)
            if payload.get("load_from"):
                trainer.load_state(Path(payload["load_from"]) / f"fold{fold}.npz")
            if heritage is not None:
                record |= heritage.take(trainer.model, fold)
            for epoch in range(payload["from_epoch"], payload["to_epoch"]):
                epoch_seed, rate_factor = derive_seed(seed, "epoch", epoch), options.rate_factor(epoch)
                scores = _run_epoch(trainer, data, criteria, train, validation, epoch_seed, rate_factor)
                record["epochs"].append({"epoch": epoch, **finite(scores)})
                if not math.isfinite(scores["loss"]) or not math.isfinite(scores["val_loss"]):
                    raise JobFailed(
                        f"diverged: the loss is not finite in fold {fold}, epoch {epoch}", measures
                    )
                reason = is_hopeless(record["epochs"])
                if reason is not None:
                    return {"status": "stopped", "reason": reason, "measures": measures}
            if payload.get("fitness_epoch") == "best":
                record["scored_epoch"] = best_epoch(record["epochs"])["epoch"]
            if payload.get("is_after_metric") and scored(record)["val_metric"] is None:
                raise JobFailed(f"the metric is not defined for the outputs on fold {fold}", measures)
            if heritage is not None:
                record["age"] += len(record["epochs"])
                heritage.leave(trainer.model, fold, record["age"])
            if payload.get("save_to"):
                path = Path(payload["save_to"]) / f"fold{fold}.npz"
                path.parent.mkdir(parents=True, exist_ok=True)
                trainer.save_state(path)
                artifacts[f"fold{fold}"] = str(path)
        if payload.get("save_to") or payload.get("keep"):
            _paused[key] = trainer
    finally:
        if key not in _paused:
            forget_models()
    return {"measures": measures, "artifacts": artifacts}


def latency_seconds(model: keras.Model, data: StoredData, repeats: int = 20) -> float:
    """Return the median of the seconds that the outputs for a single example take on this worker."""
    example = np.asarray(data.x[:1])
    model.predict_on_batch(example)  # traces
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        np.asarray(model.predict_on_batch(example))
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds)


def forget_models() -> None:
    """Release what Keras keeps of models that are no longer used."""
    keras.backend.clear_session()
    gc.collect()


_paused: dict[str, Trainer] = {}
"""The trainer of the last evaluation that is to go on: where this worker does the next step, it is traced."""


def _key(payload: Mapping[str, Any], options: TrainingOptions, digest: str, num_train: int) -> str:
    """Return what a trainer is known by: the network, its training and its data."""
    return json.dumps([payload["genome"], asdict(options), digest, payload["folds_file"], num_train])


def _forget_paused() -> None:
    if _paused:
        _paused.clear()
        forget_models()


def _run_epoch(
    trainer: Trainer,
    data: StoredData,
    criteria: Criteria,
    train: np.ndarray,
    validation: np.ndarray,
    seed: int,
    rate_factor: float | None,
) -> dict[str, float]:
    start, cpu = time.perf_counter(), time.process_time()
    loss = trainer.train_epoch(data.x, data.y, train, seed, rate_factor, data.sample_weight)
    outputs = trainer.predict(data.x, validation)
    weights = weights_at(data.sample_weight, validation)
    val_loss, val_metric = score(data.info.task, data.y[validation], outputs, weights, criteria)
    return {
        "loss": loss,
        "val_loss": val_loss,
        "val_metric": val_metric,
        "seconds": time.perf_counter() - start,
        "cpu_seconds": time.process_time() - cpu,
    }


def finite(scores: Mapping[str, float]) -> dict[str, float | None]:
    """Return scores as JSON has them: null for what is not finite."""
    return {name: value if math.isfinite(value) else None for name, value in scores.items()}


def _largest(folds: np.ndarray) -> int:
    sizes = np.bincount(folds[folds != NO_FOLD])
    return int(sizes.sum() - sizes.min())


def _open_data(directory: str) -> StoredData:
    info = Path(directory) / "info.json"
    return _opened(directory, info.read_bytes() if info.is_file() else b"")


@lru_cache(maxsize=2)
def _opened(directory: str, info: bytes) -> StoredData:
    """Return the data of a directory, which another run may have written anew since: `info` tells."""
    return open_data(Path(directory))
