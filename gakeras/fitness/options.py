"""How a network is trained: one frozen value, not arguments threaded through functions."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

Optimizer = Literal["adam", "adamw", "nadam", "adamax", "rmsprop", "sgd", "adagrad", "adadelta", "lion"]


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class TrainingOptions:
    """The training of one network; `learning_rate=None` is Keras' default for the optimizer.

    The order of examples is drawn anew for every epoch. The last batch of an epoch is
    filled up with examples of weight zero, so that every step has one shape.
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    batch_size: Annotated[int, Field(ge=1)] = 128
    optimizer: Optimizer = "adam"
    learning_rate: Annotated[float, Field(gt=0)] | None = None
