"""What a genome's network costs, from the genome alone: no Keras, microseconds."""

from __future__ import annotations

import math
from collections.abc import Iterator

from gakeras.encoding.blocks import Block, Cost, Shape, dense_cost
from gakeras.encoding.genome import Genome
from gakeras.errors import InputError


def image_shape(input_shape: Shape) -> Shape:
    """Return the shape convolutions see: a grey image `(height, width)` gains its one channel."""
    return (*input_shape, 1) if len(input_shape) == 2 else input_shape


def trace_shapes(genome: Genome, input_shape: Shape) -> Iterator[tuple[Block, Shape]]:
    """Yield every block with the shape of its input. The blocks must fit (see `repair`)."""
    if genome.conv and len(input_shape) < 2:
        raise InputError(
            "Convolutions need images.",
            expected="input_shape (height, width) or (height, width, channels)",
            received=f"input_shape={input_shape}, genome with {len(genome.conv)} convolutional blocks",
            way_out="Use the dense part alone for tables.",
        )
    shape = image_shape(input_shape)
    for block in genome.conv:
        yield block, shape
        shape = block.output_shape(shape) or shape
    shape = (math.prod(shape),)
    for unit in genome.dense:
        yield unit, shape
        shape = (unit.units,)


def genome_cost(genome: Genome, input_shape: Shape, outputs: int) -> Cost:
    """Return the trainable parameters and forward FLOPs of the network that `build_model` would build.

    The output layer is included, input scaling is not. Raises `InputError` where a block
    does not fit its input.

    >>> genome_cost(Genome.parse("dense #10 activation=relu"), (4,), outputs=3)
    Cost(parameters=83, flops=153)
    """
    total = Cost()
    for block, shape in trace_shapes(genome, input_shape):
        total += block.cost(shape)
    return total + dense_cost(_features(genome, input_shape), outputs)


def _features(genome: Genome, input_shape: Shape) -> int:
    if genome.dense:
        return genome.dense[-1].units
    shape = image_shape(input_shape)
    for block in genome.conv:
        shape = block.output_shape(shape) or shape
    return math.prod(shape)
