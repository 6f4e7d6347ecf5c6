"""Laws of weighted training: weights scale losses and nothing else, in training and in validation."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest
from small_jobs import DENSE, NUM_EXAMPLES, arrays_of, payload_of, scores_of, store

from gakeras.data import Task
from gakeras.fitness.evaluation import evaluate
from gakeras.fitness.final import train
from gakeras.fitness.network import score
from gakeras.fitness.stopping import chance_loss
from gakeras.fitness.trainer import Trainer

X = np.random.default_rng(0).normal(size=(20, 2))
Y = np.random.default_rng(1).normal(size=(20, 1)).astype(np.float32)
WEIGHTS = np.arange(20, dtype=np.float32)


def linear_trainer() -> Trainer:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    return Trainer(model, 8, 20)


def test_an_epoch_of_one_step_descends_the_weighted_mean_of_the_losses() -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.1), "mean_squared_error")
    trainer = Trainer(model, 20, 20)
    trainer.reset(1)
    kernel, bias = model.get_weights()
    indices = np.arange(3, 17)
    loss = trainer.train_epoch(X, Y, indices, seed=1, weights=WEIGHTS)
    errors, weights = (X @ kernel + bias - Y)[indices], WEIGHTS[indices, None]
    assert loss == pytest.approx(float((weights * errors**2).sum() / weights.sum()), rel=1e-5)
    gradient = 2 * X[indices].T @ (weights * errors) / weights.sum()
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * gradient, rtol=1e-4, atol=1e-6)


def test_equal_weights_are_no_weights_and_multiples_are_the_same() -> None:
    trainer, ends = linear_trainer(), []
    for weights in (None, np.full(20, 7.0), WEIGHTS, 100 * WEIGHTS):
        trainer.reset(1)
        trainer.train_epoch(X, Y, np.arange(18), seed=1, weights=weights)
        ends.append(trainer.model.get_weights()[0])
    np.testing.assert_allclose(ends[0], ends[1], rtol=1e-5)
    np.testing.assert_allclose(ends[2], ends[3], rtol=1e-5)
    assert not np.allclose(ends[0], ends[2], rtol=1e-3)


def test_the_validation_loss_is_the_weighted_mean_and_the_metric_the_plain_one() -> None:
    y, outputs = np.array([0, 1, 1]), np.array([[0.1], [0.6], [0.3]])
    losses = -np.log([0.9, 0.6, 0.3])
    loss, metric = score(Task("binary", 1), y, outputs, np.array([1.0, 2.0, 5.0]))
    assert loss == pytest.approx(losses @ [1, 2, 5] / 8, rel=1e-5) and metric == pytest.approx(2 / 3)


def test_an_evaluation_and_a_final_training_take_the_weights_that_are_stored(tmp_path: Path) -> None:
    weights = np.where(np.arange(NUM_EXAMPLES) % 3 == 0, 1.0, 4.0)
    arrays = arrays_of("table")
    answers = []
    for name, sample_weight in (("none", None), ("own", weights)):
        stored = store(dataclasses.replace(arrays, sample_weight=sample_weight), tmp_path / name)
        scores = scores_of(evaluate(payload_of(DENSE, stored)))[0]
        payload = payload_of(DENSE, {"data_dir": stored["data_dir"]})
        measures = train(payload)["measures"]
        answers.append([*(epoch[key] for epoch in scores for key in ("loss", "val_loss"))])
        answers[-1] += [measures["epochs"][-1]["loss"], measures["train_loss"]]
    none, own = np.array(answers)
    assert np.all(np.abs(own / none - 1) > 1e-3)


def test_the_best_constant_guess_is_that_of_the_weighted_examples() -> None:
    assert chance_loss(Task("binary", 1), np.array([0, 1]), np.array([3.0, 3.0])) == pytest.approx(np.log(2))
    assert chance_loss(Task("binary", 1), np.array([0, 1, 1]), np.array([2.0, 1.0, 1.0])) == pytest.approx(
        np.log(2)
    )
    weighed = chance_loss(Task("regression", 1), np.array([[1.0], [3.0]]), np.array([3.0, 1.0]))
    assert weighed == pytest.approx(0.75)  # mean 1.5: (3 * 0.25 + 2.25) / 4
