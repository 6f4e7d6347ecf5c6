"""The rehearsal job: one step of training with what the user has chosen, on made-up examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from gakeras.data import Task
from gakeras.fitness.criteria import Criteria, criteria_of
from gakeras.fitness.network import LOSSES, OUTPUT_ACTIVATIONS, compile_model, score
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Trainer
from gakeras.jobs import JobFailed

NUM_EXAMPLES = 12
"""At least so many, and two of every class."""


def rehearse(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Build, train a step and score with a run's loss, metric and optimizers.

    Args:
        payload: `task` (`Task` as JSON), `trainings`, a list of `TrainingOptions` as JSON, and
            perhaps `criteria`.

    Raises:
        JobFailed: One of them cannot be built or used for such targets; the reason says which.
    """
    task, criteria = Task(**payload["task"]), criteria_of(payload)
    for training in payload["trainings"]:
        options = TrainingOptions(**training)
        named = f"optimizer={_text(options.optimizer)}, loss={_text(criteria.loss)}, metric={criteria.metric}"
        try:
            _train_once(task, options, criteria)
        except Exception as error:
            text = " ".join(str(error).split())[:400]
            raise JobFailed(f"{named}: {type(error).__name__}: {text}") from error
    return {"measures": {}, "artifacts": {}}


def _train_once(task: Task, options: TrainingOptions, criteria: Criteria) -> None:
    rng = np.random.default_rng(0)
    num_examples = max(NUM_EXAMPLES, 2 * task.outputs)
    x, y = rng.normal(size=(num_examples, 2)), _targets(task, num_examples, rng)
    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(task.outputs, activation=OUTPUT_ACTIVATIONS[task.kind])]
    )
    compile_model(model, task, options, criteria)
    if getattr(model.optimizer, "use_ema", False):
        raise ValueError("use_ema averages weights at the end of `fit`, which is not what trains here")
    trainer, everyone = Trainer(model, num_examples, num_examples), np.arange(num_examples)
    trainer.train_epoch(x, y, everyone, seed=0, rate_factor=options.rate_factor(0))
    score(task, y, trainer.predict(x, everyone), criteria=criteria)
    if task.is_classification:
        _check_loss(task, y, criteria)


def _check_loss(task: Task, y: np.ndarray, criteria: Criteria) -> None:
    """Raise `ValueError` for a loss that is no lower for right answers than for wrong ones."""
    labels = y.argmax(axis=1) if task.kind == "one_hot" else y
    chances = np.eye(max(task.outputs, 2), dtype=np.float32)[[labels, (labels + 1) % max(task.outputs, 2)]]
    chances = np.clip(chances, 0.01, 0.99)  # (right or wrong, examples, classes)
    outputs = chances[..., 1:] if task.outputs == 1 else chances / chances.sum(axis=-1, keepdims=True)
    right, wrong = (score(task, y, each, criteria=Criteria(criteria.loss))[0] for each in outputs)
    if not right < wrong:
        raise ValueError(
            f"the loss does not tell right answers from wrong ones, it is {right:.4g} and {wrong:.4g}; "
            f"for {task.kind} targets the usual one is {LOSSES[task.kind]}"
        )


def _targets(task: Task, num_examples: int, rng: np.random.Generator) -> np.ndarray:
    if task.kind == "regression":
        return rng.uniform(1, 2, (num_examples, task.outputs)).astype(np.float32)
    labels = np.arange(num_examples, dtype=np.int32) % max(task.outputs, 2)
    return np.eye(task.outputs, dtype=np.float32)[labels] if task.kind == "one_hot" else labels


def _text(described: Any) -> str:
    return getattr(described, "class_name", str(described))
