"""The training job: a network on the whole training set, measured on the test set, and saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gakeras.data import StoredData, Task, open_data
from gakeras.encoding import Genome, genome_cost
from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.network import compile_model, compiled_model, metric_name, score, set_statistics
from gakeras.fitness.options import TrainingOptions, training_of
from gakeras.fitness.precision import with_chosen_policy
from gakeras.fitness.trainer import Trainer
from gakeras.jobs import JobFailed
from gakeras.seeding import derive_seed


def train(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Train a genome's network from scratch on all training examples.

    Args:
        payload: `genome`, `run_seed`, `repeat`, `training` (`TrainingOptions` as JSON),
            `data_dir`, and perhaps `save_to`: the path of a `.keras` file; `stop_after`: how many of
            the epochs are done.

    Returns:
        Measures: parameters, FLOPs, the training loss of every epoch, and at the end loss and
        metric on the training data and, where there are any, the test data. Artifacts: the
        model, and its outputs on the test data.

    Raises:
        JobFailed: A loss is not finite.
    """
    genome = Genome.from_json(payload["genome"])
    options = training_of(genome, TrainingOptions(**payload["training"]))
    data = open_data(Path(payload["data_dir"]))
    cost = genome_cost(genome, data.info.input_shape, data.info.task.outputs)
    measures: dict[str, Any] = {"parameters": cost.parameters, "flops": cost.flops, "epochs": []}
    seed = derive_seed(payload["run_seed"], genome.digest, "final", payload["repeat"])
    try:
        options, chosen = with_chosen_policy(options, genome, data)
        measures |= chosen
        model = compiled_model(genome, data.info, options)
        trainer = Trainer(model, options.batch_size, len(data.x), options)
        trainer.reset(seed)
        set_statistics(trainer.model, data.x, data.y)
        everyone = np.arange(len(data.x))
        for epoch in range(min(payload.get("stop_after") or options.epochs, options.epochs)):
            epoch_seed, rate_factor = derive_seed(seed, "epoch", epoch), options.rate_factor(epoch)
            loss = trainer.train_epoch(data.x, data.y, everyone, epoch_seed, rate_factor)
            if not math.isfinite(loss):
                raise JobFailed(f"diverged: the loss is not finite in epoch {epoch}", measures)
            measures["epochs"].append({"epoch": epoch, "loss": loss})
        measures |= _scores(trainer, data.info.task, data.x, data.y, "train", measures)
        if data.x_test is not None and data.y_test is not None:
            measures |= _scores(trainer, data.info.task, data.x_test, data.y_test, "test", measures)
        artifacts = _save(trainer.model, genome, data, options, payload.get("save_to"))
    finally:
        forget_models()
    return {"measures": measures, "artifacts": artifacts}


def _scores(
    trainer: Trainer, task: Task, x: np.ndarray, y: np.ndarray, name: str, measures: dict[str, Any]
) -> dict[str, float]:
    loss, metric = score(task, y, trainer.predict(x, np.arange(len(x))))
    if not math.isfinite(loss):  # the very last step can do it
        raise JobFailed(f"diverged: the {name} loss is not finite after training", measures)
    return {f"{name}_loss": loss, f"{name}_metric": metric}


def _save(
    trained: keras.Model, genome: Genome, data: StoredData, options: TrainingOptions, save_to: str | None
) -> dict[str, str]:
    """Save the model with a new optimizer, and what it says about the test data."""
    if save_to is None:
        return {}
    path = Path(save_to)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = compiled_model(genome, data.info, options)
    model.set_weights(trained.get_weights())
    compile_model(model, data.info.task, options, metrics=(metric_name(data.info.task),))
    model.optimizer.build(model.trainable_variables)  # or loading the model warns that its state is missing
    temporary = path.with_name(f".{path.name}.tmp.keras")
    model.save(temporary)
    artifacts = {"model": str(path)}
    if data.x_test is not None:
        outputs = path.with_suffix(".outputs.npy")
        np.save(outputs, model.predict(data.x_test, batch_size=options.batch_size, verbose=0))
        artifacts["outputs"] = str(outputs)
    temporary.rename(path)
    return artifacts
