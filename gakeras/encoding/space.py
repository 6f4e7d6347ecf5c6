"""The search space: the ranges and choices a genome's blocks are drawn from."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from gakeras.encoding.blocks import (
    Activation,
    Block,
    GlobalPool,
    MaxPool,
    Padding,
    Shape,
)
from gakeras.encoding.clipping import allowed, nearest_block
from gakeras.encoding.genome import Genome
from gakeras.encoding.inception import Branch, ordered_branches
from gakeras.encoding.learning import Learning, LearningSpace
from gakeras.errors import InputError

PositiveInt = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(ge=0, lt=1)]
Share = Annotated[float, Field(ge=0, le=1)]
IntRange = tuple[PositiveInt, PositiveInt]
RateRange = tuple[Rate, Rate]

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
    their published code, with leaky_relu added. Beyond them, the plain space, `SearchSpace()`, also
    varies dropout after convolutions and the padding, and draws no sigmoid in convolutions, where
    it hardly ever learns in the few epochs of an evaluation. `SearchSpace.paper()` is the
    paper's own. `SearchSpace.wide()`, which a search has by default, adds what later networks are
    made of.

    A share is the probability with which a random genome has something; where it is 0 no
    genome has it, where it is 1 every one. `staged_share` of the random genomes have their
    convolutions in stages (see `random_stages`), and at most two dense blocks. Of the blocks of the
    convolutional part `pool_share` are pools and `inception_share` Inception modules; the rest are
    convolutions. The activations and the dropout of Inception modules are those of convolutions.

    >>> SearchSpace.wide(inception_share=0.5).conv_activations
    ('relu', 'leaky_relu', 'elu')
    """

    max_conv_layers: Annotated[int, Field(ge=0)] = 6
    max_dense_layers: PositiveInt = 3
    pool_share: Share = 0.3
    conv_filters: IntRange = (10, 50)
    kernel_size: IntRange = (2, 5)
    conv_activations: tuple[Activation, ...] = ("relu", "leaky_relu", "tanh", "linear")
    conv_paddings: tuple[Padding, ...] = ("same", "valid")
    conv_dropout: RateRange = (0.0, 0.4)
    conv_dropout_share: Share = 1.0
    """Of the blocks that have any; the others have none."""
    pool_sizes: tuple[PositiveInt, ...] = (2, 3)
    pool_paddings: tuple[Padding, ...] = ("valid", "same")
    dense_units: IntRange = (10, 300)
    dense_dropout: RateRange = (0.0, 0.4)
    dense_activations: tuple[Activation, ...] = _PAPER_ACTIVATIONS
    conv_normalise: Share = 0.0
    conv_separable: Share = 0.0
    conv_residual: Share = 0.0
    """Of the convolutions with `same` padding; others have no skip."""
    dense_normalise: Share = 0.0
    inception_share: Share = 0.0
    inception_filters: IntRange = (4, 16)
    inception_branches: tuple[Branch, ...] = (1, 3, 5, "pool")
    """A module has one of them or more."""
    inception_normalise: Share = 0.0
    inception_projected: Share = 0.0
    inception_projection: IntRange = (10, 50)
    inception_residual: Share = 0.0
    global_pool: Share = 0.0
    staged_share: Share = 0.0
    learning: LearningSpace = LearningSpace()

    @classmethod
    def wide(cls, **changes: Any) -> Self:
        """Return the space of a search by default.

        To the plain space it adds batch normalisation, separable convolutions, skips, Inception
        modules and, rarely, global pooling, which needs long training. Half of the convolutions and
        nearly all dense layers are normalised, few convolutions have dropout, and all keep the size of
        the image. No activation saturates on both sides but tanh in dense layers. Four of five random
        networks are drawn in stages.
        """
        fixed: dict[str, Any] = {
            "conv_filters": (8, 64),
            "conv_activations": ("relu", "leaky_relu", "elu"),
            "conv_paddings": ("same",),
            "conv_dropout_share": 0.1,
            "conv_normalise": 0.5,
            "dense_activations": ("relu", "leaky_relu", "elu", "tanh"),
            "conv_separable": 0.1,
            "conv_residual": 0.2,
            "dense_normalise": 0.9,
            "inception_share": 0.1,
            "inception_normalise": 0.5,
            "inception_projected": 0.5,
            "inception_residual": 0.3,
            "global_pool": 0.05,
            "staged_share": 0.8,
        }
        return cls(**(fixed | changes))

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
        for name in _RANGES:
            smallest, largest = getattr(self, name)
            if smallest > largest:
                raise ValueError(f"{name}: the smallest value comes first, received ({smallest}, {largest})")
        for name in _CHOICES:
            if not getattr(self, name):
                raise ValueError(f"{name}: needs at least one choice")
        if self.inception_branches != ordered_branches(self.inception_branches):
            raise ValueError(
                "inception_branches: window sizes in ascending order, then perhaps 'pool', received "
                f"{self.inception_branches}"
            )
        if self.pool_share + self.inception_share > 1:
            raise ValueError(
                f"pool_share and inception_share: at most 1 together, received {self.pool_share} and "
                f"{self.inception_share}"
            )
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
        return nearest_block(block, self)

    def has_kind(self, block: Block) -> bool:
        """Tell whether blocks of this kind stand in genomes of the space."""
        return self.pool_share > 0 or not isinstance(block, MaxPool)

    def fit_head(self, genome: Genome) -> tuple[GlobalPool, ...]:
        """Return the head that a genome has in this space; without convolutions there is none."""
        is_pooled = bool(genome.conv) and allowed(bool(genome.head), self.global_pool)
        return (GlobalPool(),) if is_pooled else ()

    def fit_learning(self, genome: Genome, *, images: bool) -> tuple[Learning, ...]:
        """Return the genes of learning that a genome has in this space."""
        fitting = self.learning.clip((*genome.learning, Learning())[0], images=images)
        return (fitting,) if fitting.genes else ()

    def __contains__(self, genome: Genome) -> bool:
        """Tell whether every block lies in its ranges and every part within its cap."""
        fits = len(genome.conv) <= self.max_conv_layers and len(genome.dense) <= self.max_dense_layers
        learning = [self.fit_learning(genome, images=images) for images in (True, False)]
        fits = fits and genome.head == self.fit_head(genome) and genome.learning in learning
        return fits and all(self.has_kind(block) and self.clip(block) == block for block in genome.blocks)


_RANGES = (
    "conv_filters",
    "kernel_size",
    "conv_dropout",
    "dense_units",
    "dense_dropout",
    "inception_filters",
    "inception_projection",
)
_CHOICES = (
    "conv_activations",
    "conv_paddings",
    "pool_sizes",
    "pool_paddings",
    "dense_activations",
    "inception_branches",
)
