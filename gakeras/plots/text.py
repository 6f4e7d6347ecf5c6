"""What the figures say in words, short enough for a phone and with every `<` escaped.

Plotly reads its labels as a little HTML, so that all text from a journal is escaped here.
"""

from __future__ import annotations

import statistics
import textwrap
from html import escape

from gakeras.encoding import Block, Conv, Dense, Genome, GlobalPool, Inception, MaxPool
from gakeras.encoding.blocks import Shape
from gakeras.evolution import Individual, Proposal
from gakeras.fitness.objectives import decimals, fold_losses, spread_text
from gakeras.history import Evaluation

MAX_REASON = 200
MAX_WIDTH = 46
"""Letters in a line."""


def block_text(block: Block) -> str:
    """Return a block in a few words.

    >>> block_text(Conv(56, 3, "relu", dropout=0.2))
    'conv 56, 3×3, relu, dropout 0.2'
    """
    match block:
        case Conv():
            words = [f"conv {block.filters}, {block.kernel_size}×{block.kernel_size}", block.activation]
            words += [] if block.padding == "same" else [block.padding]
        case MaxPool():
            words = [f"pool {block.pool_size}×{block.pool_size}"]
            words += [] if block.padding == "valid" else [block.padding]
        case Inception():
            words = [f"inception {block.filters}", "|".join(map(str, block.branches)), block.activation]
            words += [f"projected {block.projection}"] if block.projection else []
        case GlobalPool():
            words = ["global pool"]
        case Dense():
            words = [f"dense {block.units}", block.activation]
    flags = {"normalise": "normalised", "separable": "separable", "residual": "residual"}
    words += [word for name, word in flags.items() if getattr(block, name, False)]
    rate = getattr(block, "dropout", 0.0)
    words += [f"dropout {rate:g}"] if rate else []
    return escape(", ".join(words))


def shape_text(shape: Shape) -> str:
    """Return a shape as it is spoken: `8×8×56`."""
    return "×".join(map(str, shape))


def count_text(number: float) -> str:
    """Return a large number in three digits.

    >>> count_text(999), count_text(86_769), count_text(2_012_424)
    ('999', '86.8k', '2.01M')
    """
    rounded = float(f"{number:.3g}")
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if rounded >= size:
            return f"{rounded / size:g}{unit}"
    return f"{rounded:g}"


def percent(share: float) -> float:
    """Return a share in per cent, in as many digits as are read.

    >>> percent(0.99133331)
    99.133
    """
    return round(100 * share, 3)


def genome_lines(genome: Genome) -> list[str]:
    """Return a genome's blocks, a line each."""
    return [block_text(block) for block in genome.blocks] or ["no hidden layer"]


def origin_lines(proposal: Proposal) -> list[str]:
    """Say which operators made a proposal of which parents."""
    operators = ", ".join(proposal.operators) or "unknown"
    parents = ", ".join(f"#{parent}" for parent in proposal.parents)
    return wrapped(f"{operators} of {parents}" if parents else operators)


def score_text(individual: Individual) -> str:
    """Return the loss of an individual with its spread over the folds, and with a penalty what ranks it."""
    losses = fold_losses(individual.measures)
    mean = statistics.fmean(losses)
    penalised = "" if individual.loss == mean else f", loss + penalty {decimals(individual.loss)}"
    return f"loss {decimals(mean)}{spread_text(losses)}{penalised}"


def size_text(individual: Individual) -> str:
    """Return the parameters and FLOPs of an individual."""
    return f"{individual.parameters:,} parameters, {count_text(individual.flops)} FLOPs"


def individual_hover(individual: Individual, proposal: Proposal) -> str:
    """Return what is seen when pointing at an individual: scores, sizes, origin and genome."""
    return lines(
        f"<b>#{individual.id}</b> {score_text(individual)}",
        size_text(individual),
        *origin_lines(proposal),
        *genome_lines(individual.genome),
    )


def failure_hover(evaluation: Evaluation) -> str:
    """Return what is seen when pointing at an evaluation that failed."""
    reason = (evaluation.result.reason or "")[:MAX_REASON]
    return lines(
        f"<b>#{evaluation.number}</b> {escape(evaluation.result.status)}",
        *wrapped(reason),
        *origin_lines(evaluation.proposal),
        *genome_lines(evaluation.proposal.genome),
    )


def wrapped(text: str) -> list[str]:
    """Return text in escaped lines that fit a phone.

    >>> wrapped("a < b")
    ['a &lt; b']
    """
    return [escape(line) for line in textwrap.wrap(text, MAX_WIDTH)]


def lines(*parts: str) -> str:
    """Join escaped parts, a line each."""
    return "<br>".join(parts)
