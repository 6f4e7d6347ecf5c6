"""The one rule that brings any genome into a search space and onto an input."""

from __future__ import annotations

from dataclasses import replace

from gakeras.encoding.blocks import ConvBlock, Shape
from gakeras.encoding.costs import image_shape
from gakeras.encoding.genome import Genome
from gakeras.encoding.space import SearchSpace


def repair(genome: Genome, space: SearchSpace, input_shape: Shape) -> Genome:
    """Return the genome as it fits the space and the input; one that already fits comes back equal.

    The rule, in this order:

    1. Every block is clipped into the space's ranges; a choice the space lacks becomes its first one,
       an Inception module a convolution with its largest window in a space without modules, and a
       pool is removed in one without pools.
    2. From the input on, a pool or a `valid` convolution whose window no longer fits what
       reaches it is removed. (The first block always fits, see `SearchSpace.check_input`,
       so a part that had blocks keeps at least one.)
    3. Blocks beyond the cap of a part are cut off at its end. On tables the convolutional part is empty.
    4. Without convolutions there is no global pool.
    5. The genes of learning are clipped as blocks are; those the space lacks are left to the run.

    Pure Python, idempotent, and nothing is dropped later when the model is built.
    """
    shape = image_shape(input_shape)
    conv: list[ConvBlock] = []
    for block in genome.conv if len(input_shape) > 1 else ():
        clipped = space.clip(block)
        output = clipped.output_shape(shape)
        if output is not None and len(conv) < space.max_conv_layers and space.has_kind(clipped):
            conv.append(clipped)  # type: ignore[arg-type]
            shape = output
    dense = [space.clip(block) for block in genome.dense[: space.max_dense_layers]]
    repaired = Genome(conv=tuple(conv), dense=tuple(dense), head=genome.head)  # type: ignore[arg-type]
    learning = space.fit_learning(genome, images=len(input_shape) > 1)
    return replace(repaired, head=space.fit_head(repaired), learning=learning)
