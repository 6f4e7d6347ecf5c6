"""The layers of a genome's network that have weights, and what each of them reads, by lineage ids."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gakeras.encoding import Conv, Dense, Genome, Inception, MaxPool
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import image_shape

OUTPUT = "output"
"""The name and the lineage id of the output layer."""
FLATTEN = "flatten"
GLOBAL_POOL = "globalpool"

Weighted = Conv | Inception | Dense


@dataclass(frozen=True)
class TracedLayer:
    """A block that has weights; None is the output layer.

    Attributes:
        name: Of its Keras layer.
        block: Itself.
        lineage_id: Its own; None where it has none.
        between: What lies between it and the block with weights before it: ids of pools, `flatten`
            or `globalpool`.
        shape: Of what it reads, before it is flattened.
        before: The block with weights before it; None for the network's input.
        before_id: The id of that one, `input` for the network's input.
    """

    name: str
    block: Weighted | None
    lineage_id: str | None
    between: tuple[str | None, ...]
    shape: Shape
    before: Weighted | None
    before_id: str | None

    @property
    def route(self) -> tuple[str | None, ...]:
        """What it reads: the ids of the block before it and of what lies between."""
        return (self.before_id, *self.between)


def trace_layers(genome: Genome, input_shape: Shape) -> Iterator[TracedLayer]:
    """Yield the layers that have weights in the order of the data, the output layer last.

    >>> genome = Genome.parse("conv #8 kernelsize=3 activation=relu\\npool poolsize=2")
    >>> [(layer.name, layer.between, layer.shape) for layer in trace_layers(genome, (6, 6))]
    [('conv_1', (), (6, 6, 1)), ('output', (None, 'flatten'), (3, 3, 8))]
    """
    between: tuple[str | None, ...] = ()
    before: Weighted | None = None
    before_id: str | None = "input"
    shape = image_shape(input_shape)
    for place, block in enumerate(genome.conv, start=1):
        if isinstance(block, MaxPool):
            between = (*between, block.lineage_id)
        else:
            name = f"{block.kind}_{place}"
            yield TracedLayer(name, block, block.lineage_id, between, shape, before, before_id)
            before, before_id, between = block, block.lineage_id, ()
        shape = block.output_shape(shape) or shape
    if genome.head:
        between, shape = (*between, GLOBAL_POOL), shape[-1:]
    elif len(input_shape) > 1:
        between = (*between, FLATTEN)
    for place, unit in enumerate(genome.dense, start=1):
        yield TracedLayer(f"dense_{place}", unit, unit.lineage_id, between, shape, before, before_id)
        before, before_id, between, shape = unit, unit.lineage_id, (), (unit.units,)
    yield TracedLayer(OUTPUT, None, OUTPUT, between, shape, before, before_id)
