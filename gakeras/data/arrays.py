"""Examples and targets as they come from a caller, before anything is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gakeras.data.dtypes import native
from gakeras.data.streams import is_stream, read_stream
from gakeras.errors import InputError


@dataclass(frozen=True, eq=False)
class Arrays:
    """Examples and their targets for training, and optionally for a test that no search looks at.

    `x` is (n, columns), (n, height, width) or (n, height, width, channels); `y` is (n,),
    (n, 1) or (n, outputs). `sample_weight`, (n,), says how much each training example counts.
    Nothing is checked here: `check_arrays` does that.
    """

    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None = None
    y_test: np.ndarray | None = None
    sample_weight: np.ndarray | None = None


def as_arrays(
    x: Any, y: Any = None, x_test: Any = None, y_test: Any = None, sample_weight: Any = None
) -> Arrays:
    """Return what a caller passed as arrays: lists, data frames and the like become NumPy arrays.

    A `tf.data.Dataset` or a `keras.utils.PyDataset` of batches (examples, targets) may stand for x
    and y, or for x_test and y_test; it is read once, to disk (`gakeras.data.streams`).

    Raises:
        InputError: for rows of different lengths, targets beside a stream, and a stream that
            cannot be read.

    >>> as_arrays([[1, 2], [3, 4]], [0, 1]).x.shape
    (2, 2)
    """
    train = _as_pair("x", x, "y", y)
    weights = None if sample_weight is None else _as_array("sample_weight", sample_weight)
    return Arrays(*train, *_as_pair("x_test", x_test, "y_test", y_test), weights)


def _as_pair(x_name: str, x: Any, y_name: str, y: Any) -> tuple[Any, Any]:
    if not is_stream(x):
        if x is not None and y is None and not x_name.endswith("_test"):
            raise InputError(
                "Examples and targets come together.",
                expected=f"both of {x_name} and {y_name}, or a stream of both",
                received=f"{y_name}=None",
            )
        return tuple(  # type: ignore[return-value]
            None if value is None and name.endswith("_test") else _as_array(name, value)
            for name, value in ((x_name, x), (y_name, y))
        )
    if y is not None:
        raise InputError(
            "A stream has its targets with it.",
            expected=f"{x_name} of batches (examples, targets), and no {y_name}",
            received=f"{x_name} of type {type(x).__name__}, {y_name} of type {type(y).__name__}",
        )
    return read_stream(x, x_name)


def _as_array(name: str, value: Any) -> np.ndarray:
    if hasattr(value, "toarray"):
        raise InputError(
            "Data must be NumPy arrays, or what can become one.",
            expected=f"dense {name}",
            received=f"a sparse {type(value).__name__}",
            way_out="Pass its `toarray()`.",
        )
    try:
        return native(_plain(value))
    except ValueError as error:
        raise InputError(
            "Data must be NumPy arrays, or what can become one.",
            expected=f"{name} with rows of one length",
            received=f"{name} of type {type(value).__name__} ({error})",
        ) from None


def _plain(value: Any) -> np.ndarray:
    """Return an array; masked values are NaN, and a frame of numbers of several types is one of floats.

    Where all of its numbers are whole, by type and not by value, they are so in the array.
    """
    if isinstance(value, np.ma.MaskedArray):
        return np.asarray(np.ma.filled(np.ma.asarray(value, dtype=np.float64), np.nan))
    array = np.asarray(value)
    if array.dtype == object and hasattr(value, "dtypes"):
        is_whole = all(isinstance(number, int | np.integer | np.bool_) for number in array.flat)
        try:
            return np.asarray(value, dtype=np.int64 if is_whole else np.float64)
        except (TypeError, ValueError, OverflowError):  # there is text among them, or more than 64 bits
            return array
    return array
