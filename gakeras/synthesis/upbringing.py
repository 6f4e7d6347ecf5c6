"""How a newborn network is trained and measured, in a worker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gakeras.data import StoredData, fold_indices, open_data
from gakeras.fitness.heads import Head, read_head
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Trainer
from gakeras.graph import Channels, Graph, model_cost, read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.jobs import JobFailed
from gakeras.seeding import derive_seed
from gakeras.synthesis.clusters import form_clusters
from gakeras.synthesis.compaction import compact
from gakeras.synthesis.masks import Masks, count_synapses
from gakeras.synthesis.mating import Network
from gakeras.synthesis.measures import architectural_efficiency, cluster_efficiency, sparse_bytes
from gakeras.synthesis.precision import Precision, impose_precision
from gakeras.synthesis.weights import hold_masks


@dataclass(frozen=True, eq=False)
class Nursery:
    """A model of the family with all that its training needs.

    Attributes:
        model: With the ancestor's layers; its weights are whatever was last written.
        graph, channels: Of the model.
        head: Of the model, for these data.
        data: Memory-mapped.
        train, validation: Indices of the training examples that train, and that validate.
    """

    model: keras.Model
    graph: Graph
    channels: Channels
    head: Head
    data: StoredData
    train: np.ndarray
    validation: np.ndarray

    def raise_up(
        self, network: Network, options: TrainingOptions, precision: Precision, seed: int
    ) -> tuple[Network, list[float]]:
        """Train a network with its masks held; return it at its precision, and the loss of every epoch.

        The order of examples and dropout are derived from the seed and the epoch.

        Raises:
            JobFailed: A loss is not finite.
        """
        write_weights(self.model, network.weights)
        hold_masks(self.model, network.masks)
        self.head.compile(self.model, options)
        trainer = Trainer(self.model, options.batch_size, len(self.train))
        losses: list[float] = []
        for epoch in range(options.epochs):
            epoch_seed, rate_factor = derive_seed(seed, "epoch", epoch), options.rate_factor(epoch)
            loss = trainer.train_epoch(self.data.x, self.data.y, self.train, epoch_seed, rate_factor)
            if not math.isfinite(loss):
                raise JobFailed(f"diverged: the loss is not finite in epoch {epoch}", {"losses": losses})
            losses.append(loss)
        trained = impose_precision(read_weights(self.model), precision, self.channels.kernels)
        return Network(trained, network.masks), losses

    def measure(self, network: Network, precision: Precision) -> dict[str, Any]:
        """Return everything that a history says of one network; the test set for the report alone.

        Raises:
            JobFailed: The validation loss is not finite.
        """
        write_weights(self.model, network.weights)
        if not self.model.compiled:
            self.head.compile(self.model, TrainingOptions())
        trainer = Trainer(self.model, 128, len(self.validation))
        measures: dict[str, Any] = self.head.scores(
            self.data.y[self.validation], trainer.predict(self.data.x, self.validation), "val"
        )
        if not math.isfinite(measures["val_loss"]):
            raise JobFailed("diverged: the validation loss is not finite after training")
        if self.data.x_test is not None and self.data.y_test is not None:
            outputs = trainer.predict(self.data.x_test, np.arange(len(self.data.x_test)))
            tested = self.head.scores(self.data.y_test, outputs, "test")
            measures |= {name: value if math.isfinite(value) else None for name, value in tested.items()}
        return measures | self._size(network.masks, precision)

    def _size(self, masks: Masks, precision: Precision) -> dict[str, Any]:
        cost = model_cost(compact(self.model, masks))
        return {
            "synapses": count_synapses(masks),
            "efficiency": architectural_efficiency(masks),
            "clusters": {
                kind: cluster_efficiency(form_clusters(self.channels, kind), masks)
                for kind in ("filter", "kernel")
            },
            "parameters": cost.parameters,
            "multiply_accumulates": cost.multiply_accumulates,
            "flops": cost.flops,
            "sparse_bytes": sparse_bytes(masks, precision),
        }


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
    return Nursery(model, graph, channels, head, data, train, validation)
