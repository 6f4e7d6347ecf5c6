"""Trains one compiled model again and again, each time as if it were new, without tracing it again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np

from gakeras.durable import put_in_place
from gakeras.fitness.augmentation import Augment, new_augmentation
from gakeras.fitness.options import TrainingOptions
from gakeras.seeding import derive_seed

_TRAIN_ON_BATCH_RESETS = tuple(map(int, keras.__version__.split(".")[:2])) >= (3, 15)
"""Before Keras 3.15 the loss that `train_on_batch` reports is a running mean."""

_KERNELS = {
    "kernel": "kernel_initializer",
    "depthwise_kernel": "depthwise_initializer",
    "pointwise_kernel": "pointwise_initializer",
}
"""The arrays of a layer that a seed draws, and the initializer of each."""

_PREDICT_VALUES = 2**20
"""Examples are predicted in batches of about so many input values, in at most 512 examples."""

_AUGMENTED_AT_ONCE = 2048


class Step(NamedTuple):
    """One step of an optimizer.

    Attributes:
        indices: Of the examples.
        rate_factor: What the learning rate is multiplied with; None leaves it as it is.
        weights: Of the examples in the loss; None for all alike.
    """

    indices: np.ndarray
    rate_factor: float | None = None
    weights: np.ndarray | None = None


class Trainer:
    """A compiled model with the power to forget.

    `reset` gives it fresh weights and a fresh optimizer, all derived from a seed;
    `train_epoch` derives the order of examples and the dropout from another. So what a
    training does depends on its seeds alone: neither on what the model was trained on
    before, nor on how the training is cut into pieces. That holds for models inside the model
    too. Batch normalisation sees the examples that fill up a batch, which have no weight in the loss.

    Args:
        model: Compiled, with a loss and no metrics.
        batch_size: Examples a step.
        max_examples: The most examples any training will have: every epoch has as many
            steps as these need, and every batch one shape, so nothing is traced or
            compiled twice.
        variation: How images are varied (`shift`, `crop` and `flip`); None for not at all.
    """

    def __init__(
        self,
        model: keras.Model,
        batch_size: int,
        max_examples: int,
        variation: TrainingOptions | None = None,
    ) -> None:
        self.model, self.variation = model, variation or TrainingOptions()
        self.batch_size = min(batch_size, max_examples)
        self.num_steps = math.ceil(max_examples / self.batch_size)
        self.predict_size = max(batch_size, min(512, _PREDICT_VALUES // math.prod(model.input_shape[1:])))
        model.optimizer.build(model.trainable_variables)
        self._learning_rate = float(model.optimizer.learning_rate)
        self._initial = [keras.ops.convert_to_numpy(variable) for variable in self._variables()]

    def reset(self, seed: int) -> None:
        """Draw new initial weights by the layers' own initializers and forget all training."""
        for variable, value in zip(self._variables(), self._initial, strict=True):
            variable.assign(value)
        for place, layer in _layers(self.model):
            for kernel, initializer in _KERNELS.items():
                if hasattr(layer, initializer):
                    drawn = _seeded(getattr(layer, initializer), derive_seed(seed, kernel, *place))
                    variable = getattr(layer, kernel)
                    variable.assign(drawn(variable.shape, dtype=variable.dtype))

    def train_epoch(
        self,
        x: np.ndarray,
        y: np.ndarray,
        indices: np.ndarray,
        seed: int,
        rate_factor: float | None = None,
        weights: np.ndarray | None = None,
        callbacks: keras.callbacks.CallbackList | None = None,
    ) -> float:
        """Train for one epoch on the examples at `indices`; return the mean loss meanwhile.

        With `weights`, of all examples, shape (n,), it is the weighted mean: those at `indices` are
        scaled to the mean 1, so that multiples of them are the same. `callbacks` are told of every
        batch, and may end the epoch by `model.stop_training`.

        The learning rate is `rate_factor` times the one the model was compiled with; without
        one it stays as it is.
        """
        order = np.random.default_rng(seed).permutation(indices)
        batches = list(_batches(order, self.batch_size, self.num_steps))
        # so that the loss is the mean over the real examples
        counts = [is_real / is_real.mean() for _, is_real in batches]
        if weights is not None:
            mean = np.mean(weights[indices], dtype=np.float64)
            counts = [
                count * (np.asarray(weights[batch]) / mean)
                for count, (batch, _) in zip(counts, batches, strict=True)
            ]
        steps = (Step(batch, rate_factor, count) for (batch, _), count in zip(batches, counts, strict=True))
        losses = self.train_steps(x, y, steps, seed)
        total = num_seen = 0.0
        for number, (_, is_real) in enumerate(batches):
            if callbacks is not None:
                callbacks.on_train_batch_begin(number)
            loss = next(losses)
            total, num_seen = total + loss * float(is_real.sum()), num_seen + float(is_real.sum())
            if callbacks is not None:
                callbacks.on_train_batch_end(number, {"loss": loss})
                if self.model.stop_training:
                    break
        return total / num_seen

    def train_steps(self, x: np.ndarray, y: np.ndarray, steps: Iterable[Step], seed: int) -> Iterator[float]:
        """Train step by step, and yield each loss; images are varied as in an epoch.

        All steps have as many examples, so that nothing is traced twice. The seed is that of dropout and
        of the variation.
        """
        seed_layers(self.model, seed)
        augment = new_augmentation(self.variation, x.shape[1:], seed)
        for step, examples in _with_examples(x, steps, augment):
            if step.rate_factor is not None:
                self.model.optimizer.learning_rate = self._learning_rate * step.rate_factor
            yield self._step(examples, np.asarray(y[step.indices]), step.weights)

    def restore_rate(self) -> None:
        """Give the optimizer the rate again that the model was compiled with; steps leave theirs behind."""
        self.model.optimizer.learning_rate = self._learning_rate

    def predict(self, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
        """Return the outputs for the examples at `indices`, without dropout, shape (n, outputs)."""
        num_steps = math.ceil(len(indices) / self.predict_size)
        batches = _batches(indices, self.predict_size, num_steps)
        outputs = [np.asarray(self.model.predict_on_batch(np.asarray(x[batch]))) for batch, _ in batches]
        return np.concatenate(outputs)[: len(indices)]

    def save_state(self, path: Path) -> None:
        """Write weights and optimizer state, whole or not at all."""
        arrays = {str(i): keras.ops.convert_to_numpy(v) for i, v in enumerate(self._variables())}
        temporary = path.with_name(f".{path.name}.tmp.npz")
        np.savez(temporary, **arrays)
        put_in_place(temporary, path)

    def load_state(self, path: Path) -> None:
        """Read what `save_state` wrote."""
        with np.load(path, allow_pickle=False) as arrays:
            for index, variable in enumerate(self._variables()):
                variable.assign(arrays[str(index)])

    def _step(self, x: np.ndarray, y: np.ndarray, weights: np.ndarray | None = None) -> float:
        if y.ndim == 1 and self.model.output_shape[-1] == 1:
            y = y[:, None]  # or a loss that only subtracts would compare all with all
        if not _TRAIN_ON_BATCH_RESETS:
            self.model.reset_metrics()
        logs = self.model.train_on_batch(x, y, sample_weight=weights, return_dict=True)
        return float(logs["loss"])

    def _variables(self) -> list[Any]:
        return [*self.model.weights, *self.model.optimizer.variables]


def seed_layers(model: keras.Model, seed: int) -> None:
    """Seed what layers draw from: dropout, noise, and images that are varied at random."""
    for place, layer in _layers(model):
        generator = getattr(layer, "seed_generator", None) or getattr(layer, "generator", None)
        if isinstance(generator, keras.random.SeedGenerator):
            state = np.array([derive_seed(seed, "dropout", *place), 0])
            generator.state.assign(state.astype(keras.ops.convert_to_numpy(generator.state).dtype))


def _layers(model: keras.Model) -> Iterator[tuple[tuple[int, ...], keras.Layer]]:
    """Yield every layer that is no model itself with its place in the model, and in those nested in it."""
    for index, layer in enumerate(model.layers):
        if isinstance(layer, keras.Model):
            yield from (((index, *place), inner) for place, inner in _layers(layer))
        else:
            yield (index,), layer


def _seeded(initializer: Any, seed: int) -> Any:
    """Return an initializer that draws from a seed, or as it is if it does not draw."""
    config = initializer.get_config()
    return type(initializer).from_config({**config, "seed": seed} if "seed" in config else config)


def _batches(indices: np.ndarray, batch_size: int, num_steps: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield `num_steps` batches of one size, filled up with repeated examples, and 1.0 where one is real."""
    filled = np.resize(indices, num_steps * batch_size)
    is_real = (np.arange(len(filled)) < len(indices)).astype("float32")
    for start in range(0, len(filled), batch_size):
        if is_real[start]:
            yield filled[start : start + batch_size], is_real[start : start + batch_size]


def _with_examples(
    x: np.ndarray, steps: Iterable[Step], augment: Augment | None
) -> Iterator[tuple[Step, np.ndarray]]:
    """Yield each step with its examples, augmented in chunks of several steps."""
    steps = iter(steps)
    for first in steps:
        at_once = 1 if augment is None else max(1, _AUGMENTED_AT_ONCE // len(first.indices))
        chunk = [first, *itertools.islice(steps, at_once - 1)]
        examples = np.asarray(x[np.concatenate([step.indices for step in chunk])])
        if augment is not None:
            examples = augment(examples)
        yield from zip(chunk, np.split(examples, len(chunk)), strict=True)
