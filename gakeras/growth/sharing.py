"""Members that really have layers in common: built so, and trained in one job."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.heads import Head
from gakeras.fitness.network import LOSSES
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Step, Trainer
from gakeras.growth.settings import StepTraining
from gakeras.growth.training import (
    Beginning,
    Examples,
    begin,
    first_measures,
    index_batches,
    measure,
    open_examples,
    rate_factor,
    save,
)
from gakeras.jobs import JobFailed
from gakeras.morphism.optimizers import carry_optimizer
from gakeras.seeding import derive_seed, isolated


@dataclass(frozen=True, eq=False)
class Sharer:
    """A member whose layers others have too: its trainer, its own optimizer in it, and what it has done."""

    trainer: Trainer
    head: Head
    measures: dict[str, Any]
    losses: list[float] = field(default_factory=list)


def train_jointly(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Train members that share layers: for each step a member is drawn, and moves what it has.

    Layers of one name are one layer, for a mutation names what it adds after its number and leaves
    what was there. Each member has its own optimizer. A `.keras` file has copies of all its layers.

    Args:
        payload: `members`, the payloads of `train_member` by number; `steps` of all together; `seed`.

    Returns:
        Measures: those of each by number, under `members`.

    A member that no transform fits has its reason as `failed` there, and the others are trained without it.

    Raises:
        JobFailed: A loss is not finite: what one spoils, all have.
    """
    try:
        with isolated(payload["seed"]):  # Keras seeds Python's generator as well
            keras.utils.set_random_seed(payload["seed"])
            return _train_jointly(payload)
    finally:
        forget_models()


def shared(models: Sequence[keras.Model]) -> list[keras.Model]:
    """Return models wired as these in which layers of one name are one layer, the first with it.

    They must have been equal. A model in a model counts as a layer.

    >>> from keras import Input, Sequential, layers
    >>> def stack(*last): return Sequential([Input((2,)), layers.Dense(3, name="first"), *last])
    >>> one, other = shared([stack(layers.Dense(1, name="a")), stack(layers.Dense(2, name="b"))])
    >>> one.get_layer("first") is other.get_layer("first"), one.output_shape, other.output_shape
    (True, (None, 1), (None, 2))
    """
    pool: dict[str, Any] = {}

    def pooled(layer: Any) -> Any:
        return pool.setdefault(layer.name, layer)

    return [keras.models.clone_model(model, clone_function=pooled) for model in models]


def _train_jointly(payload: Mapping[str, Any]) -> dict[str, Any]:
    jobs: Mapping[str, Mapping[str, Any]] = payload["members"]
    first, seed = next(iter(jobs.values())), payload["seed"]
    examples = open_examples(first)
    options = StepTraining(**first["training"]).options
    begun, told = _begun(jobs, examples, options)
    models = shared([model for model, _, _ in begun.values()])
    members: dict[str, Sharer] = {}
    for (number, (alone, head, transforms)), model in zip(begun.items(), models, strict=True):
        if not alone.optimizer.built:  # a new one
            alone.optimizer.build(alone.trainable_variables)
        model.compile(optimizer=carry_optimizer(alone, model), loss=LOSSES[head.task.kind])
        trainer = Trainer(model, options.batch_size, len(examples.train), options)
        members[number] = Sharer(trainer, head, first_measures(model, transforms))
    steps = payload["steps"] * len(members) // len(jobs)
    turns = np.random.default_rng(derive_seed(seed, "turns")).integers(len(members), size=steps)
    told |= {number: member.measures for number, member in members.items()}
    _take_turns(list(members.values()), turns, examples, first["schedule"], seed, told)
    for number, member in members.items():
        member.measures["loss"] = float(np.mean(member.losses)) if member.losses else None
        scores, outputs = measure(member.trainer, member.head, examples, member.measures)
        told[number] = member.measures | scores
        member.trainer.restore_rate()
        save(member.trainer.model, outputs, Path(jobs[number]["save_to"]))
    return {"measures": {"members": told}, "artifacts": {}}


def _begun(
    jobs: Mapping[str, Mapping[str, Any]], examples: Examples, options: TrainingOptions
) -> tuple[dict[str, Beginning], dict[str, Any]]:
    """Return what the members begin with by number, and why others cannot."""
    begun: dict[str, Beginning] = {}
    told: dict[str, Any] = {}
    for number, job in jobs.items():
        try:
            begun[number] = begin(job, examples, options)
        except JobFailed as failure:
            told[number] = {"failed": str(failure), **failure.measures}
    if not begun:
        raise JobFailed("no member could begin", {"members": told})
    return begun, told


def _take_turns(
    members: Sequence[Sharer],
    turns: np.ndarray,
    examples: Examples,
    schedule: str,
    seed: int,
    told: Mapping[str, Any],
) -> None:
    """Train the member whose turn it is for a step; each has an order of examples of its own."""
    data = examples.data
    steps = []
    for place, member in enumerate(members):
        own, count = derive_seed(seed, "member", place), int((turns == place).sum())
        order = index_batches(examples.train, member.trainer.batch_size, own)
        rates = (rate_factor(schedule, step, count) for step in range(count))
        own_steps = map(Step, itertools.islice(order, count), rates)
        steps.append(member.trainer.train_steps(data.x, data.y, own_steps, own))
    for place in turns:
        member = members[place]
        member.losses.append(next(steps[place]))
        member.measures["trained_examples"] += member.trainer.batch_size
        if not np.isfinite(member.losses[-1]):
            raise JobFailed(
                "diverged: the loss of a member that shares layers is not finite", {"members": told}
            )
