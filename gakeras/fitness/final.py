"""The training job: a network on the whole training set, measured on the test set, and saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import keras
import numpy as np

from gakeras.data import StoredData, open_data, weights_at
from gakeras.data.folds import fold_indices, validation_part
from gakeras.durable import put_in_place
from gakeras.encoding import Genome, genome_cost
from gakeras.fitness.criteria import Criteria, criteria_of
from gakeras.fitness.evaluation import finite, forget_models
from gakeras.fitness.keras_objects import KerasObject
from gakeras.fitness.network import compile_model, compiled_model, score, set_statistics
from gakeras.fitness.options import TrainingOptions, training_of
from gakeras.fitness.precision import with_chosen_policy
from gakeras.fitness.trainer import Trainer
from gakeras.jobs import JobFailed
from gakeras.seeding import derive_seed


def train(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Train a genome's network from scratch on all training examples.

    Args:
        payload: `genome`, `run_seed`, `repeat`, `training` (`TrainingOptions` as JSON),
            `data_dir`, and perhaps `save_to`: the path of a `.keras` file; `criteria` (`Criteria` as JSON);
            `stop_after`: how many of the epochs are done; `validation_share` of the examples, held out
            to be measured on after every epoch; and, in a process that has them, `callbacks` of Keras.

    Returns:
        Measures: parameters, FLOPs, the training loss of every epoch, with `val_loss` and `val_metric`
        where there is a validation part, and at the end loss and metric on the training data and,
        where there are any, the test data. Artifacts: the model, and its outputs on the test data.

    Raises:
        JobFailed: A loss is not finite.
    """
    genome = Genome.from_json(payload["genome"])
    options = training_of(genome, TrainingOptions(**payload["training"]))
    data, criteria = open_data(Path(payload["data_dir"])), criteria_of(payload)
    cost = genome_cost(genome, data.info.input_shape, data.info.task.outputs)
    measures: dict[str, Any] = {"parameters": cost.parameters, "flops": cost.flops, "epochs": []}
    seed = derive_seed(payload["run_seed"], genome.digest, "final", payload["repeat"])
    given = list(payload.get("callbacks", ()))
    try:
        options, chosen = with_chosen_policy(options, genome, data)
        measures |= chosen
        model = compiled_model(genome, data.info, options, criteria)
        train, validation = _split(data, payload)
        trainer = Trainer(model, options.batch_size, len(train), options)
        trainer.reset(seed)
        set_statistics(trainer.model, data.x, data.y, train)
        model.stop_training = False
        told = {"verbose": 1, "epochs": options.epochs, "steps": trainer.num_steps}  # as `fit` tells them
        callbacks = keras.callbacks.CallbackList(given, model=model, **told)
        callbacks.on_train_begin()
        for epoch in range(min(payload.get("stop_after") or options.epochs, options.epochs)):
            callbacks.on_epoch_begin(epoch)
            epoch_seed, rate_factor = derive_seed(seed, "epoch", epoch), options.rate_factor(epoch)
            weights, listeners = data.sample_weight, callbacks if given else None
            loss = trainer.train_epoch(data.x, data.y, train, epoch_seed, rate_factor, weights, listeners)
            if not math.isfinite(loss):
                raise JobFailed(f"diverged: the loss is not finite in epoch {epoch}", measures)
            logs = {"loss": loss}
            if len(validation):
                val_loss, val_metric = _score_part(trainer, data, criteria, validation)
                logs |= {"val_loss": val_loss, "val_metric": val_metric}
            measures["epochs"].append({"epoch": epoch, **finite(logs)})
            callbacks.on_epoch_end(epoch, logs)
            if model.stop_training:
                break
        callbacks.on_train_end()
        measures |= _checked(_score_part(trainer, data, criteria, train), "train", measures)
        if data.x_test is not None and data.y_test is not None:
            outputs = trainer.predict(data.x_test, np.arange(len(data.x_test)))
            scores = score(data.info.task, data.y_test, outputs, criteria=criteria)
            measures |= _checked(scores, "test", measures)
        artifacts = _save(trainer.model, genome, data, options, criteria, payload.get("save_to"))
    finally:
        if not given:  # with callbacks this is the process of the user, who may have models
            forget_models()
    return {"measures": measures, "artifacts": artifacts}


def _checked(
    scores: tuple[float, float], name: Literal["train", "test"], measures: dict[str, Any]
) -> dict[str, float | None]:
    loss, metric = scores
    if not math.isfinite(loss):  # the very last step can do it
        raise JobFailed(f"diverged: the {name} loss is not finite after training", measures)
    return {f"{name}_loss": loss, f"{name}_metric": metric if math.isfinite(metric) else None}


def _split(data: StoredData, payload: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices that are trained on, and those that are held out, if any."""
    share = payload.get("validation_share", 0.0)
    if not share:
        return np.arange(len(data.x)), np.arange(0)
    return fold_indices(validation_part(data.y, data.info.task, share, payload["run_seed"]), 0)


def _score_part(
    trainer: Trainer, data: StoredData, criteria: Criteria, indices: np.ndarray
) -> tuple[float, float]:
    """Return loss and metric on a part of the training data, as weighted."""
    weights, outputs = weights_at(data.sample_weight, indices), trainer.predict(data.x, indices)
    return score(data.info.task, data.y[indices], outputs, weights, criteria)


def _save(
    trained: keras.Model,
    genome: Genome,
    data: StoredData,
    options: TrainingOptions,
    criteria: Criteria,
    save_to: str | None,
) -> dict[str, str]:
    """Save the model with a new optimizer, and what it says about the test data.

    A file that names a class of the user's needs that class to be loaded, and some losses of Keras
    leave arguments out of their config: such models are saved as if they had never been compiled.
    """
    if save_to is None:
        return {}
    path = Path(save_to)
    path.parent.mkdir(parents=True, exist_ok=True)
    model = compiled_model(genome, data.info, options, criteria)
    model.set_weights(trained.get_weights())
    is_foreign = isinstance(criteria.loss, KerasObject) or getattr(options.optimizer, "module", None)
    if not is_foreign:
        compile_model(model, data.info.task, options, criteria, metrics=(data.info.task.metric,))
        model.optimizer.build(model.trainable_variables)  # or loading it warns that its state is missing
    else:
        model = keras.Model(model.inputs, model.outputs, name=model.name)
    temporary = path.with_name(f".{path.name}.tmp.keras")
    model.save(temporary)
    artifacts = {"model": str(path)}
    if data.x_test is not None:
        outputs = path.with_suffix(".outputs.npy")
        np.save(outputs, model.predict(data.x_test, batch_size=options.batch_size, verbose=0))
        artifacts["outputs"] = str(outputs)
    put_in_place(temporary, path)
    return artifacts
