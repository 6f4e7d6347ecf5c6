"""How a network is trained: one frozen value, not arguments threaded through functions."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Annotated, Any, Literal, Protocol

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from gakeras.encoding import Genome
from gakeras.encoding.learning import Optimizer, Schedule
from gakeras.errors import InputError
from gakeras.fitness.keras_objects import OptimizerChoice

__all__ = [
    "Distillation",
    "DtypePolicy",
    "Optimizer",
    "Schedule",
    "TrainingOptions",
    "check_varied",
    "training_as_done",
    "training_of",
    "varies",
]

DtypePolicy = Literal["float32", "mixed_float16", "mixed_bfloat16", "auto"]
"""Keras' own, and `"auto"`: that of each network of a search (see `gakeras.fitness.precision`)."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingOptions:
    """The training of one network; `learning_rate=None` is the optimizer's own, or Keras' default.

    The order of examples is drawn anew for every epoch. The last batch of an epoch is
    filled up with examples of weight zero, so that every step has one shape. With
    `schedule="cosine"` the learning rate falls along half a cosine, epoch by epoch, over all
    `epochs`, also where only some of them are run.

    Images can be varied anew in every epoch: moved by up to `shift` of their height and width,
    cropped around their middle by up to `crop` and stretched again, with `flip` turned left to
    right half of the time, and half of the time made zero in a rectangle of up to `erase` of their
    height and width (Zhong, Zheng, Kang, Li and Yang, *Random Erasing Data Augmentation*, 2017).

    `dtype_policy` is Keras' own: with a mixed one layers compute in half precision, on float32
    weights. The scaling of the data and the output layer stay float32. A saved model computes
    as it was trained. In a search `"auto"` is bfloat16 where a worker that has timed it trains faster by
    it, and float32 for every network of less than ten million multiply-accumulates, which is not timed.
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    batch_size: Annotated[int, Field(ge=1)] = 128
    optimizer: OptimizerChoice = "adam"
    learning_rate: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    schedule: Schedule = "constant"
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.0
    crop: Annotated[float, Field(ge=0, lt=1)] = 0.0
    flip: bool = False
    erase: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dtype_policy: DtypePolicy = "float32"

    def rate_factor(self, epoch: int) -> float | None:
        """Return what the learning rate is multiplied with in an epoch, counted from 0; None for constant.

        >>> [round(TrainingOptions(epochs=4, schedule="cosine").rate_factor(e), 3) for e in range(4)]
        [1.0, 0.854, 0.5, 0.146]
        """
        if self.schedule == "constant":
            return None
        return (1 + math.cos(math.pi * epoch / self.epochs)) / 2


class Varying(Protocol):
    """Options that say how images are varied in training."""

    @property
    def shift(self) -> float: ...

    @property
    def crop(self) -> float: ...

    @property
    def flip(self) -> bool: ...

    @property
    def erase(self) -> float: ...


def varies(options: Varying) -> bool:
    """Tell whether images are varied at all."""
    return bool(options.shift or options.crop or options.flip or options.erase)


def check_varied(options: Varying, input_shape: tuple[int, ...]) -> None:
    """Raise `InputError` where examples are to be varied that are no images.

    >>> check_varied(TrainingOptions(flip=True), (28, 28))
    """
    if varies(options) and len(input_shape) not in (2, 3):
        raise InputError(
            "Only images can be varied.",
            expected="examples of shape (height, width) or (height, width, channels)",
            received=f"examples of shape {input_shape}, shift={options.shift}, crop={options.crop}, "
            f"flip={options.flip}, erase={options.erase}",
            way_out="Leave shift, crop and erase at 0, and flip at false.",
        )


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Distillation:
    """How much the ancestor's answers count in the training of its descendants.

    The loss of an example is (1 - share) H(label, p) + share T^2 H(q_T, p_T): H is the cross
    entropy, p the network's probabilities, q the ancestor's, and r_T is proportional to
    r^(1/T) (Hinton, Vinyals and Dean, *Distilling the Knowledge in a Neural Network*, 2015,
    section 2). The ancestor answers once, for all training examples.

    Attributes:
        share: Of the ancestor's answers in the loss.
        temperature: T; more looks more at how likely wrong classes are.
    """

    share: Annotated[float, Field(gt=0, le=1)] = 0.7
    temperature: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 2.0


def training_of(genome: Genome, options: TrainingOptions) -> TrainingOptions:
    """Return how a genome's network is trained: as its genes of learning say, and for the rest as the run's.

    >>> genome = Genome.parse("dense #4 activation=relu\\nlearning optimizer=sgd learningrate=0.1")
    >>> training_of(genome, TrainingOptions(epochs=3)).optimizer
    'sgd'
    """
    genes = [learning.genes for learning in genome.learning]
    own = {name: value for values in genes for name, value in values.items() if name in _OPTIONS}
    if "optimizer" in own and "learning_rate" not in own:
        own["learning_rate"] = None  # the run's rate belongs to its optimizer
    return replace(options, **own)


def training_as_done(key: Mapping[str, Any], genome: Genome | None) -> dict[str, object]:
    """Return how a final training was done, by its key in the journal: with the genes, and what else it was.

    Without the genome, which a baseline has in the config, the options are those of all.
    """
    own = dict(key["training"])
    if genome is not None and genome.learning:
        own = asdict(training_of(genome, TrainingOptions(**own)))
    others = ("stop_after", "validation_share", "callbacks")
    return own | {name: key[name] for name in others if key.get(name)}


_OPTIONS = ("optimizer", "learning_rate", "batch_size", "schedule", "shift", "crop", "flip", "erase")
