"""The search space: the ranges and choices a genome's blocks are drawn from."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Self, TypeVar

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from gakeras.encoding.blocks import Activation, Block, Conv, Dense, MaxPool, Padding, Shape
from gakeras.encoding.genome import Genome
from gakeras.errors import InputError

PositiveInt = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
IntRange = tuple[PositiveInt, PositiveInt]
RateRange = tuple[Rate, Rate]
Number = TypeVar("Number", int, float)
Choice = TypeVar("Choice")

_PAPER_ACTIVATIONS: tuple[Activation, ...] = (
    "relu",
    "tanh",
    "sigmoid",
    "hard_sigmoid",
    "linear",
    "leaky_relu",
)


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SearchSpace:
    """Ranges (smallest, largest; both included) and choices of every field of every block.

    Sizes and activations are those of the experiments of Vidnerova and Neruda (2018) and
    their published code, with leaky_relu added. Beyond them, this default also varies
    dropout after convolutions and the padding, and draws no sigmoid in convolutions,
    where it hardly ever learns in the few epochs of an evaluation. `SearchSpace.paper()`
    is the paper's own.
    """

    max_conv_layers: Annotated[int, Field(ge=0)] = 6
    max_dense_layers: PositiveInt = 3
    pool_share: Annotated[float, Field(ge=0, le=1)] = 0.3
    conv_filters: IntRange = (10, 50)
    kernel_size: IntRange = (2, 5)
    conv_activations: tuple[Activation, ...] = ("relu", "leaky_relu", "tanh", "linear")
    conv_paddings: tuple[Padding, ...] = ("same", "valid")
    conv_dropout: RateRange = (0.0, 0.4)
    pool_sizes: tuple[PositiveInt, ...] = (2, 3)
    pool_paddings: tuple[Padding, ...] = ("valid", "same")
    dense_units: IntRange = (10, 300)
    dense_dropout: RateRange = (0.0, 0.4)
    dense_activations: tuple[Activation, ...] = _PAPER_ACTIVATIONS

    @classmethod
    def paper(cls, **changes: Any) -> Self:
        """Return the paper's space: no dropout after convolutions, `same` convolutions, floor pooling."""
        fixed: dict[str, Any] = {
            "conv_activations": _PAPER_ACTIVATIONS,
            "conv_paddings": ("same",),
            "conv_dropout": (0.0, 0.0),
            "pool_paddings": ("valid",),
        }
        return cls(**(fixed | changes))

    @model_validator(mode="after")
    def _check(self) -> Self:
        for name in ("conv_filters", "kernel_size", "conv_dropout", "dense_units", "dense_dropout"):
            smallest, largest = getattr(self, name)
            if smallest > largest:
                raise ValueError(f"{name}: the smallest value comes first, received ({smallest}, {largest})")
        for name in ("conv_activations", "conv_paddings", "pool_sizes", "pool_paddings", "dense_activations"):
            if not getattr(self, name):
                raise ValueError(f"{name}: needs at least one choice")
        return self

    def check_input(self, input_shape: Shape) -> None:
        """Raise `InputError` where some block of the space could not stand first on such an input."""
        if len(input_shape) < 2 or self.max_conv_layers == 0:
            return
        side = min(input_shape[:2])
        windows = {"kernel_size": self.kernel_size[1]} if "valid" in self.conv_paddings else {}
        if "valid" in self.pool_paddings and self.pool_share > 0:
            windows["pool_sizes"] = max(self.pool_sizes)
        for name, size in windows.items():
            if size > side:
                raise InputError(
                    "Every window of the space must fit the images.",
                    expected=f"{name} up to {side} for images of {input_shape[0]} x {input_shape[1]}",
                    received=f"{name} up to {size}",
                    way_out="Use smaller windows, or only `same` padding.",
                )

    def max_layers(self, part: str) -> int:
        """Return the cap on the blocks of one part."""
        return {"conv": self.max_conv_layers, "dense": self.max_dense_layers}[part]

    def clip(self, block: Block) -> Block:
        """Return the nearest block of this space: numbers clipped, choices kept or the first one."""
        match block:
            case Conv():
                return replace(
                    block,
                    filters=_into(block.filters, self.conv_filters),
                    kernel_size=_into(block.kernel_size, self.kernel_size),
                    activation=_among(block.activation, self.conv_activations),
                    padding=_among(block.padding, self.conv_paddings),
                    dropout=_into(block.dropout, self.conv_dropout),
                )
            case MaxPool():
                return replace(
                    block,
                    pool_size=min(self.pool_sizes, key=lambda size: abs(size - block.pool_size)),
                    padding=_among(block.padding, self.pool_paddings),
                    dropout=0.0,
                )
            case Dense():
                return replace(
                    block,
                    units=_into(block.units, self.dense_units),
                    activation=_among(block.activation, self.dense_activations),
                    dropout=_into(block.dropout, self.dense_dropout),
                )

    def __contains__(self, genome: Genome) -> bool:
        """Tell whether every block lies in its ranges and every part within its cap."""
        fits = len(genome.conv) <= self.max_conv_layers and len(genome.dense) <= self.max_dense_layers
        return fits and all(self.clip(block) == block for block in genome.blocks)


def _into(value: Number, bounds: tuple[Number, Number]) -> Number:
    return min(max(bounds[0], value), bounds[1])  # in this order -0.0 becomes 0.0


def _among(value: Choice, choices: tuple[Choice, ...]) -> Choice:
    return value if value in choices else choices[0]
