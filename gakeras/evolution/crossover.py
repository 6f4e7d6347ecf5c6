"""Crossover on block borders (Vidnerova and Neruda 2018, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple
from typing import TypeVar

from deap import tools

from gakeras.encoding import Genome, Learning, SearchSpace, repair
from gakeras.encoding.blocks import Shape

AnyBlock = TypeVar("AnyBlock")


def mate(first: Genome, second: Genome, space: SearchSpace, input_shape: Shape) -> tuple[Genome, Genome]:
    """Cross two genomes, each part by itself at one point, and repair both children into the caps.

    For parts of k and l blocks the cut points are cp1 in 1..k-1 and cp2 in 1..l-1, and the
    children are `first[:cp1] + second[cp2:]` and `second[:cp2] + first[cp1:]`, as printed.
    A part that has fewer than two blocks in either parent has no such cut point: it is not
    crossed, and each child keeps its own parent's. What makes a vector of an image goes with the
    last block before it. Each gene of learning is swapped with probability 1/2 (DEAP's `cxUniform`).
    """
    conv = cross_part(first.conv, second.conv)
    dense = cross_part(first.dense, second.dense)
    is_crossed = min(len(first.conv), len(second.conv)) >= 2
    heads = (second.head, first.head) if is_crossed else (first.head, second.head)
    genes = cross_learning(first.learning, second.learning)
    children = (Genome(conv[i], dense[i], heads[i], genes[i]) for i in (0, 1))
    one, other = (repair(child, space, input_shape) for child in children)
    return one, other


def cross_part(
    first: Sequence[AnyBlock], second: Sequence[AnyBlock]
) -> tuple[tuple[AnyBlock, ...], tuple[AnyBlock, ...]]:
    """Cross two lists of blocks once, never before the first block or after the last.

    Between first and last block this is DEAP's `cxMessyOnePoint`, which cuts each list
    anywhere, its ends included; with first and last block held out, the cut points are the
    paper's and no child is empty. It draws from Python's global generator.
    """
    if min(len(first), len(second)) < 2:
        return tuple(first), tuple(second)
    inner_first, inner_second = tools.cxMessyOnePoint(list(first[1:-1]), list(second[1:-1]))
    return (first[0], *inner_first, second[-1]), (second[0], *inner_second, first[-1])


def cross_learning(
    first: Sequence[Learning], second: Sequence[Learning]
) -> tuple[tuple[Learning, ...], tuple[Learning, ...]]:
    """Swap each gene of learning or not; where no parent has any, nothing is drawn."""
    if not first and not second:
        return (), ()
    genes = [list(astuple((*learning, Learning())[0])) for learning in (first, second)]
    one, other = tools.cxUniform(*genes, indpb=0.5)
    return (Learning(*one),), (Learning(*other),)
