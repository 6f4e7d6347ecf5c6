"""The blocks a genome is made of: what each does to a shape, what it costs, which Keras layers it becomes.

A block is one layer of Vidnerova and Neruda's encoding (2018, section 3.1). Shapes are
those of a single example, channels last: `(height, width, channels)` for images and
`(features,)` for vectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from gakeras.errors import InputError

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
Padding = Literal["same", "valid"]
Activation = Literal["relu", "leaky_relu", "tanh", "sigmoid", "hard_sigmoid", "linear"]
"""Keras 3 activation functions by name. Two differ from their namesakes of 2018:

- `leaky_relu` is the *function* `keras.activations.leaky_relu`, slope 0.2; the layer
  `keras.layers.LeakyReLU` has slope 0.3 in Keras 3.
- `hard_sigmoid` is `relu6(x + 3) / 6`, slope 1/6; that of Keras 2 was `clip(0.2 x + 0.5, 0, 1)`.
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs: trainable parameters, and operations of one forward pass of one example.

    One multiply-accumulate is two FLOPs; an added bias, and each value a pooling window
    looks at, is one. Activations and dropout are not counted.
    """

    parameters: int = 0
    flops: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.flops + other.flops)


@dataclass(frozen=True, slots=True)
class Conv:
    """A two-dimensional convolution with a square kernel and stride 1, then its activation and dropout."""

    kind: ClassVar[str] = "conv"

    filters: int
    kernel_size: int
    activation: Activation
    padding: Padding = "same"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_at_least_one("Conv", filters=self.filters, kernel_size=self.kernel_size)
        _check_choices("Conv", activation=self.activation, padding=self.padding)
        _check_dropout("Conv", self.dropout)

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block, or None where a `valid` kernel does not fit."""
        height, width, _ = shape
        if self.padding == "valid":
            height, width = height - self.kernel_size + 1, width - self.kernel_size + 1
        return (height, width, self.filters) if min(height, width) >= 1 else None

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on an input of this shape, which it must fit."""
        height, width, filters = _fitting(self, shape)
        synapses_per_filter = self.kernel_size**2 * shape[-1]
        return Cost(
            parameters=(synapses_per_filter + 1) * filters,
            flops=height * width * filters * (2 * synapses_per_filter + 1),
        )

    def layers(self, name: str) -> list[keras.Layer]:
        """Return new Keras layers, named after `name`."""
        from keras import layers

        conv = layers.Conv2D(
            self.filters, self.kernel_size, activation=self.activation, padding=self.padding, name=name
        )
        return [conv, *_dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        text = f"conv #{self.filters} kernelsize={self.kernel_size} activation={self.activation}"
        return text + _non_default(self, "padding", "dropout")


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Max-pooling over square windows that do not overlap: floor (`valid`) or ceiling (`same`) at the border.

    The dropout after it is for hand-made networks; search spaces leave it at zero.
    """

    kind: ClassVar[str] = "pool"

    pool_size: int
    padding: Padding = "valid"
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_at_least_one("MaxPool", pool_size=self.pool_size)
        _check_choices("MaxPool", padding=self.padding)
        _check_dropout("MaxPool", self.dropout)

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block, or None where a `valid` window does not fit."""
        height, width, channels = shape
        if self.padding == "same":
            return math.ceil(height / self.pool_size), math.ceil(width / self.pool_size), channels
        height, width = height // self.pool_size, width // self.pool_size
        return (height, width, channels) if min(height, width) >= 1 else None

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on an input of this shape, which it must fit."""
        return Cost(flops=math.prod(_fitting(self, shape)) * self.pool_size**2)

    def layers(self, name: str) -> list[keras.Layer]:
        """Return new Keras layers, named after `name`."""
        from keras import layers

        pool = layers.MaxPooling2D(self.pool_size, padding=self.padding, name=name)
        return [pool, *_dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        return f"pool poolsize={self.pool_size}" + _non_default(self, "padding", "dropout")


@dataclass(frozen=True, slots=True)
class Dense:
    """A fully connected layer, then its activation and dropout."""

    kind: ClassVar[str] = "dense"

    units: int
    activation: Activation
    dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_at_least_one("Dense", units=self.units)
        _check_choices("Dense", activation=self.activation)
        _check_dropout("Dense", self.dropout)

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block; a dense layer fits every vector."""
        return (self.units,)

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on a vector of this shape."""
        return dense_cost(shape[0], self.units)

    def layers(self, name: str) -> list[keras.Layer]:
        """Return new Keras layers, named after `name`."""
        from keras import layers

        dense = layers.Dense(self.units, activation=self.activation, name=name)
        return [dense, *_dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        return f"dense #{self.units} dropout={self.dropout} activation={self.activation}"


ConvBlock = Conv | MaxPool
Block = Conv | MaxPool | Dense
BLOCK_KINDS: dict[str, type[Block]] = {"conv": Conv, "pool": MaxPool, "dense": Dense}


def dense_cost(features: int, units: int) -> Cost:
    """Return the cost of a fully connected layer with biases."""
    return Cost(parameters=(features + 1) * units, flops=(2 * features + 1) * units)


def _dropout_layers(rate: float, name: str) -> list[keras.Layer]:
    from keras import layers

    return [layers.Dropout(rate, name=f"{name}_dropout")] if rate > 0 else []


def _fitting(block: Block, shape: Shape) -> Shape:
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
    defaults = {name: field.default for name, field in type(block).__dataclass_fields__.items()}
    values = {name: getattr(block, name) for name in names}
    return "".join(f" {name}={value}" for name, value in values.items() if value != defaults[name])


def _check_at_least_one(block: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if type(size) is not int or size < 1:  # True is an int
            raise InputError(
                f"{block} needs a positive whole `{name}`.",
                expected=f"{name} >= 1",
                received=f"{name}={size!r}",
            )


def _check_choices(block: str, **choices: str) -> None:
    known = {"activation": get_args(Activation), "padding": get_args(Padding)}
    for name, value in choices.items():
        if value not in known[name]:
            raise InputError(
                f"{block} does not know this `{name}`.",
                expected=f"one of {', '.join(known[name])}",
                received=f"{name}={value!r}",
            )


def _check_dropout(block: str, rate: float) -> None:
    if not (isinstance(rate, int | float) and 0 <= rate < 1):
        raise InputError(
            f"The `dropout` of {block} is the share of values set to zero.",
            expected="0 <= dropout < 1",
            received=f"dropout={rate!r}",
        )
