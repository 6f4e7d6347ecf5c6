"""The block of a space that is nearest to any block."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from gakeras.encoding.blocks import Block, Conv, Dense, GlobalPool, Inception, MaxPool

if TYPE_CHECKING:
    from gakeras.encoding.space import SearchSpace

Number = TypeVar("Number", int, float)
Choice = TypeVar("Choice")


def nearest_block(block: Block, space: SearchSpace) -> Block:
    """Return a block with numbers clipped into a space, and choices kept or the first one.

    Where a space has no Inception modules one becomes the convolution with its largest window
    and as many channels.
    """
    match block:
        case Conv():
            padding = _among(block.padding, space.conv_paddings)
            return replace(
                block,
                filters=_into(block.filters, space.conv_filters),
                kernel_size=_into(block.kernel_size, space.kernel_size),
                activation=_among(block.activation, space.conv_activations),
                padding=padding,
                dropout=_rate(block.dropout, space.conv_dropout, space.conv_dropout_share),
                normalise=allowed(block.normalise, space.conv_normalise),
                separable=allowed(block.separable, space.conv_separable),
                residual=padding == "same" and allowed(block.residual, space.conv_residual),
            )
        case Inception() if not space.inception_share:
            windows = [window for window in block.branches if window != "pool"]
            conv = Conv(block.channels, max(windows, default=1), block.activation, dropout=block.dropout)
            return nearest_block(conv, space)
        case Inception():
            branches = tuple(window for window in space.inception_branches if window in block.branches)
            is_projected = allowed(block.projection > 0, space.inception_projected)
            projection = _into(block.projection, space.inception_projection) if is_projected else 0
            return replace(
                block,
                filters=_into(block.filters, space.inception_filters),
                activation=_among(block.activation, space.conv_activations),
                branches=branches or space.inception_branches[:1],
                normalise=allowed(block.normalise, space.inception_normalise),
                projection=projection,
                residual=allowed(block.residual, space.inception_residual),
                dropout=_rate(block.dropout, space.conv_dropout, space.conv_dropout_share),
            )
        case GlobalPool():
            return block
        case MaxPool():
            return replace(
                block,
                pool_size=min(space.pool_sizes, key=lambda size: abs(size - block.pool_size)),
                padding=_among(block.padding, space.pool_paddings),
                dropout=0.0,
            )
        case Dense():
            return replace(
                block,
                units=_into(block.units, space.dense_units),
                activation=_among(block.activation, space.dense_activations),
                dropout=_into(block.dropout, space.dense_dropout),
                normalise=allowed(block.normalise, space.dense_normalise),
            )


def _into(value: Number, bounds: tuple[Number, Number]) -> Number:
    return min(max(bounds[0], value), bounds[1])  # in this order -0.0 becomes 0.0


def _rate(rate: float, bounds: tuple[float, float], share: float) -> float:
    is_none = share == 0 or (share < 1 and rate < bounds[0])
    return 0.0 if is_none else _into(rate, bounds)


def _among(value: Choice, choices: tuple[Choice, ...]) -> Choice:
    return value if value in choices else choices[0]


def allowed(flag: bool, share: float) -> bool:
    """Return a flag as it may be where a space has it with this probability."""
    return share == 1 or (flag and share > 0)
