"""The stock layers that blocks are made of: what each costs, and how Keras builds it.

Shapes are those of a single example, channels last: `(height, width, channels)` for images
and `(features,)` for vectors.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]
Padding = Literal["same", "valid"]
Activation = Literal["relu", "leaky_relu", "elu", "tanh", "sigmoid", "hard_sigmoid", "linear"]
"""Keras 3 activation functions by name. Two differ from their namesakes of 2018:

- `leaky_relu` is the *function* `keras.activations.leaky_relu`, slope 0.2; the layer
  `keras.layers.LeakyReLU` has slope 0.3 in Keras 3.
- `hard_sigmoid` is `relu6(x + 3) / 6`, slope 1/6; that of Keras 2 was `clip(0.2 x + 0.5, 0, 1)`.
"""

NORMALISATION_MOMENTUM = 0.9
"""Of the moving statistics: they must settle in the few hundred steps of an evaluation, not in thousands."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs: trainable parameters, and operations of one forward pass of one example.

    One multiply-accumulate is two FLOPs; an added bias, each value a pooling window looks at,
    and each value that a skip adds is one; a value that batch normalisation scales and
    shifts is two. Activations, concatenations and dropout are not counted.
    """

    parameters: int = 0
    flops: int = 0

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.parameters + other.parameters, self.flops + other.flops)


def dense_cost(features: int, units: int, *, bias: bool = True) -> Cost:
    """Return the cost of a fully connected layer."""
    return Cost(parameters=(features + bias) * units, flops=(2 * features + bias) * units)


def conv_cost(channels: int, output: Shape, kernel_size: int, *, bias: bool = True) -> Cost:
    """Return the cost of a convolution with a square kernel from `channels` to an output shape."""
    height, width, filters = output
    synapses_per_filter = kernel_size**2 * channels
    return Cost(
        parameters=(synapses_per_filter + bias) * filters,
        flops=height * width * filters * (2 * synapses_per_filter + bias),
    )


def separable_cost(channels: int, output: Shape, kernel_size: int, *, bias: bool = True) -> Cost:
    """Return the cost of a depthwise convolution, one square kernel a channel, and a 1x1 one behind it."""
    height, width, _ = output
    synapses = kernel_size**2 * channels
    return Cost(synapses, 2 * synapses * height * width) + conv_cost(channels, output, 1, bias=bias)


def pool_cost(output: Shape, pool_size: int) -> Cost:
    """Return the cost of pooling over square windows."""
    return Cost(flops=math.prod(output) * pool_size**2)


def norm_cost(output: Shape) -> Cost:
    """Return the cost of batch normalisation: a scale and an offset for each channel."""
    return Cost(parameters=2 * output[-1], flops=2 * math.prod(output))


def skip_cost(shape: Shape, output: Shape) -> Cost:
    """Return the cost of adding an input to an output, through a 1x1 convolution where channels differ."""
    projection = Cost() if shape == output else conv_cost(shape[-1], output, 1)
    return projection + Cost(flops=math.prod(output))


def dropout_layers(rate: float, name: str) -> list[keras.Layer]:
    """Return the dropout behind a layer, or nothing where the rate is zero."""
    from keras import layers

    return [layers.Dropout(rate, name=f"{name}_dropout")] if rate > 0 else []


def norm_layers(activation: str, name: str) -> list[keras.Layer]:
    """Return batch normalisation and the activation behind it, which the layer itself then lacks."""
    from keras import layers

    norm = layers.BatchNormalization(momentum=NORMALISATION_MOMENTUM, name=f"{name}_norm")
    return [norm, layers.Activation(activation, name=f"{name}_activation")]
