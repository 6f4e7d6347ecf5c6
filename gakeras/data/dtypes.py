"""Numbers as every backend computes with them."""

from __future__ import annotations

import numpy as np


def native(array: np.ndarray) -> np.ndarray:
    """Return an array in the byte order of the machine, and in float64 where it has more than that.

    >>> native(np.array([1, 2], ">i2")).dtype.isnative
    True
    """
    if array.dtype.kind == "f" and array.dtype.itemsize > 8:  # no backend computes with more
        return array.astype(np.float64)
    return array.astype(array.dtype.newbyteorder("="), copy=False)  # as no file, but every machine has it
