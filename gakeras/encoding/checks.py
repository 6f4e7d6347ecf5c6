"""What the fields of a block may be."""

from __future__ import annotations

from typing import get_args

from gakeras.encoding.layers import Activation, Padding
from gakeras.errors import InputError


def check_at_least_one(block: str, **sizes: int) -> None:
    """Refuse sizes that are not whole numbers from 1."""
    for name, size in sizes.items():
        if type(size) is not int or size < 1:  # True is an int
            raise InputError(
                f"{block} needs a positive whole `{name}`.",
                expected=f"{name} >= 1",
                received=f"{name}={size!r}",
            )


def check_choices(block: str, **choices: str) -> None:
    """Refuse an activation or a padding that blocks do not know."""
    known = {"activation": get_args(Activation), "padding": get_args(Padding)}
    for name, value in choices.items():
        if value not in known[name]:
            raise InputError(
                f"{block} does not know this `{name}`.",
                expected=f"one of {', '.join(known[name])}",
                received=f"{name}={value!r}",
            )


def check_dropout(block: str, rate: float) -> None:
    """Refuse a rate that is no share below 1."""
    if isinstance(rate, bool) or not (isinstance(rate, int | float) and 0 <= rate < 1):
        raise InputError(
            f"The `dropout` of {block} is the share of values set to zero.",
            expected="0 <= dropout < 1",
            received=f"dropout={rate!r}",
        )


def check_flags(block: str, **flags: bool) -> None:
    """Refuse flags that are neither True nor False."""
    for name, flag in flags.items():
        if not isinstance(flag, bool):
            raise InputError(
                f"{block} has `{name}` or not.",
                expected=f"{name}=True or {name}=False",
                received=f"{name}={flag!r}",
                way_out=f"In a network's text, the word `{name}` alone.",
            )
