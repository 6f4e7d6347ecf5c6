"""Laws of scaling and scoring: a network takes raw data, and its scores are those of Keras."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import pytest
from pydantic import ValidationError
from small_jobs import CONV, DENSE, TASKS, targets_of

from gakeras.data import DataInfo, Scaling, Task
from gakeras.encoding import Genome
from gakeras.fitness.network import (
    INPUT_STATISTICS,
    TARGET_STATISTICS,
    compile_model,
    compiled_model,
    score,
    set_statistics,
)
from gakeras.fitness.options import TrainingOptions

RNG = np.random.default_rng(3)
X = RNG.normal(size=(40, 4)) * [1, 10, 1000, 0.01] + [0, 5, -3000, 7]
Y = RNG.normal(size=(40, 2)) * [3, 0.1] + [1000, -5]
OPTIONS = TrainingOptions()


def table_model(task: Task = TASKS["multiclass"]) -> keras.Model:
    return compiled_model(DENSE, DataInfo(task, (4,), 40, 0, Scaling("standardise"), ""), OPTIONS)


def image_model(by: float, shape: tuple[int, ...] = (6, 6)) -> keras.Model:
    info = DataInfo(TASKS["multiclass"], shape, 40, 0, Scaling("divide", by), "")
    return compiled_model(CONV, info, OPTIONS)


def values(tensor: Any) -> np.ndarray:
    return np.array(keras.ops.convert_to_numpy(tensor))


def predict(model: keras.Model, x: np.ndarray) -> np.ndarray:
    return np.asarray(model.predict_on_batch(x))


def without_scaling(model: keras.Model, x: np.ndarray, *names: str) -> np.ndarray:
    """Pass float32 values through the layers of a model, those called `names` left out."""
    outputs: Any = x.astype(np.float32)
    for layer in model.layers:
        outputs = outputs if layer.name in names else layer(outputs)
    return values(outputs)


def test_a_table_is_standardised_by_mean_and_deviation_of_its_columns() -> None:
    model = table_model()
    set_statistics(model, X, np.zeros(40))
    layer = model.get_layer(INPUT_STATISTICS)
    scaled = values(layer(X.astype(np.float32)))
    np.testing.assert_allclose(scaled, (X - X.mean(axis=0)) / X.std(axis=0), atol=1e-3)
    expected = without_scaling(model, (X - X.mean(axis=0)) / X.std(axis=0), INPUT_STATISTICS)
    np.testing.assert_allclose(predict(model, X), expected, atol=1e-3)


@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1e6, 1e9])
def test_a_table_and_targets_in_any_unit_are_standardised(unit: float) -> None:
    model = table_model(TASKS["regression"])
    rng = np.random.default_rng(0)
    x, y = rng.normal(3.0, 1.0, (40, 4)) * unit, rng.normal(2.0, 1.0, (40, 2)) * unit
    set_statistics(model, x, y)
    scaled = values(model.get_layer(INPUT_STATISTICS)(x.astype(np.float32)))
    np.testing.assert_allclose(scaled.std(axis=0), 1.0, rtol=1e-3)
    mean, above = values(model.get_layer(TARGET_STATISTICS)(np.array([[0, 0], [1, 1]], np.float32)))
    np.testing.assert_allclose([mean, above - mean], [y.mean(axis=0), y.std(axis=0)], rtol=1e-3)


def test_new_statistics_count_although_the_model_is_already_traced() -> None:
    model, x, new = table_model(), X[:20], X[20:] * 5 - 50
    set_statistics(model, x, np.zeros(20))
    first = predict(model, x)
    model.train_on_batch(x, np.zeros(20))
    set_statistics(model, new, np.zeros(20))
    layer = model.get_layer(INPUT_STATISTICS)
    np.testing.assert_allclose(values(layer.moving_mean), new.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(values(layer.moving_variance), new.var(axis=0), rtol=1e-4)
    expected = without_scaling(model, (new - new.mean(axis=0)) / new.std(axis=0), INPUT_STATISTICS)
    np.testing.assert_allclose(predict(model, new), expected, atol=1e-3)
    assert np.abs(predict(model, x) - first).max() > 0.01


def test_keras_own_normalization_would_be_stuck_with_the_first_statistics() -> None:
    """Why scaling is not left to `keras.layers.Normalization`; the day this fails, it can be."""
    normalization = keras.layers.Normalization()
    normalization.adapt(X)
    model = keras.Sequential([keras.Input((4,)), normalization])
    model.compile(loss="mse")
    first = predict(model, X)
    normalization.adapt(X * 5 - 1000)
    np.testing.assert_array_equal(predict(model, X), first)


def test_training_leaves_the_statistics_alone() -> None:
    model = table_model(TASKS["regression"])
    set_statistics(model, X, Y)
    layers = [model.get_layer(name) for name in (INPUT_STATISTICS, TARGET_STATISTICS)]
    before = [values(weight) for layer in layers for weight in layer.weights]
    model.train_on_batch(X + 100, Y)
    after = [values(weight) for layer in layers for weight in layer.weights]
    assert len(before) == 4
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_constant_column_becomes_zero() -> None:
    x = X.copy()
    x[:, 1] = -12.5
    model = table_model()
    set_statistics(model, x, np.zeros(40))
    scaled = values(model.get_layer(INPUT_STATISTICS)(x.astype(np.float32)))
    assert (scaled[:, 1] == 0).all() and np.isfinite(scaled).all()
    assert np.isfinite(predict(model, x)).all()


def test_outputs_for_regression_are_on_the_scale_of_the_targets() -> None:
    model = table_model(TASKS["regression"])
    set_statistics(model, X, Y)
    z = without_scaling(model, (X - X.mean(axis=0)) / X.std(axis=0), INPUT_STATISTICS, TARGET_STATISTICS)
    np.testing.assert_allclose(predict(model, X), z * Y.std(axis=0) + Y.mean(axis=0), rtol=1e-4)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop", "adam"])
@pytest.mark.parametrize("units", [[1e-6, 1e-6], [1e4, 1e4], [1, 1e6]], ids=str)
def test_what_is_learnt_does_not_depend_on_the_units_of_the_targets(
    optimizer: str, units: list[float]
) -> None:
    task, options = TASKS["regression"], TrainingOptions(optimizer=optimizer)  # type: ignore[arg-type]
    info = DataInfo(task, (4,), 40, 0, Scaling("standardise"), "")
    model = compiled_model(Genome.parse("dense #8 activation=tanh"), info, options)
    begun, targets = model.get_weights(), Y - Y.mean(axis=0)
    answers = []
    for y in (targets, targets * units):
        model.set_weights(begun)
        compile_model(model, task, options)
        set_statistics(model, X, y)
        before = score(task, y.astype(np.float32), predict(model, X))[0]
        assert model.train_on_batch(X, y) == pytest.approx(before, rel=1e-4)  # in their own units
        for _ in range(10):
            model.train_on_batch(X, y)
        answers.append(predict(model, X))
    np.testing.assert_allclose(answers[1] / units, answers[0], rtol=1e-3, atol=1e-3)


def test_a_file_names_the_plain_loss_of_keras() -> None:
    model = table_model(TASKS["regression"])
    loss = model.get_compile_config()["loss"]
    assert (loss["module"], loss["class_name"]) == ("keras.losses", "MeanSquaredError")


@pytest.mark.parametrize("shape", [(6, 6), (6, 6, 3)], ids=str)
@pytest.mark.parametrize(("dtype", "by"), [("uint8", 255.0), ("float64", 16.0)])
def test_images_are_divided_by_a_constant(dtype: str, by: float, shape: tuple[int, ...]) -> None:
    model = image_model(by, shape)
    x = np.random.default_rng(2).integers(0, int(by) + 1, (5, *shape)).astype(dtype)
    set_statistics(model, x, np.zeros(5))  # there are none
    divided = without_scaling(model, x.reshape(5, 6, 6, -1) / by, "rescale", "channel")
    np.testing.assert_allclose(predict(model, x), divided, atol=1e-6)


@pytest.fixture(scope="module")
def model() -> keras.Model:
    return table_model()


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64"])
def test_a_model_takes_raw_numbers_of_every_dtype(dtype: str, model: keras.Model) -> None:
    x = (np.random.default_rng(2).integers(0, 2, (8, 4)) * 200).astype(dtype)
    set_statistics(model, x, np.zeros(8))
    np.testing.assert_array_equal(predict(model, x), predict(model, x.astype(np.float32)))
    assert np.isfinite(model.train_on_batch(x, np.zeros(8)))


PLAIN = {
    "multiclass": ("softmax", "sparse_categorical_crossentropy", "accuracy"),
    "one_hot": ("softmax", "categorical_crossentropy", "accuracy"),
    "binary": ("sigmoid", "binary_crossentropy", "accuracy"),
    "regression": ("linear", "mean_squared_error", "mean_absolute_error"),
}


@pytest.fixture(scope="module", params=PLAIN)
def evaluated(request: pytest.FixtureRequest) -> Iterator[tuple[Task, np.ndarray, np.ndarray, list[float]]]:
    """A task, targets, the outputs of a plain network, and what Keras itself says of them."""
    task = TASKS[request.param]
    activation, loss, metric = PLAIN[request.param]
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(task.outputs, activation=activation)])
    model.compile(loss=loss, metrics=[metric])
    x = np.random.default_rng(8).normal(size=(37, 4)).astype(np.float32)
    y = targets_of(task, 37)
    yield task, y, model.predict(x, verbose=0), model.evaluate(x, y, verbose=0)


def test_scores_are_those_of_a_plain_keras_evaluation(
    evaluated: tuple[Task, np.ndarray, np.ndarray, list[float]],
) -> None:
    task, y, outputs, expected = evaluated
    assert score(task, y, outputs) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_a_compiled_model_reports_the_same_scores_by_itself(task: Task) -> None:
    model, y = table_model(task), targets_of(task, 40)
    set_statistics(model, X, y)
    compile_model(model, task, OPTIONS, metrics=(task.metric,))
    logs = model.evaluate(X, y, verbose=0, return_dict=True)
    assert set(logs) == {"loss", task.metric}
    loss, metric = score(task, y, predict(model, X))
    assert logs == pytest.approx({"loss": loss, task.metric: metric}, rel=1e-5)


@pytest.mark.parametrize(
    ("options", "optimizer", "learning_rate"),
    [
        pytest.param(TrainingOptions(optimizer="rmsprop"), keras.optimizers.RMSprop, 0.001, id="default"),
        pytest.param(
            TrainingOptions(optimizer="sgd", learning_rate=0.5), keras.optimizers.SGD, 0.5, id="given"
        ),
    ],
)
def test_the_optimizer_follows_the_options(
    options: TrainingOptions, optimizer: type, learning_rate: float
) -> None:
    info = DataInfo(TASKS["binary"], (4,), 40, 0, Scaling("standardise"), "")
    compiled = compiled_model(DENSE, info, options).optimizer
    assert type(compiled) is optimizer
    assert float(compiled.learning_rate) == pytest.approx(learning_rate)


def test_options_come_back_from_json() -> None:
    fields = {"epochs": 3, "batch_size": 8, "optimizer": "sgd", "learning_rate": 0.5}
    options = TrainingOptions(**json.loads(json.dumps(fields)))
    assert options == TrainingOptions(epochs=3, batch_size=8, optimizer="sgd", learning_rate=0.5)


@pytest.mark.parametrize(
    "fields", [{"epochs": 0}, {"batch_size": 0}, {"optimizer": "lbfgs"}, {"learning_rate": 0}, {"epoch": 3}]
)
def test_options_that_no_training_could_have_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        TrainingOptions(**fields)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
def test_a_mixed_policy_computes_in_half_precision_on_float32_weights_and_stays_inside(policy: str) -> None:
    options = TrainingOptions(dtype_policy=policy)  # type: ignore[arg-type]
    info = DataInfo(TASKS["multiclass"], (8, 8), 40, 0, Scaling("divide", 16.0), "")
    model = compiled_model(CONV, info, options)
    kinds = {layer.name: layer.compute_dtype for layer in model.layers}
    half = policy.removeprefix("mixed_")
    assert kinds["rescale"] == kinds["output"] == "float32"
    assert {dtype for name, dtype in kinds.items() if name.startswith(("conv", "dense"))} == {half}
    assert {weight.dtype for weight in model.weights} == {"float32"}
    assert keras.config.dtype_policy().name == "float32"
