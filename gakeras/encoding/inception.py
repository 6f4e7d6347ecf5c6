"""Inception modules: windows of several sizes side by side, as a block and as a Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from gakeras.encoding.checks import check_at_least_one, check_choices, check_dropout, check_flags
from gakeras.encoding.layers import (
    NORMALISATION_MOMENTUM,
    Activation,
    Cost,
    Shape,
    conv_cost,
    dropout_layers,
    norm_cost,
    pool_cost,
    skip_cost,
)
from gakeras.errors import InputError

if TYPE_CHECKING:
    import keras

Branch = int | Literal["pool"]
"""The window of a convolution, or a 3x3 max-pooling with a 1x1 convolution behind it."""

_POOL_SIZE = 3


@dataclass(frozen=True, slots=True)
class Inception:
    """An Inception module (Szegedy et al., Going deeper with convolutions, 2015), then dropout.

    Every branch has as many filters; their channels stand side by side, are normalised or not,
    activated, and projected to `projection` channels by a 1x1 convolution, or not (0). The
    height and width are kept, so that it fits every image. With `residual` the block's input is added,
    through a 1x1 convolution where the channels differ.
    """

    kind: ClassVar[str] = "inception"

    filters: int
    activation: Activation
    branches: tuple[Branch, ...] = (1, 3, 5, "pool")
    normalise: bool = False
    projection: int = 0
    residual: bool = False
    dropout: float = 0.0
    lineage_id: str | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        check_at_least_one("Inception", filters=self.filters)
        check_choices("Inception", activation=self.activation)
        check_flags("Inception", normalise=self.normalise, residual=self.residual)
        check_dropout("Inception", self.dropout)
        if self.projection != 0 or type(self.projection) is not int:
            check_at_least_one("Inception", projection=self.projection)
        if self.branches != ordered_branches(self.branches) or not self.branches:
            raise InputError(
                "The branches of an Inception module are different windows.",
                expected="window sizes from 1 in ascending order, then perhaps 'pool', as in (1, 3, 'pool')",
                received=f"branches={self.branches!r}",
            )

    @property
    def channels(self) -> int:
        """How many channels come out."""
        return self.projection or self.filters * len(self.branches)

    def output_shape(self, shape: Shape) -> Shape | None:
        """Return the shape after this block, which fits every image."""
        return (*shape[:2], self.channels)

    def cost(self, shape: Shape) -> Cost:
        """Return what the block costs on an input of this shape."""
        branch, joined = (
            (*shape[:2], channels) for channels in (self.filters, self.filters * len(self.branches))
        )
        total = Cost()
        for window in self.branches:
            if window == "pool":
                total += pool_cost(shape, _POOL_SIZE) + conv_cost(shape[-1], branch, 1)
            else:
                total += conv_cost(shape[-1], branch, window)
        output = (*shape[:2], self.channels)
        total += norm_cost(joined) if self.normalise else Cost()
        total += conv_cost(joined[-1], output, 1) if self.projection else Cost()
        return total + (skip_cost(shape, output) if self.residual else Cost())

    def layers(self, name: str, shape: Shape) -> list[keras.Layer]:
        """Return the module as one new Functional model named `name`, and the dropout behind it."""
        module = inception_module(
            shape,
            self.filters,
            kernel_sizes=[window for window in self.branches if window != "pool"],
            pooling="pool" in self.branches,
            normalise=self.normalise,
            activation=self.activation,
            outputs=self.projection or None,
            name=name,
        )
        return [module, *dropout_layers(self.dropout, name)]

    def __str__(self) -> str:
        branches = ",".join(map(str, self.branches))
        text = f"inception #{self.filters} activation={self.activation} branches={branches}"
        text += " normalise" if self.normalise else ""
        text += f" projection={self.projection}" if self.projection else ""
        text += " residual" if self.residual else ""
        return text + (f" dropout={self.dropout}" if self.dropout else "")


def ordered_branches(branches: Sequence[Any]) -> tuple[Branch, ...]:
    """Return different branches in the one order that they are written in; what is no branch is left out."""
    windows = sorted({size for size in branches if type(size) is int and size >= 1})
    return (*windows, "pool") if "pool" in branches else tuple(windows)


def inception_module(
    input_shape: tuple[int | None, ...],
    filters: int,
    *,
    kernel_sizes: Sequence[int] = (1, 3, 5),
    pooling: bool = True,
    normalise: bool = False,
    activation: str = "relu",
    outputs: int | None = None,
    name: str = "inception",
) -> keras.Model:
    """Return an Inception module as a Functional model of stock layers, to be used as a layer.

    Convolutions with windows of each size, and a 3x3 max-pooling with a 1x1 convolution behind it,
    read the same image side by side (`same` padding, stride 1). Their channels are concatenated,
    normalised or not, activated, and projected by a 1x1 convolution or not (Szegedy et al., Going
    deeper with convolutions, 2015).

    Args:
        input_shape: (height, width, channels); the places are kept.
        filters: Of each branch.
        kernel_sizes: Of the windows, one branch each, without repetition.
        pooling: Whether there is a pooling branch.
        normalise: Whether there is batch normalisation (momentum 0.9) before the activation.
        activation: By name.
        outputs: Channels of the linear projection, None for none.
        name: Of the model. Inside, layers are named `conv_3`, `pool`, `pool_conv`, `joined`,
            `norm`, `activation` and `projection`.

    Raises:
        InputError: for another shape than an image's, or without a branch.

    >>> inception_module((8, 8, 2), 4, outputs=3).output_shape
    (None, 8, 8, 3)
    """
    import keras
    from keras import layers

    if len(input_shape) != 3 or not (kernel_sizes or pooling) or len(set(kernel_sizes)) < len(kernel_sizes):
        raise InputError(
            "An Inception module has branches of different windows, and reads images.",
            expected="an input (height, width, channels), and at least one branch",
            received=f"input_shape={input_shape}, kernel_sizes={tuple(kernel_sizes)}, pooling={pooling}",
            way_out="For vectors use `gakeras.morphism.deepening.insert_residual`.",
        )

    def conv(filters: int, size: int, name: str) -> keras.Layer:
        return layers.Conv2D(filters, size, padding="same", data_format="channels_last", name=name)

    inputs = keras.Input(input_shape)
    branches = [conv(filters, size, f"conv_{size}")(inputs) for size in kernel_sizes]
    if pooling:
        pool = layers.MaxPooling2D(
            _POOL_SIZE, strides=1, padding="same", data_format="channels_last", name="pool"
        )
        branches.append(conv(filters, 1, "pool_conv")(pool(inputs)))
    x = layers.Concatenate(name="joined")(branches) if len(branches) > 1 else branches[0]
    if normalise:
        x = layers.BatchNormalization(momentum=NORMALISATION_MOMENTUM, name="norm")(x)
    x = layers.Activation(activation, name="activation")(x)
    if outputs is not None:
        x = conv(outputs, 1, "projection")(x)
    return keras.Model(inputs, x, name=name)
