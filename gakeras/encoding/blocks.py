"""The blocks a genome is made of: what each does to a shape, what it costs, which Keras layers it becomes.

A convolution, a pool or a dense layer is one layer of Vidnerova and Neruda's encoding (2018,
section 3.1), with its activation and dropout. Batch normalisation (Ioffe and Szegedy 2015),
separable convolutions (Chollet 2017), skips (He et al. 2016) and Inception modules are additions
to it: each is a flag or a block of its own, and off by default.

The `lineage_id` of a block says whose descendant it is (see `gakeras.encoding.lineage`); it is no part of
the architecture: equal blocks may have different ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

from gakeras.encoding.checks import check_at_least_one, check_choices, check_dropout, check_flags
from gakeras.encoding.inception import Inception
from gakeras.encoding.layers import (
    Activation,
    Cost,
    Padding,
    Shape,
    conv_cost,
    dense_cost,
    dropout_layers,
    norm_cost,
    norm_layers,
    pool_cost,
    separable_cost,
    skip_cost,
)
from gakeras.errors import InputError

if TYPE_CHECKING:
    import keras

__all__ = [
    "BLOCK_KINDS",
    "Activation",
    "Block",
    "Conv",
    "ConvBlock",
    "Cost",
    "Dense",
    "GlobalPool",
    "Inception",
    "MaxPool",
    "Padding",
    "Shape",
    "dense_cost",
]


@dataclass(frozen=True, slots=True)
class Conv:
    """A two-dimensional convolution with a square kernel and stride 1, then its activation and dropout.

    With `normalise` there is batch normalisation between it and the activation, and no bias. A
    `separable` one looks at each channel by itself and then mixes them. With `residual`, which
    needs `same` padding, the block's input is added to its output, through a 1x1 convolution
    where the channels differ.
    """

    kind: ClassVar[str] = "conv"

    filters: int
    kernel_size: int
    activation: Activation
    padding: Padding = "same"
    dropout: float = 0.0
    normalise: bool = False
    separable: bool = False
    residual: bool = False
    lineage_id: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_at_least_one("Conv", filters=self.filters, kernel_size=self.kernel_size)
        check_choices("Conv", activation=self.activation, padding=self.padding)
        check_dropout("Conv", self.dropout)
        check_flags("Conv", normalise=self.normalise, separable=self.separable, residual=self.residual)
        if self.residual and self.padding != "same":
            raise InputError(
                "A residual convolution keeps the height and width, to which its input is added.",
                expected="padding='same' where residual=True",
                received=f"padding={self.padding!r}, residual=True",
            )

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block, or None where a `valid` kernel does not fit."""
        height, width, _ = shape
        if self.padding == "valid":
            height, width = height - self.kernel_size + 1, width - self.kernel_size + 1
        return (height, width, self.filters) if min(height, width) >= 1 else None

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on an input of this shape, which it must fit."""
        output = _fitting(self, shape)
        count = separable_cost if self.separable else conv_cost
        total = count(shape[-1], output, self.kernel_size, bias=not self.normalise)
        total += norm_cost(output) if self.normalise else Cost()
        return total + (skip_cost(shape, output) if self.residual else Cost())

    def layers(self, name: str, shape: Shape) -> list[keras.Layer]:
        """Return new Keras layers for an input of this shape, named after `name`, without the skip."""
        from keras import layers

        kind = layers.SeparableConv2D if self.separable else layers.Conv2D
        conv = kind(
            self.filters,
            self.kernel_size,
            activation=None if self.normalise else self.activation,
            padding=self.padding,
            use_bias=not self.normalise,
            name=name,
        )
        norm = norm_layers(self.activation, name) if self.normalise else []
        return [conv, *norm, *dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        text = f"conv #{self.filters} kernelsize={self.kernel_size} activation={self.activation}"
        return text + _non_default(self, "padding", "dropout", "normalise", "separable", "residual")


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max-pooling over square windows that do not overlap: floor (`valid`) or ceiling (`same`) at the border.

    The dropout after it is for hand-made networks; search spaces leave it at zero.
    """

    kind: ClassVar[str] = "pool"

    pool_size: int
    padding: Padding = "valid"
    dropout: float = 0.0
    lineage_id: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_at_least_one("MaxPool", pool_size=self.pool_size)
        check_choices("MaxPool", padding=self.padding)
        check_dropout("MaxPool", self.dropout)

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block, or None where a `valid` window does not fit."""
        height, width, channels = shape
        if self.padding == "same":
            return math.ceil(height / self.pool_size), math.ceil(width / self.pool_size), channels
        height, width = height // self.pool_size, width // self.pool_size
        return (height, width, channels) if min(height, width) >= 1 else None

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on an input of this shape, which it must fit."""
        return pool_cost(_fitting(self, shape), self.pool_size)

    def layers(self, name: str, shape: Shape) -> list[keras.Layer]:
        """Return new Keras layers, named after `name`."""
        from keras import layers

        pool = layers.MaxPooling2D(self.pool_size, padding=self.padding, name=name)
        return [pool, *dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        return f"pool poolsize={self.pool_size}" + _non_default(self, "padding", "dropout")


@dataclass(frozen=True, slots=True)
class GlobalPool:
    """The mean over all places of each channel, in place of a vector of all places and channels."""

    kind: ClassVar[str] = "globalpool"

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block, which fits every image."""
        return shape[-1:]

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on an input of this shape."""
        return Cost(flops=math.prod(shape))

    def layers(self, name: str, shape: Shape) -> list[keras.Layer]:
        """Return one new Keras layer."""
        from keras import layers

        return [layers.GlobalAveragePooling2D(name=name)]

    def __str__(self) -> str:
        return "globalpool"


@dataclass(frozen=True, slots=True)
class Dense:
    """A fully connected layer, then its activation and dropout.

    With `normalise` there is batch normalisation between it and the activation, and no bias.
    """

    kind: ClassVar[str] = "dense"

    units: int
    activation: Activation
    dropout: float = 0.0
    normalise: bool = False
    lineage_id: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_at_least_one("Dense", units=self.units)
        check_choices("Dense", activation=self.activation)
        check_dropout("Dense", self.dropout)
        check_flags("Dense", normalise=self.normalise)

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block; a dense layer fits every vector."""
        return (self.units,)

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on a vector of this shape."""
        total = dense_cost(shape[0], self.units, bias=not self.normalise)
        return total + (norm_cost((self.units,)) if self.normalise else Cost())

    def layers(self, name: str, shape: Shape) -> list[keras.Layer]:
        """Return new Keras layers, named after `name`."""
        from keras import layers

        activation = None if self.normalise else self.activation
        dense = layers.Dense(self.units, activation=activation, use_bias=not self.normalise, name=name)
        norm = norm_layers(self.activation, name) if self.normalise else []
        return [dense, *norm, *dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        text = f"dense #{self.units} dropout={self.dropout} activation={self.activation}"
        return text + _non_default(self, "normalise")


ConvBlock = Conv | MaxPool | Inception
Block = Conv | MaxPool | Inception | GlobalPool | Dense
BLOCK_KINDS: dict[str, type[Block]] = {
    block.kind: block for block in (Conv, MaxPool, Dense, Inception, GlobalPool)
}


def _fitting(block: Conv | MaxPool, shape: Shape) -> Shape:
    output = block.output_shape(shape)
    if output is None:
        raise InputError(
            "A block's window must fit its input.",
            expected=f"an input of at least the window's size for [{block}]",
            received=f"shape={shape}",
            way_out="Use `gakeras.encoding.repair`, or `same` padding.",
        )
    return output


def _non_default(block: Block, *names: str) -> str:
    """Return what is not at its default as text: a flag as a word, anything else as `name=value`."""
    defaults = {name: field.default for name, field in type(block).__dataclass_fields__.items()}
    values = {name: getattr(block, name) for name in names}
    changed = {name: value for name, value in values.items() if value != defaults[name]}
    return "".join(f" {name}" if value is True else f" {name}={value}" for name, value in changed.items())
