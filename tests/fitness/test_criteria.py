"""Laws of losses, optimizers and metrics of the user's choice."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np
import own_losses
import pytest
from sklearn.metrics import f1_score, r2_score, roc_auc_score
from small_jobs import DENSE, TASKS, arrays_of, payload_of, scores_of, store, targets_of

from gakeras.config import settings_from
from gakeras.data import Task
from gakeras.errors import InputError
from gakeras.fitness.criteria import Criteria
from gakeras.fitness.evaluation import evaluate
from gakeras.fitness.final import train
from gakeras.fitness.keras_objects import KerasObject, build_object
from gakeras.fitness.metrics import metric_of
from gakeras.fitness.network import new_optimizer, score
from gakeras.fitness.objectives import objectives
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.rehearsal import rehearse
from gakeras.jobs import JobFailed
from gakeras.replay import assessment

Y = np.linspace(-3, 3, 6, dtype=np.float32)[:, None]
OUTPUTS = np.zeros((6, 1), np.float32)
HUBER = {"class_name": "Huber", "config": {"delta": 2.0}}
EQUAL_LOSSES = {
    "a name": ("mae", 1.8),
    "a function of Keras": (keras.losses.mean_absolute_error, 1.8),
    "an object of Keras": (keras.losses.MeanAbsoluteError(), 1.8),
    "a class with its config": (HUBER, np.mean([0.18, 1.62, 4.0])),
    "an object of one's own": (own_losses.Pinball(0.5), 0.9),
    "a function of one's own": (own_losses.absolute, 1.8),
    "a class of one's own by its name": ({"class_name": "Pinball", "module": "own_losses"}, 0.9),
}


@pytest.mark.parametrize(("given", "expected"), EQUAL_LOSSES.values(), ids=EQUAL_LOSSES)
def test_a_loss_says_the_same_after_its_journey_through_json(given: Any, expected: float) -> None:
    criteria = Criteria(loss=given)
    again = Criteria(**json.loads(json.dumps(criteria.to_payload()))["criteria"])
    assert again == criteria
    assert score(TASKS["regression"], Y, OUTPUTS, criteria=again)[0] == pytest.approx(expected, rel=1e-5)


def test_an_optimizer_keeps_its_arguments_and_a_learning_rate_beside_it_wins() -> None:
    given = keras.optimizers.SGD(0.25, momentum=0.5, nesterov=True)
    options = TrainingOptions(**json.loads(json.dumps(dataclasses.asdict(TrainingOptions(optimizer=given)))))
    made: Any = new_optimizer(options)
    assert (type(made), float(made.learning_rate)) == (keras.optimizers.SGD, 0.25)
    assert (made.momentum, made.nesterov) == (0.5, True)
    other = new_optimizer(dataclasses.replace(options, learning_rate=0.125))
    assert float(other.learning_rate) == 0.125
    assert TrainingOptions(optimizer="ftrl").optimizer == "ftrl"


def test_settings_with_objects_of_keras_survive_the_journal() -> None:
    table = {"class_name": "SGD", "config": {"momentum": 0.9}}
    settings = settings_from(
        {"max_evaluations": 1, "loss": keras.losses.Hinge(), "training": {"optimizer": table}, "metric": "r2"}
    )
    assert settings_from(json.loads(json.dumps(settings.to_json()))) == settings
    assert settings.training.optimizer == KerasObject("SGD", {"momentum": 0.9})
    assert hash(settings.training) == hash(TrainingOptions(**settings.to_json()["training"]))


def lambda_loss(y_true: Any, y_pred: Any) -> Any:
    return own_losses.absolute(y_true, y_pred)


lambda_loss.__module__ = "__main__"
MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown loss": ({"loss": "hubert"}, "loss: one of mean_squared_error.*'hubert'"),
    "an unknown optimizer": ({"training": {"optimizer": "adm"}}, "training.optimizer: one of adam.*'adm'"),
    "a table with another key": ({"loss": {"class_name": "Huber", "delta": 2}}, "table of class_name"),
    "a number": ({"loss": 3}, "Received: 3"),
    "a function of the program": ({"loss": lambda_loss}, "workers can import.*lambda_loss of __main__"),
    "an inner function": ({"loss": lambda y, p: y - p}, "workers can import.*<lambda>"),
    "an object that is lost on the way": ({"loss": keras.losses.Huber(delta=2.0)}, "other values than"),
    "another that is": ({"loss": own_losses.Forgetful(0.9)}, "other values than"),
    "an unknown metric": ({"metric": "f1_makro"}, "scikit-learn, such as f1_macro.*'f1_makro'"),
    "no metric to be after": ({"objectives": ["metric"]}, "metric: a name, where it is an objective"),
    "rungs by a metric": (
        {"objectives": ["metric"], "metric": "r2", "fidelity": "rungs"},
        "stopped early by their loss",
    ),
}


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES)
def test_criteria_that_cannot_be_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings_from({"max_evaluations": 1} | changes)


def predicted(task: Task) -> np.ndarray:
    rng = np.random.default_rng(2)
    if task.kind == "regression":
        return rng.normal(size=(40, task.outputs)).astype(np.float32)
    if task.outputs == 1:
        return rng.uniform(size=(40, 1)).astype(np.float32)
    return rng.dirichlet(np.ones(task.outputs), 40).astype(np.float32)


@pytest.mark.parametrize("kind", TASKS)
def test_a_metric_is_what_scikit_learn_computes_from_labels_and_outputs(kind: str) -> None:
    task = TASKS[kind]
    y, outputs = targets_of(task, 40), predicted(task)
    if kind == "regression":
        assert metric_of(task, y, outputs, "r2") == pytest.approx(r2_score(y, outputs))
        mean = -np.mean(np.abs(y - outputs))
        assert metric_of(task, y, outputs, "neg_mean_absolute_error") == pytest.approx(mean, rel=1e-5)
        return
    labels = y.argmax(axis=1) if kind == "one_hot" else y
    guessed = (outputs[:, 0] > 0.5).astype(int) if kind == "binary" else outputs.argmax(axis=1)
    chances = outputs[:, 0] if kind == "binary" else outputs / outputs.sum(axis=1, keepdims=True)
    expected = roc_auc_score(labels, chances.astype(float), multi_class="ovr")
    assert metric_of(task, y, outputs, "f1_macro") == pytest.approx(
        f1_score(labels, guessed, average="macro")
    )
    assert metric_of(task, y, outputs, "roc_auc_ovr") == pytest.approx(expected)


def test_predictions_that_a_metric_does_not_take_have_none_and_other_targets_are_refused() -> None:
    task, y = Task("regression", 1), np.array([[1.0], [2.0]], np.float32)
    name = "neg_mean_squared_log_error"
    assert metric_of(task, y, y, name) == 0.0
    assert np.isnan(metric_of(task, y, -y, name))
    with pytest.raises(ValueError):
        metric_of(task, -y, y, name)


def test_evolution_is_after_the_metric_where_it_is_the_first_objective() -> None:
    measures = {
        "parameters": 10,
        "folds": [{"fold": n, "epochs": [{"val_loss": 0.5, "val_metric": 0.7 + n / 5}]} for n in (0, 1)],
    }
    assert objectives(measures, ("metric", "parameters"), {"parameters": 0.01}) == pytest.approx((-0.7, 10))
    settings = settings_from({"max_evaluations": 1, "metric": "f1_macro", "objectives": ["metric"]})
    from gakeras.encoding import Genome
    from gakeras.evolution import Individual
    from gakeras.jobs import JobResult

    fitness = assessment(settings)(JobResult("1", "ok", measures=measures))
    assert fitness is not None and fitness.values == pytest.approx((-0.8,))
    assert Individual(1, Genome(), fitness, measures).loss == 0.5
    measures["folds"][0]["epochs"][0]["val_metric"] = None
    assert objectives(measures, ("metric",)) == (np.inf,)


def test_an_evaluation_and_a_final_training_use_and_report_what_was_chosen(tmp_path: Path) -> None:
    stored = store(arrays_of("regression"), tmp_path / "data")
    criteria = Criteria(own_losses.Pinball(0.5), "neg_mean_absolute_error").to_payload()
    sgd = {"class_name": "SGD", "config": {"momentum": 0.5, "learning_rate": 0.0001}}
    training = {"epochs": 2, "batch_size": 8, "optimizer": sgd}
    (epochs,) = scores_of(evaluate(payload_of(DENSE, stored, training=training, **criteria))).values()
    for epoch in epochs:  # the pinball loss of the median is half of the absolute error
        assert epoch["val_loss"] == pytest.approx(-epoch["val_metric"] / 2, rel=1e-4)
    save_to = str(tmp_path / "best.keras")
    payload = payload_of(DENSE, stored, training=training, save_to=save_to, **criteria)
    measures = train(payload)["measures"]
    assert measures["test_loss"] == pytest.approx(-measures["test_metric"] / 2, rel=1e-4)
    model = keras.saving.load_model(save_to)  # though it was trained with a class that Keras does not know
    assert model.output_shape == (None, 2)


def test_a_metric_that_lacks_a_class_it_needs_is_nan() -> None:
    task, outputs = TASKS["multiclass"], predicted(TASKS["multiclass"])
    lacking = np.zeros(40, dtype=np.int32)
    lacking[::2] = 1
    assert math.isnan(metric_of(task, lacking, outputs, "roc_auc_ovr"))
    assert metric_of(task, lacking, outputs, "accuracy") >= 0
    with pytest.raises(ValueError, match="not a valid scoring|accuracyy"):
        metric_of(task, targets_of(task, 40), outputs, "accuracyy")


REHEARSALS: dict[str, tuple[str, dict[str, Any], Any, str]] = {
    "a loss that fits": ("regression", {"loss": "huber"}, "adam", ""),
    "a loss and a metric of binary classes": (
        "binary", {"loss": "binary_focal_crossentropy", "metric": "roc_auc"}, {"class_name": "Lamb"}, ""),
    "labels for a loss of one-hot rows": ("multiclass", {"loss": "categorical_hinge"}, "adam", "loss="),
    "a loss of one-hot rows for two numbered classes": (
        "binary", {"loss": "categorical_crossentropy"}, "adam", "does not tell right.*binary_crossentropy"),
    "the usual loss and another metric": (
        "multiclass", {"loss": "sparse_categorical_crossentropy", "metric": "f1_macro"}, "adam", ""),
    "a hinge": ("binary", {"loss": "hinge"}, "adam", ""),
    "one-hot rows": ("one_hot", {"loss": "categorical_focal_crossentropy"}, "adam", ""),
    "a metric of classes": ("regression", {"metric": "f1"}, "adam", "metric=f1"),
    "an unknown class": ("binary", {}, {"class_name": "SDG"}, "optimizer=SDG.*has no attribute 'SDG'"),
    "an unknown argument": ("binary", {}, {"class_name": "SGD", "config": {"momentun": 1}}, "momentun"),
    "a module that is not there": (
        "binary", {"loss": {"class_name": "L", "module": "nowhere"}}, "adam", "No module named 'nowhere'"
    ),
    "a sum": (
        "regression", {"loss": {"class_name": "MeanSquaredError", "config": {"reduction": "sum"}}}, "adam",
        "is a mean over its examples",
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:In loss categorical_crossentropy")
@pytest.mark.parametrize(("kind", "criteria", "optimizer", "reason"), REHEARSALS.values(), ids=REHEARSALS)
def test_a_rehearsal_finds_what_does_not_work(
    kind: str, criteria: dict[str, Any], optimizer: Any, reason: str
) -> None:
    options = dataclasses.asdict(TrainingOptions(optimizer=optimizer))
    payload = {"task": dataclasses.asdict(TASKS[kind]), "trainings": [options], "criteria": criteria}
    if not reason:
        rehearse(payload)
        return
    with pytest.raises(JobFailed, match=reason):
        rehearse(payload)


def test_a_name_and_a_table_of_the_same_make_the_same() -> None:
    first, second = (build_object(each, keras.optimizers) for each in ("sgd", KerasObject("SGD")))
    assert first.get_config() | {"name": ""} == second.get_config() | {"name": ""}
