"""From a genome and a data set to a compiled Keras model that takes the raw data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from gakeras.data import DataInfo, Task
from gakeras.data.folds import column_statistics
from gakeras.encoding import Genome, build_model
from gakeras.errors import InputError
from gakeras.fitness.criteria import Criteria
from gakeras.fitness.keras_objects import build_object
from gakeras.fitness.metrics import metric_of
from gakeras.fitness.options import DtypePolicy, TrainingOptions

INPUT_STATISTICS = "standardise"
TARGET_STATISTICS = "target_scale"
_EPSILON = 1e-37
"""Nothing beside the variance of any column: a float32 that is not subnormal, whatever the units."""

LOSSES = {
    "multiclass": "sparse_categorical_crossentropy",
    "one_hot": "categorical_crossentropy",
    "binary": "binary_crossentropy",
    "regression": "mean_squared_error",
}
METRICS = {
    "multiclass": "sparse_categorical_accuracy",
    "one_hot": "categorical_accuracy",
    "binary": "binary_accuracy",
    "regression": "mean_absolute_error",
}
OUTPUT_ACTIVATIONS = {
    "multiclass": "softmax",
    "one_hot": "softmax",
    "binary": "sigmoid",
    "regression": "linear",
}


USUAL = Criteria()


def score(
    task: Task,
    y: np.ndarray,
    outputs: np.ndarray,
    weights: np.ndarray | None = None,
    criteria: Criteria = USUAL,
) -> tuple[float, float]:
    """Return the mean loss, weighted where there are `weights`, and the metric.

    As in Keras' `compile`, a metric counts all examples the same.
    """
    y = y.reshape(outputs.shape) if task.kind in ("binary", "regression") else y
    losses = losses_of(new_loss(task, criteria), y, outputs)
    loss = float(np.average(losses, weights=weights))
    if criteria.metric is not None:
        return loss, metric_of(task, y, outputs, criteria.metric) if np.isfinite(outputs).all() else np.nan
    return loss, float(np.mean(keras.ops.convert_to_numpy(keras.metrics.get(METRICS[task.kind])(y, outputs))))


def losses_of(loss: Any, y: np.ndarray, outputs: np.ndarray) -> np.ndarray:
    """Return the loss of every example, (n,), by a function or a `keras.losses.Loss`."""
    if isinstance(loss, keras.losses.Loss):
        y, outputs = (keras.ops.convert_to_tensor(values, outputs.dtype) for values in (y, outputs))
        loss = loss.call
    values = keras.ops.convert_to_numpy(loss(y, outputs))
    if values.shape[:1] != outputs.shape[:1]:
        raise ValueError(f"the loss gives values of shape {values.shape} for {len(outputs)} examples")
    return np.asarray(values.reshape(len(values), -1).mean(axis=1))


def new_loss(task: Task, criteria: Criteria = USUAL) -> Any:
    """Return the loss of the criteria, or that of the task. Raises `ValueError` for one that is no mean."""
    loss = build_object(criteria.loss or LOSSES[task.kind], keras.losses)
    reduction = getattr(loss, "reduction", "sum_over_batch_size")
    if reduction not in ("sum_over_batch_size", "mean", "mean_with_sample_weight"):
        raise ValueError(f"the loss of a batch is a mean over its examples, received {reduction=}")
    return loss


def compiled_model(
    genome: Genome, info: DataInfo, options: TrainingOptions, criteria: Criteria = USUAL
) -> keras.Model:
    """Build and compile the network of a genome for a data set.

    Scaling is part of the model, so it takes data as the user has them. Images are divided
    by a constant. Statistics of tables, and of regression targets, are weights of frozen
    batch normalisations, for those can be set for every fold without tracing the model
    again; `keras.layers.Normalization` turns its statistics into constants of the trace.
    """
    inputs: list[keras.Layer] = [_frozen_statistics(INPUT_STATISTICS)]
    if info.scaling.kind == "divide":
        inputs = [keras.layers.Rescaling(1.0 / info.scaling.by, name="rescale")]
    outputs = [] if info.task.is_classification else [_frozen_statistics(TARGET_STATISTICS)]
    with layers_of(options.dtype_policy):  # what scales the data is made already, in float32
        model = build_model(
            genome,
            info.input_shape,
            info.task.outputs,
            output_activation=OUTPUT_ACTIVATIONS[info.task.kind],
            preprocessing=inputs,
            postprocessing=outputs,
        )
    compile_model(model, info.task, options, criteria)
    return model


@contextmanager
def layers_of(dtype_policy: DtypePolicy) -> Iterator[None]:
    """Give layers that are made inside a dtype policy, unless they have their own."""
    if dtype_policy == "auto":
        raise InputError(
            "A network is built once its dtype policy is known.",
            expected="float32, mixed_float16 or mixed_bfloat16",
            received="dtype_policy='auto'",
            way_out="It is chosen in a search alone, for each network.",
        )
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype_policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def compile_model(
    model: keras.Model,
    task: Task,
    options: TrainingOptions,
    criteria: Criteria = USUAL,
    *,
    metrics: tuple[str, ...] = (),
) -> None:
    """Compile a model with its loss and a new optimizer; metrics slow training down."""
    if criteria.loss is not None:
        loss = new_loss(task, criteria)
    elif TARGET_STATISTICS in {layer.name for layer in model.layers}:
        loss = _error_in_deviations(model.get_layer(TARGET_STATISTICS))
    else:
        loss = LOSSES[task.kind]
    model.compile(optimizer=new_optimizer(options), loss=loss, metrics=list(metrics))


def _error_in_deviations(scale: keras.Layer) -> keras.losses.Loss:
    """Return the mean squared error, whose gradient is that of targets in units of their deviation.

    So the steps of an optimizer, and what each column counts in them, do not depend on the units of the
    targets; the value does. It is Keras' own loss in a file, so that Keras alone loads it.
    """

    def call(y_true: Any, y_pred: Any) -> Any:
        error = y_pred - y_true
        value = keras.ops.mean(keras.ops.square(error), axis=-1)
        scaled = error * keras.ops.sqrt(scale.moving_variance)  # 1 / variance, see `set_statistics`
        learnt = keras.ops.mean(keras.ops.square(scaled), axis=-1)
        return keras.ops.stop_gradient(value) + (learnt - keras.ops.stop_gradient(learnt))

    loss = keras.losses.MeanSquaredError()
    loss.call = call
    return loss


def new_optimizer(options: TrainingOptions) -> keras.optimizers.Optimizer:
    """Return a new optimizer, with the learning rate of the options or its own default."""
    optimizer = build_object(options.optimizer, keras.optimizers)
    if options.learning_rate is not None:
        optimizer.learning_rate = options.learning_rate
    return optimizer


def set_statistics(
    model: keras.Model, x: np.ndarray, y: np.ndarray, indices: np.ndarray | slice = slice(None)
) -> None:
    """Set the scaling of tables and of regression targets from the examples a network is trained on."""
    names = {layer.name for layer in model.layers}
    if INPUT_STATISTICS in names:
        mean, variance = column_statistics(x[indices])
        _set(model.get_layer(INPUT_STATISTICS), mean, variance)
    if TARGET_STATISTICS in names:  # (z - mean') / sqrt(variance') = z * deviation + mean
        mean, variance = column_statistics(y[indices])
        _set(model.get_layer(TARGET_STATISTICS), -mean / np.sqrt(variance), 1.0 / variance)


def _frozen_statistics(name: str) -> keras.Layer:
    return keras.layers.BatchNormalization(
        center=False, scale=False, epsilon=_EPSILON, trainable=False, name=name
    )


def _set(layer: Any, mean: np.ndarray, variance: np.ndarray) -> None:
    layer.moving_mean.assign(mean)
    layer.moving_variance.assign(variance)
