"""Whose descendant a block is: ids that blocks keep through mutation and crossover."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from gakeras.encoding.genome import Genome

_PARTS = ("conv", "dense")


def with_lineage(genome: Genome, number: int) -> Genome:
    """Return the genome of proposal `number` with an id on each block, those that are there kept.

    A block without one is new in this genome, and so is the second of two with one id, as crossover
    of relatives may bring together. Its id says in which proposal and where it came up. Digest, text
    and equality are as they were.

    >>> genome = with_lineage(Genome.parse("conv #8 kernelsize=3 activation=relu"), 12)
    >>> genome.conv[0].lineage_id, genome == Genome.parse("conv #8 kernelsize=3 activation=relu")
    ('12/conv/0', True)
    """
    seen: set[str] = set()
    parts: dict[str, tuple[Any, ...]] = {}
    for part in _PARTS:
        blocks = []
        for place, block in enumerate(getattr(genome, part)):
            known = block.lineage_id
            own = known if known is not None and known not in seen else f"{number}/{part}/{place}"
            blocks.append(replace(block, lineage_id=own))
            seen.add(own)
        parts[part] = tuple(blocks)
    return replace(genome, **parts)
