"""How a newborn network is trained and measured, in a worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gakeras.data import StoredData, fold_indices, open_data, weights_at
from gakeras.fitness.heads import Head, read_head
from gakeras.fitness.options import Distillation, DtypePolicy, TrainingOptions
from gakeras.fitness.trainer import Trainer, seed_layers
from gakeras.graph import Channels, Graph, model_cost, read_graph, trace_channels
from gakeras.graph.costs import ModelCost
from gakeras.graph.rebuilding import data_statistics, read_weights
from gakeras.jobs import JobFailed
from gakeras.seeding import derive_seed, isolated
from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.compaction import Shrunk, masked_weights, shrink
from gakeras.synthesis.masks import Masks, count_synapses, with_whole
from gakeras.synthesis.mating import Network
from gakeras.synthesis.measures import architectural_efficiency, cluster_efficiency, sparse_bytes
from gakeras.synthesis.normalisation import renew_statistics
from gakeras.synthesis.precision import Precision, impose_precision
from gakeras.synthesis.strengths import BATCH_SIZE, NUM_BATCHES, gradient_strengths
from gakeras.synthesis.weights import hold_masks


@dataclass(frozen=True, eq=False)
class Upbringing:
    """What a training came to.

    Attributes:
        network: At its precision.
        losses: Of every epoch.
        small: The model that was trained, without the units that the network does not have.
    """

    network: Network
    losses: list[float]
    small: Shrunk


@dataclass(frozen=True, eq=False)
class Nursery:
    """A model of the family with all that its training needs.

    Attributes:
        model: With the ancestor's layers; its weights are whatever was last written.
        graph, channels: Of the model.
        head: Of the model, for these data.
        data: Memory-mapped.
        train, validation: Indices of the training examples that train, and that validate.
        distillation: How much the ancestor's answers count in a training, or None.
        answers: The file of its outputs for all training examples, where they count.
    """

    model: keras.Model
    graph: Graph
    channels: Channels
    head: Head
    data: StoredData
    train: np.ndarray
    validation: np.ndarray
    distillation: Distillation | None = None
    answers: Path | None = None

    def raise_up(
        self, network: Network, options: TrainingOptions, precision: Precision, seed: int
    ) -> Upbringing:
        """Train a network with its masks held; return it at its precision.

        It is trained without the units that it does not have: the same steps up to rounding, in
        a fraction of the time. The order of examples and dropout are derived from the seed and
        the epoch. In the end the statistics of batch normalisation are measured on training examples.

        Raises:
            JobFailed: A loss is not finite.
        """
        weights = with_zeros_alive(network)
        small = shrink(self.model, self.graph, self.channels, weights, options.dtype_policy)
        hold_masks(small.model, small.take(network.masks))
        self.head.compile(small.model, options, distillation=self.distillation)
        trainer = Trainer(small.model, options.batch_size, len(self.train), options)
        targets = self._targets()
        losses: list[float] = []
        for epoch in range(options.epochs):
            epoch_seed, rate_factor = derive_seed(seed, "epoch", epoch), options.rate_factor(epoch)
            loss = trainer.train_epoch(
                self.data.x, targets, self.train, epoch_seed, rate_factor, self.data.sample_weight
            )
            if not math.isfinite(loss):
                raise JobFailed(f"diverged: the loss is not finite in epoch {epoch}", {"losses": losses})
            losses.append(loss)
        renew_statistics(small.model, self.data.x, self.train, derive_seed(seed, "statistics"))
        trained = small.put(network.weights, read_weights(small.model))
        kernels, fixed = with_whole(self.channels, network.masks), data_statistics(small.model)
        grown = Network(impose_precision(trained, precision, kernels, fixed), network.masks)
        return Upbringing(grown, losses, small)

    def measure(
        self,
        network: Network,
        precision: Precision,
        dtype_policy: DtypePolicy = "float32",
        *,
        trained: Shrunk | None = None,
    ) -> dict[str, Any]:
        """Return everything that a history says of one network; the test set for the report alone.

        What is measured is the compacted model, whose outputs are the masked one's. It is the model that was
        `trained`, with new weights, unless training or rounding has left a unit of it with nothing to do.

        Raises:
            JobFailed: The validation loss is not finite.
        """
        weights = masked_weights(network.weights, network.masks)
        small = shrink(self.model, self.graph, self.channels, weights, dtype_policy, earlier=trained)
        if trained is None or small.model is not trained.model:
            self.head.compile(small.model, TrainingOptions())
        trainer = Trainer(small.model, 128, len(self.validation))
        measures: dict[str, Any] = self.head.scores(
            self.data.y[self.validation], trainer.predict(self.data.x, self.validation), "val"
        )
        if not math.isfinite(measures["val_loss"]):
            raise JobFailed("diverged: the validation loss is not finite after training")
        if self.data.x_test is not None and self.data.y_test is not None:
            outputs = trainer.predict(self.data.x_test, np.arange(len(self.data.x_test)))
            tested = self.head.scores(self.data.y_test, outputs, "test")
            measures |= {name: value if math.isfinite(value) else None for name, value in tested.items()}
        return measures | self._size(network.masks, model_cost(small.model), precision)

    def weighed(self, network: Network, seed: int) -> Network:
        """Return a network with the strengths that the loss on the training part gives its synapses."""
        small = shrink(self.model, self.graph, self.channels, with_zeros_alive(network))
        for variable in small.model.trainable_variables:
            variable.constraint = None  # what a step takes from a weight is to be the gradient alone
        chosen = np.random.default_rng(seed).permutation(self.train)[: NUM_BATCHES * BATCH_SIZE]
        seed_layers(small.model, seed)
        with isolated(seed):
            strengths = gradient_strengths(
                small.model,
                self.head,
                self.data.x[chosen],
                self.data.y[chosen],
                list(network.masks),
                weights_at(self.data.sample_weight, chosen),
            )
        zeros = {name: np.zeros(mask.shape, np.float32) for name, mask in network.masks.items()}
        return Network(network.weights, network.masks, small.put(zeros, strengths))

    def answer(self) -> np.ndarray:
        """Return the outputs of the model as it is for all training examples, (n, outputs)."""
        self.head.compile(self.model, TrainingOptions())
        trainer = Trainer(self.model, 128, len(self.data.x))
        return trainer.predict(self.data.x, np.arange(len(self.data.x)))

    def _targets(self) -> np.ndarray:
        if self.distillation is None or self.answers is None:
            return self.data.y
        answers = np.load(self.answers, allow_pickle=False)
        return self.head.distilled(self.data.y, answers, self.distillation)

    def _size(self, masks: Masks, cost: ModelCost, precision: Precision) -> dict[str, Any]:
        whole = with_whole(self.channels, masks)
        return {
            "synapses": count_synapses(whole),
            "efficiency": architectural_efficiency(whole),
            "clusters": {
                kind: cluster_efficiency(form_clusters(self.channels, kind), masks)
                for kind in ("filter", "kernel")
            },
            "parameters": cost.parameters,
            "multiply_accumulates": cost.multiply_accumulates,
            "flops": cost.flops,
            "sparse_bytes": sparse_bytes(whole, precision),
        }


def with_zeros_alive(network: Network) -> dict[str, np.ndarray]:
    """Return masked weights in which a living synapse that happens to be 0 has the smallest weight there is.

    So a unit stays that has no other: training may still make something of it.
    """
    weights = masked_weights(network.weights, network.masks)
    for name, mask in network.masks.items():
        array = weights[name]
        weights[name] = np.where(mask & (array == 0), np.finfo(array.dtype).tiny, array)
    return weights


def open_nursery(model: keras.Model, payload: Mapping[str, Any]) -> Nursery:
    """Return the nursery of a model for the data that a job names.

    Raises:
        InputError: for a model that is not built or has a layer that cannot be followed, and
            for data that do not fit it.
    """
    data = open_data(Path(payload["data_dir"]))
    graph = read_graph(model)
    channels = trace_channels(graph)
    head = read_head(model, graph, data.info.task, data.info.input_shape)
    train, validation = fold_indices(np.load(payload["folds_file"], allow_pickle=False), 0)
    lesson = payload.get("distillation")
    distillation = None if lesson is None else Distillation(**lesson)
    answers = None if lesson is None else Path(payload["answers"])
    return Nursery(model, graph, channels, head, data, train, validation, distillation, answers)
