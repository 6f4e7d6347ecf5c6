"""A genome: the parts of blocks (convolutional, dense, and what joins them) that describe one network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from functools import cached_property
from typing import Any

from gakeras.encoding.blocks import BLOCK_KINDS, Block, Conv, ConvBlock, Dense, GlobalPool, Inception, MaxPool
from gakeras.encoding.learning import Learning
from gakeras.errors import InputError

GENOME_VERSION = 1
PARTS: dict[str, tuple[type[Block | Learning], ...]] = {
    "conv": (Conv, MaxPool, Inception),
    "head": (GlobalPool,),
    "dense": (Dense,),
    "learning": (Learning,),
}
"""The parts of a genome, in the order data flows through them, and the blocks each may hold."""

_KINDS: dict[str, type[Block | Learning]] = {**BLOCK_KINDS, Learning.kind: Learning}


@dataclass(frozen=True)
class Genome:
    """An architecture as two lists of blocks, I = (I1, I2) of Vidnerova and Neruda (2018, section 3.1).

    Between the two an image becomes a vector: of all its values, or, with a `head`, by the one
    block there. `learning` says how the network is trained, where that is not left to the
    run. The output layer is not part of it: it follows from the task. Tables use the dense
    part alone. A genome is a value: equal architectures are equal, hash alike and have
    the same `digest` on every machine, and `Genome.from_json(genome.to_json()) == genome`.

    >>> genome = Genome.parse('''
    ...     conv #22 kernelsize=2 activation=tanh
    ...     pool poolsize=3
    ...     dense #143 dropout=0.4 activation=relu
    ... ''')
    >>> genome.conv[0].filters, genome.dense[0].units
    (22, 143)
    >>> print(genome)
    conv #22 kernelsize=2 activation=tanh
    pool poolsize=3
    dense #143 dropout=0.4 activation=relu
    """

    conv: tuple[ConvBlock, ...] = ()
    dense: tuple[Dense, ...] = ()
    head: tuple[GlobalPool, ...] = ()
    learning: tuple[Learning, ...] = ()

    def __post_init__(self) -> None:
        for part, allowed in PARTS.items():
            for block in getattr(self, part):
                if not isinstance(block, allowed):
                    raise InputError(
                        f"The {part} part of a genome does not hold such a block.",
                        expected=" or ".join(kind.__name__ for kind in allowed),
                        received=repr(block),
                    )
        for part in ("head", "learning"):
            if len(getattr(self, part)) > 1:
                raise InputError(
                    "An image becomes a vector once, and a network is trained in one way.",
                    expected=f"at most one block in the {part} part of a genome",
                    received=f"{len(getattr(self, part))} blocks",
                )

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks of the architecture in the order in which data flows through them."""
        return (*self.conv, *self.head, *self.dense)

    @cached_property
    def digest(self) -> str:
        """A name for the architecture: the same for equal genomes, different for others.

        Empty parts and fields at their default are left out before hashing, so what a later
        version adds changes no digest, cache key or seed of an older genome.
        """
        text = json.dumps(self._parts_to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.blake2b(text.encode(), digest_size=10).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """Return the genome as plain JSON values, with its lineage ids; `from_json` gives it back."""
        return {"version": GENOME_VERSION, **self._parts_to_json(lineage=True)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Genome:
        """Return the genome that `to_json` wrote. Raises `InputError` on anything else."""
        if data.get("version") != GENOME_VERSION:
            raise InputError(
                "A genome is read by the version of its JSON form.",
                expected=f"version={GENOME_VERSION}",
                received=f"version={data.get('version')!r}",
                way_out="Use the gakeras that wrote it, or a newer one.",
            )
        if set(data) - {"version", *PARTS}:
            raise InputError(
                "A genome is written with its version and its parts.",
                expected=f"version, {', '.join(PARTS)}",
                received=", ".join(map(str, data)),
            )
        blocks = {part: tuple(map(_block_from_json, data.get(part, ()))) for part in PARTS}
        return cls(**blocks)  # type: ignore[arg-type]

    @classmethod
    def parse(cls, text: str) -> Genome:
        """Return the genome written as the paper prints networks, one block a line; the inverse of `str`."""
        parts: dict[str, list[Block | Learning]] = {part: [] for part in PARTS}
        for line in filter(None, map(str.strip, text.splitlines())):
            block = _parse_block(line)
            part = next(part for part, allowed in PARTS.items() if isinstance(block, allowed))
            later = list(PARTS)[list(PARTS).index(part) + 1 :]
            if any(parts[name] for name in later):
                raise InputError(
                    "Convolutions and pools come before dense layers, and a global pool between them.",
                    expected=f"no {block.kind} line after the first line of {' or '.join(later)}",
                    received=line,
                )
            parts[part].append(block)
        return cls(**{part: tuple(blocks) for part, blocks in parts.items()})  # type: ignore[arg-type]

    def __str__(self) -> str:
        return "\n".join(map(str, (*self.blocks, *self.learning)))

    @property
    def one_line(self) -> str:
        """The printed form on one line, as a row of a table has it."""
        return "; ".join(str(self).splitlines())

    def _parts_to_json(self, *, lineage: bool = False) -> dict[str, Any]:
        parts = {part: [_block_to_json(block, lineage) for block in getattr(self, part)] for part in PARTS}
        return {part: blocks for part, blocks in parts.items() if blocks}


def _block_to_json(block: Block | Learning, lineage: bool) -> dict[str, Any]:
    known = [field for field in fields(block) if field.compare or lineage]
    values = {field.name: (getattr(block, field.name), field.default) for field in known}
    written = {name: value for name, (value, default) in values.items() if value != default}
    plain = {name: list(value) if isinstance(value, tuple) else value for name, value in written.items()}
    return {"kind": block.kind} | plain


def _block_from_json(data: Mapping[str, Any]) -> Block | Learning:
    values = dict(data)
    lineage = {name: values.pop(name) for name in ("lineage_id",) if name in values}
    block = _make_block(values.pop("kind", None), values, received=data)
    if lineage and (not hasattr(block, "lineage_id") or not isinstance(lineage["lineage_id"], str)):
        raise InputError(
            "A block with weights may have a lineage.",
            expected="lineage_id, a text, of a convolution, a pool, an Inception module or a dense layer",
            received=str(data),
        )
    return replace(block, **lineage)


_FIELD_NAMES = {
    "kernelsize": "kernel_size",
    "poolsize": "pool_size",
    "leakyRelu": "leaky_relu",
    "learningrate": "learning_rate",
    "batchsize": "batch_size",
}
_SIZE_FIELDS = {"conv": "filters", "dense": "units", "inception": "filters"}


def _parse_block(line: str) -> Block | Learning:
    kind, *words = line.split()
    values: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if word.startswith("#"):
            name, equals, value = _SIZE_FIELDS.get(kind, "size"), "#", word[1:]
        values[_FIELD_NAMES.get(name, name)] = _parse_value(value) if equals else True
    return _make_block(kind, values, received=line)


def _parse_value(text: str) -> Any:
    if "," in text:
        return tuple(map(_parse_value, text.split(",")))
    if text in ("True", "False"):
        return text == "True"
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            continue
    return _FIELD_NAMES.get(text, text)


def _make_block(kind: object, values: dict[str, Any], *, received: object) -> Block | Learning:
    block = _KINDS.get(str(kind))
    if block is None:
        raise InputError(
            "A block has a kind.", expected=f"one of {', '.join(_KINDS)}", received=str(received)
        )
    known = [field.name for field in fields(block) if field.compare]
    required = [field.name for field in fields(block) if field.default is MISSING]
    if set(values) - set(known) or set(required) - set(values):
        raise InputError(
            f"A {kind} block is written with its fields.",
            expected=f"{', '.join(required)}, and perhaps {', '.join(sorted(set(known) - set(required)))}",
            received=str(received),
        )
    branches = values.get("branches")
    if branches is not None:  # JSON has lists, and a text with one branch no comma
        values["branches"] = tuple(branches) if isinstance(branches, list | tuple) else (branches,)
    return block(**values)
