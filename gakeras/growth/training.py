"""The job of a growth: a network is made, mutated, trained for some steps, measured and saved."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from pydantic import TypeAdapter

from gakeras.data import StoredData, fold_indices, open_data, spread_rows
from gakeras.durable import put_in_place
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.fitness.evaluation import forget_models
from gakeras.fitness.heads import Head, last_activation, read_head
from gakeras.fitness.network import LOSSES, compiled_model, set_statistics
from gakeras.fitness.new_weights import shrunk_and_perturbed, with_new_weights
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Step, Trainer
from gakeras.graph import model_cost, read_graph
from gakeras.growth.mutating import Transform, mutate
from gakeras.growth.settings import Mutations, StepTraining
from gakeras.jobs import JobFailed, refusal
from gakeras.morphism.optimizers import carry_optimizer
from gakeras.seeding import derive_seed, isolated


@dataclass(frozen=True, eq=False)
class Examples:
    """The data of a run, memory-mapped, and the indices of those that train and that validate."""

    data: StoredData
    train: np.ndarray
    validation: np.ndarray

    def head(self, model: keras.Model) -> Head:
        """Return the head of a model for these data. Raises `InputError` where it cannot be averaged."""
        graph = read_graph(model)
        head = read_head(model, graph, self.data.info.task, self.data.info.input_shape)
        if head.is_logits:
            raise InputError(
                "The outputs of an ensemble's members are averaged, so they are probabilities.",
                expected="softmax or sigmoid at the end of the start network",
                received="logits",
                way_out="Put a `keras.layers.Softmax()` behind them.",
            )
        if head.task.outputs > 1 and last_activation(graph) == "sigmoid":
            raise InputError(
                "The outputs of an ensemble's members are averaged, so those of several units sum to 1.",
                expected="softmax at the end of the start network",
                received=f"sigmoid, {head.task.outputs} units",
            )
        return head


def open_examples(payload: Mapping[str, Any]) -> Examples:
    """Return the examples that a job names."""
    folds = np.load(payload["folds_file"], allow_pickle=False)
    return Examples(open_data(Path(payload["data_dir"])), *fold_indices(folds, 0))


def train_member(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Train a member of a population for some steps, after mutations where it is a new one.

    Args:
        payload: One of `source`, the path of a member, `start`, that of a given model, and `genome`,
            a network to build; `mutations`, a list of `number` and `seed`, with `drawing`
            (`Mutations` as JSON), `inherit`, `carry` and `rescaling`; `shrink`, the share of its weights
            that a member keeps, 1 where it is missing; `steps`, `schedule`,
            `training` (`StepTraining` as JSON); `seed`, `data_dir`, `folds_file`, and `save_to`, a
            folder.

    Returns:
        Measures: the transforms, parameters and FLOPs, how many examples were trained on and
        validated with, the losses, and scores. Artifacts: `network` and `outputs`.

    Raises:
        JobFailed: No transform fits, or a loss is not finite. Where the start network cannot be
            used, the measures have the parts of the `InputError` under `refused`.
    """
    try:
        with isolated(payload["seed"]):  # Keras seeds Python's generator as well
            keras.utils.set_random_seed(payload["seed"])
            return _train_member(payload)
    except InputError as error:
        raise refusal(error) from error
    finally:
        forget_models()


def _train_member(payload: Mapping[str, Any]) -> dict[str, Any]:
    examples, options = open_examples(payload), StepTraining(**payload["training"]).options
    model, head, transforms = begin(payload, examples, options)
    trainer = Trainer(model, options.batch_size, len(examples.train), options)
    measures = first_measures(model, transforms)
    losses: list[float] = []
    data, steps, seed = examples.data, payload["steps"], payload["seed"]
    order = index_batches(examples.train, trainer.batch_size, seed)
    rates = (rate_factor(payload["schedule"], step, steps) for step in range(steps))
    legs = map(Step, itertools.islice(order, steps), rates)
    for loss in trainer.train_steps(data.x, data.y, legs, seed):
        losses.append(loss)
        measures["trained_examples"] += trainer.batch_size
        if not math.isfinite(loss):
            raise JobFailed(f"diverged: the loss is not finite in step {len(losses)}", measures)
    measures["loss"] = float(np.mean(losses)) if losses else None
    scores, outputs = measure(trainer, head, examples, measures)
    trainer.restore_rate()  # or whoever trains the saved network on would stand still after a last leg
    return {"measures": measures | scores, "artifacts": save(model, outputs, Path(payload["save_to"]))}


def first_measures(model: keras.Model, transforms: list[Transform]) -> dict[str, Any]:
    """Return what is known of a member before it is trained."""
    cost = model_cost(model)
    return {
        "transforms": transforms,
        "parameters": cost.parameters,
        "flops": cost.flops,
        "trained_examples": 0,
        "validated_examples": 0,
    }


def measure(
    trainer: Trainer, head: Head, examples: Examples, measures: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the scores of a trained model, and its outputs for the validation part and the test set.

    Validation is counted in `measures`. The test set, and as many of the training examples as
    validate, are for the report alone.

    Raises:
        JobFailed: The validation loss is not finite.
    """
    data = examples.data
    outputs = {"val": trainer.predict(data.x, examples.validation)}
    measures["validated_examples"] = len(examples.validation)
    scores = head.scores(data.y[examples.validation], outputs["val"], "val")
    if not math.isfinite(scores["val_loss"]):
        raise JobFailed("diverged: the validation loss is not finite after training", measures)
    seen = spread_rows(examples.train, len(examples.validation))
    report = head.scores(data.y[seen], trainer.predict(data.x, seen), "train")
    if data.x_test is not None and data.y_test is not None:
        outputs["test"] = trainer.predict(data.x_test, np.arange(len(data.x_test)))
        report |= head.scores(data.y_test, outputs["test"], "test")
    return scores | {name: value if math.isfinite(value) else None for name, value in report.items()}, outputs


def save(model: keras.Model, outputs: Mapping[str, np.ndarray], folder: Path) -> dict[str, str]:
    """Write a model with its optimizer, and its outputs, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {"network": folder / "network.keras", "outputs": folder / "outputs.npz"}
    temporary = folder / ".network.tmp.keras"
    model.save(temporary)
    put_in_place(temporary, paths["network"])
    unfinished = folder / ".outputs.tmp.npz"
    np.savez(unfinished, **outputs)  # type: ignore[arg-type]
    put_in_place(unfinished, paths["outputs"])
    return {name: str(path) for name, path in paths.items()}


def index_batches(indices: np.ndarray, batch_size: int, seed: int) -> Iterator[np.ndarray]:
    """Yield batches of one size for ever: every example once before any comes again, in ever new orders.

    >>> batches = index_batches(np.arange(5), 2, seed=0)
    >>> sorted(np.concatenate([next(batches) for _ in range(5)]).tolist())
    [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    """
    waiting = np.empty(0, indices.dtype)
    for number in itertools.count():
        order = np.random.default_rng(derive_seed(seed, "pass", number)).permutation(indices)
        waiting = np.concatenate([waiting, order])
        while len(waiting) >= batch_size:
            yield waiting[:batch_size]
            waiting = waiting[batch_size:]


def rate_factor(schedule: str, step: int, steps: int) -> float | None:
    """Return what the learning rate is multiplied with in a step, counted from 0; None for constant.

    >>> [round(rate_factor("cosine", step, 4), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    return None if schedule == "constant" else (1 + math.cos(math.pi * step / steps)) / 2


def load_network(path: Path, *, with_optimizer: bool) -> keras.Model:
    """Return the model of a `.keras` file. Raises `InputError` where Keras cannot read it."""
    try:
        return keras.saving.load_model(path, compile=with_optimizer)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            "A growth starts from a model that Keras can load.",
            expected="a .keras file of stock layers",
            received=f"{path}: {str(error).splitlines()[0]}",
            way_out="Save it with `model.save`, and load it once with Keras alone.",
        ) from error


Beginning = tuple[keras.Model, Head, list[Transform]]
"""The compiled model that a training begins with, its head, and its transforms."""


def begin(payload: Mapping[str, Any], examples: Examples, options: TrainingOptions) -> Beginning:
    """Return the compiled model that a training begins with, its head, and its transforms."""
    if "source" in payload:
        model = load_network(Path(payload["source"]), with_optimizer=True)
        head = examples.head(model)
        model, transforms = _mutated(model, head, payload, options)
        if payload.get("shrink", 1.0) < 1:
            model = shrunk_and_perturbed(model, payload["shrink"], payload["seed"])
            head.compile(model, options)
        return model, head, transforms
    if "genome" in payload:
        genome = Genome.from_json(payload["genome"])
        model = compiled_model(genome, examples.data.info, options)
        set_statistics(model, examples.data.x, examples.data.y, examples.train)
    else:
        model = load_network(Path(payload["start"]), with_optimizer=False)
    head = examples.head(model)
    head.compile(model, options)
    return model, head, []


def _mutated(
    model: keras.Model, head: Head, payload: Mapping[str, Any], options: TrainingOptions
) -> tuple[keras.Model, list[Transform]]:
    """Return a compiled model after its mutations, and what they were."""
    transforms: list[Transform] = []
    loss = LOSSES[head.task.kind]
    for mutation in payload.get("mutations", ()):
        drawing = TypeAdapter(Mutations).validate_python(payload["drawing"])
        rng = np.random.default_rng(mutation["seed"])
        for grown, transform in mutate(model, drawing, rng, mutation["number"]):
            if payload["inherit"] and payload["carry"]:
                optimizer = carry_optimizer(model, grown, rescaling=payload["rescaling"])
                grown.compile(optimizer=optimizer, loss=loss)
            model = grown
            transforms.append(transform)
    if transforms and not payload["inherit"]:
        model = with_new_weights(model, payload["seed"])
    if transforms and not (payload["inherit"] and payload["carry"]):
        head.compile(model, options)
    return model, transforms
