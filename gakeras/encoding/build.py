"""From a genome to a plain Keras model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from gakeras.encoding.blocks import MaxPool, Shape
from gakeras.encoding.costs import image_shape, trace_shapes
from gakeras.encoding.genome import Genome

if TYPE_CHECKING:
    import keras


def build_model(
    genome: Genome,
    input_shape: Shape,
    outputs: int,
    *,
    output_activation: str = "softmax",
    preprocessing: Sequence[keras.Layer] = (),
    postprocessing: Sequence[keras.Layer] = (),
) -> keras.Model:
    """Build the network of a genome of stock layers: `keras.Sequential`, or Functional if it has skips.

    Args:
        genome: The architecture; every block must fit its input (see `repair`).
        input_shape: Shape of one example as the user has it: `(height, width)`,
            `(height, width, channels)` or `(features,)`.
        outputs: Units of the output layer.
        output_activation: Its activation, `"softmax"` for classes.
        preprocessing: Layers between the input and the first block, for example scaling.
        postprocessing: Layers after the output layer, for example to the targets' scale.

    Returns:
        A built, uncompiled model with newly drawn weights, float32 outputs of shape
        `(batch, outputs)`. An Inception module is a model in it. It saves to a
        `.keras` file that loads without gakeras.

    Raises:
        InputError: A block does not fit, or a genome with convolutions meets a table.

    >>> genome = Genome.parse("conv #8 kernelsize=3 activation=relu")
    >>> build_model(genome, (28, 28), outputs=10).count_params()  # doctest: +SKIP
    62810
    """
    from keras import Input, Model, Sequential, layers

    for block, shape in trace_shapes(genome, input_shape):
        block.cost(shape)  # raises where the block does not fit
    grey = (genome.conv or genome.head) and len(input_shape) == 2
    channel = [layers.Reshape(image_shape(input_shape), name="channel")] if grey else []
    output = layers.Dense(outputs, activation=output_activation, dtype="float32", name="output")
    pieces = [
        _Piece([*channel, *preprocessing]),
        *_pieces(genome, input_shape),
        _Piece([output, *postprocessing]),
    ]
    inputs = Input(shape=input_shape)
    if not any(piece.skip for piece in pieces):
        return Sequential([inputs, *(layer for piece in pieces for layer in piece.layers)])
    x = inputs
    for piece in pieces:
        x = piece.apply(x)
    return Model(inputs, x)


@dataclass(frozen=True)
class _Piece:
    """Layers one behind the other, and perhaps the name of a skip past them."""

    layers: list[keras.Layer]
    skip: str = ""

    def apply(self, x: Any) -> Any:
        from keras import layers

        y = x
        for layer in self.layers:
            y = layer(y)
        if not self.skip:
            return y
        if x.shape[-1] != y.shape[-1]:
            x = layers.Conv2D(y.shape[-1], 1, name=f"{self.skip}_shortcut")(x)
        return layers.Add(name=f"{self.skip}_add")([x, y])


def _pieces(genome: Genome, input_shape: Shape) -> Iterator[_Piece]:
    """Yield the layers of each block, named by its kind and place in its part, and what makes a vector."""
    from keras import layers

    shapes = [shape for _, shape in trace_shapes(genome, input_shape)]
    for index, (block, shape) in enumerate(zip(genome.conv, shapes, strict=False), start=1):
        name = f"{block.kind}_{index}"
        is_residual = not isinstance(block, MaxPool) and block.residual
        yield _Piece(block.layers(name, shape), name if is_residual else "")
    if genome.head:
        yield _Piece(genome.head[0].layers("global_pool", shapes[len(genome.conv)]))
    elif len(input_shape) > 1:
        yield _Piece([layers.Flatten(name="flatten")])
    first = len(genome.conv) + len(genome.head)
    for index, (unit, shape) in enumerate(zip(genome.dense, shapes[first:], strict=True), start=1):
        yield _Piece(unit.layers(f"dense_{index}", shape))
