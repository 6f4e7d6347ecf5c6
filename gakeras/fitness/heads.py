"""What a model's output says about the classes, and how it is scored against them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from gakeras.data import Task
from gakeras.errors import InputError
from gakeras.fitness.distillation import DistilledLoss, distilled_targets
from gakeras.fitness.network import LOSSES, METRICS, new_optimizer, score
from gakeras.fitness.options import Distillation, TrainingOptions
from gakeras.graph import Graph, Node

_PROBABILITIES = ("softmax", "sigmoid")
_LOGITS = ("linear", None)


@dataclass(frozen=True)
class Head:
    """The end of a classifier.

    Attributes:
        task: The targets as the output needs them: two classes are `binary` for one unit and
            `multiclass` for two.
        is_logits: Whether the output has no softmax or sigmoid, so that the loss has to apply it.
    """

    task: Task
    is_logits: bool

    def compile(
        self,
        model: keras.Model,
        options: TrainingOptions,
        *,
        with_metrics: bool = False,
        distillation: Distillation | None = None,
    ) -> None:
        """Compile a model with the loss of its head and a new optimizer; metrics slow training down.

        In float16 the loss is scaled, so that small gradients do not become 0. Keras does so itself
        where the policy is the model's own, and not where its layers have it each.
        """
        optimizer = new_optimizer(options)
        if options.dtype_policy == "mixed_float16":
            optimizer = keras.optimizers.LossScaleOptimizer(optimizer)
        if distillation is not None:
            model.compile(optimizer, DistilledLoss(distillation, self.is_logits))
            return
        loss: Any = LOSSES[self.task.kind]
        metric: Any = METRICS[self.task.kind]
        if self.is_logits:
            loss = getattr(keras.losses, _CLASSES[self.task.kind])(from_logits=True)
            metric = keras.metrics.BinaryAccuracy(threshold=0.0) if self.task.kind == "binary" else metric
        model.compile(optimizer=optimizer, loss=loss, metrics=[metric] if with_metrics else [])

    def scores(self, y: np.ndarray, outputs: np.ndarray, name: str) -> dict[str, float]:
        """Return loss, accuracy, macro precision and macro recall, each name beginning with `name`.

        A class that is never predicted has the precision 0.
        """
        from sklearn.metrics import precision_recall_fscore_support

        chances = self._chances(outputs)
        loss, accuracy = score(self.task, y, chances)
        precision, recall, _, _ = precision_recall_fscore_support(
            _labels(y), _predicted(chances), average="macro", zero_division=0
        )
        values = {"loss": loss, "accuracy": accuracy, "precision": float(precision), "recall": float(recall)}
        return {f"{name}_{key}": value for key, value in values.items()}

    def distilled(self, y: np.ndarray, outputs: np.ndarray, distillation: Distillation) -> np.ndarray:
        """Return what distillation learns from, float32 (n, 2 classes): labels and the ancestor's outputs."""
        chances = self._chances(outputs)
        columns = np.hstack([1 - chances, chances]) if chances.shape[1] == 1 else chances
        return distilled_targets(_labels(y).astype(int), columns, distillation)

    def _chances(self, outputs: np.ndarray) -> np.ndarray:
        if not self.is_logits:
            return outputs
        if self.task.kind == "binary":
            return np.asarray(0.5 * (1.0 + np.tanh(0.5 * outputs)))
        powers = np.exp(outputs - outputs.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True))


def read_head(model: keras.Model, graph: Graph, task: Task, input_shape: tuple[int, ...]) -> Head:
    """Return the head of a model for a data set.

    Args:
        model: Built, with one input and one output.
        graph: Of the model.
        task: Of the data.
        input_shape: Of one example.

    Raises:
        InputError: for targets that are no classes or not as many as the model's outputs, for
            examples of another shape, and for an output that is neither probabilities, nor means of
            some, nor logits.
    """
    if not task.is_classification:
        raise InputError(
            "Networks are judged by their accuracy as classifiers.",
            expected="class labels",
            received="real-valued targets",
            way_out="Number the classes from 0, as whole numbers.",
        )
    if len(model.inputs) != 1 or len(model.outputs) != 1 or len(model.output_shape) != 2:
        raise InputError(
            "The network takes an example and answers with one number for each class.",
            expected="a model with one input, and one output of shape (batch, classes)",
            received=f"{len(model.inputs)} inputs, outputs of shape {model.output_shape}",
        )
    _check_examples(model, input_shape)
    units, activation = int(model.output_shape[-1]), last_activation(graph)
    fitting = Task("multiclass", 2) if task.kind == "binary" and units == 2 else task
    if units != fitting.outputs:
        classes = max(fitting.outputs, 2)
        raise InputError(
            "The labels must fit the model's output.",
            expected=f"labels 0..{max(units, 2) - 1}, for an output of {units} unit{'s' * (units > 1)}",
            received=f"{classes} classes",
            way_out="Use the data that the model was made for, or give it another output layer.",
        )
    if activation not in (*_PROBABILITIES, *_LOGITS):
        raise InputError(
            "The output must say how likely each class is.",
            expected="softmax or sigmoid at the end, a mean of several such, or nothing (logits)",
            received=f"the activation {activation!r}",
        )
    return Head(fitting, activation in _LOGITS)


def _check_examples(model: keras.Model, input_shape: tuple[int, ...]) -> None:
    wanted = tuple(model.input_shape[1:])
    if None in wanted:
        raise InputError(
            "A network's operations can be counted where its input has one size.",
            expected=f"an Input of a shape like {tuple(input_shape)}",
            received=f"the input shape {wanted}",
            way_out="Build the model for one input size; the weights of a convolutional one fit any.",
        )
    if wanted in (tuple(input_shape), (*input_shape, 1)):  # Keras adds an axis of one channel itself
        return
    raise InputError(
        "The examples must fit the model's input.",
        expected=f"examples of shape {wanted}",
        received=f"examples of shape {tuple(input_shape)}",
    )


def last_activation(graph: Graph) -> str | None:
    """Return the activation of the output, or of what only gives it another shape; None for none.

    A mean of probabilities is of their kind: what an ensemble says, by an `Average` or by an `Add` of
    outputs that are scaled by shares of 1, and a mean over the places of an image.

    Raises:
        InputError: for probabilities, and nothing else, that are put together in another way.
    """
    nodes = {node.name: node for node in graph.nodes}
    end = nodes[graph.outputs[0]]
    while end.kind in _KEEPS_VALUES and len(end.inputs) == 1:
        end = nodes[end.inputs[0]]
    terms = list(_terms(end, nodes))
    found, shares = {activation for activation, _ in terms}, [share for _, share in terms]
    if not found <= set(_PROBABILITIES):  # what is added to logits leaves them logits
        return _activation(end)
    if len(found) == 1 and min(shares) >= 0 and math.isclose(sum(shares), 1, rel_tol=1e-6):
        return found.pop()
    raise InputError(
        "Probabilities that are put together must be averaged, to say again how likely each class is.",
        expected="an Average, or an Add of Rescaling layers whose scales sum to 1, of outputs of one kind",
        received=f"{end.kind} of {' and '.join(kind for kind in _PROBABILITIES if kind in found)}",
        way_out="Join networks with `gakeras.morphism.ensembles.mean_ensemble`.",
    )


def _terms(node: Node, nodes: Mapping[str, Node], share: float = 1.0) -> Iterator[tuple[str | None, float]]:
    """Yield the activation and the share of everything that a node's values are the sum of.

    What is put together in another way, the factors of a product say, has the share NaN.
    """
    if node.kind == "Rescaling":
        share *= _scale(node)
    elif node.kind == "Average":
        share /= len(node.inputs)
    elif node.kind in _NO_SUMS:
        share = math.nan
    elif node.kind not in _SUMS and not (node.kind == "Activation" and _activation(node) == "linear"):
        yield _activation(node), share
        return
    for source in node.inputs:
        yield from _terms(nodes[source], nodes, share)


def _scale(node: Node) -> float:
    scale, offset = node.config["scale"], node.config["offset"]
    return float(scale) if isinstance(scale, int | float) and offset == 0 else math.nan


def _activation(node: Node) -> str | None:
    if node.kind == "Softmax":
        return "softmax"
    activation = node.config.get("activation")
    return activation if isinstance(activation, str) or activation is None else str(activation)


def _labels(y: np.ndarray) -> np.ndarray:
    return y.argmax(axis=1) if y.ndim == 2 and y.shape[1] > 1 else y.reshape(-1)


def _predicted(chances: np.ndarray) -> np.ndarray:
    if chances.shape[1] == 1:
        return np.asarray(chances[:, 0] > 0.5).astype(int)
    return np.asarray(chances.argmax(axis=1))


_KEEPS_VALUES = {"Flatten", "Reshape", "Permute", "Identity", "Dropout", "ActivityRegularization"}
"""Layers that answer with the values they are given."""

_SUMS = _KEEPS_VALUES | {"Add"} | {f"GlobalAveragePooling{rank}D" for rank in (1, 2, 3)}
"""Those, and layers that answer with sums or, of each channel, with a mean of them."""

_NO_SUMS = {"Subtract", "Multiply", "Maximum", "Minimum", "Concatenate", "Dot"}
"""Layers that put values together in another way."""

_CLASSES = {
    "multiclass": "SparseCategoricalCrossentropy",
    "one_hot": "CategoricalCrossentropy",
    "binary": "BinaryCrossentropy",
}
