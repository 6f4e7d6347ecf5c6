"""What a genome's network costs, from the genome alone: no Keras, microseconds."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from gakeras.encoding.blocks import Block, Cost, Shape, dense_cost
from gakeras.encoding.genome import Genome
from gakeras.errors import InputError


def image_shape(input_shape: Shape) -> Shape:
    """Return the shape convolutions see: a grey image `(height, width)` gains its one channel."""
    return (*input_shape, 1) if len(input_shape) == 2 else input_shape


def trace_shapes(genome: Genome, input_shape: Shape) -> Iterator[tuple[Block, Shape]]:
    """Yield every block with the shape of its input. The blocks must fit (see `repair`)."""
    if (genome.conv or genome.head) and len(input_shape) < 2:
        raise InputError(
            "Convolutions need images.",
            expected="input_shape (height, width) or (height, width, channels)",
            received=f"input_shape={input_shape}, genome with "
            f"{len(genome.conv) + len(genome.head)} convolutional blocks",
            way_out="Use the dense part alone for tables.",
        )
    shape = image_shape(input_shape)
    for block in genome.conv:
        yield block, shape
        shape = block.output_shape(shape) or shape
    for head in genome.head:
        yield head, shape
        shape = head.output_shape(shape) or shape
    shape = (math.prod(shape),)
    for unit in genome.dense:
        yield unit, shape
        shape = (unit.units,)


@dataclass(frozen=True, slots=True)
class Layer:
    """A block of a network with the shape of its output and its cost; the output layer's block is None."""

    block: Block | None
    output_shape: Shape
    cost: Cost


def trace_costs(genome: Genome, input_shape: Shape, outputs: int) -> Iterator[Layer]:
    """Yield every layer of the network that `build_model` would build, the output layer last.

    Raises `InputError` where a block does not fit its input.

    >>> for layer in trace_costs(Genome.parse("dense #10 activation=relu"), (4,), outputs=3):
    ...     print(layer.output_shape, layer.cost.parameters)
    (10,) 50
    (3,) 33
    """
    features = math.prod(input_shape)
    for block, shape in trace_shapes(genome, input_shape):
        cost = block.cost(shape)  # raises where the block does not fit
        output_shape = block.output_shape(shape) or shape
        features = math.prod(output_shape)
        yield Layer(block, output_shape, cost)
    yield Layer(None, (outputs,), dense_cost(features, outputs))


def num_activations(genome: Genome, input_shape: Shape, outputs: int) -> int:
    """Return how many numbers all layers together put out for one example; time goes with them.

    >>> num_activations(Genome.parse("dense #10 activation=relu"), (4,), outputs=3)
    13
    """
    return sum(math.prod(layer.output_shape) for layer in trace_costs(genome, input_shape, outputs))


def genome_cost(genome: Genome, input_shape: Shape, outputs: int) -> Cost:
    """Return the trainable parameters and forward FLOPs of the network that `build_model` would build.

    The output layer is included, input scaling is not. Raises `InputError` where a block
    does not fit its input.

    >>> genome_cost(Genome.parse("dense #10 activation=relu"), (4,), outputs=3)
    Cost(parameters=83, flops=153)
    """
    return sum((layer.cost for layer in trace_costs(genome, input_shape, outputs)), start=Cost())
