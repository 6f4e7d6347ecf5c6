"""Examples and targets as they come from a caller or a file, before anything is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gakeras.errors import InputError


@dataclass(frozen=True, eq=False)
class Arrays:
    """Examples and their targets for training, and optionally for a test that no search looks at.

    `x` is (n, columns), (n, height, width) or (n, height, width, channels); `y` is (n,),
    (n, 1) or (n, outputs). Nothing is checked here: `check_arrays` does that.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None


def as_arrays(x: Any, y: Any, x_test: Any = None, y_test: Any = None) -> Arrays:
    """Return what a caller passed as arrays: lists, data frames and the like become NumPy arrays.

    Raises:
        InputError: for rows of different lengths.

    >>> as_arrays([[1, 2], [3, 4]], [0, 1]).x.shape
    (2, 2)
    """
    return Arrays(
        _as_array("x", x),
        _as_array("y", y),
        None if x_test is None else _as_array("x_test", x_test),
        None if y_test is None else _as_array("y_test", y_test),
    )


def _as_array(name: str, value: Any) -> np.ndarray:
    try:
        return np.asarray(value)
    except ValueError as error:
        raise InputError(
            "Data must be NumPy arrays, or what can become one.",
            expected=f"{name} with rows of one length",
            received=f"{name} of type {type(value).__name__} ({error})",
        ) from None
