"""Fewer bits for each weight, imposed on a trained offspring (Shafiee, Li and Wong 2017).

Training goes on in float32; between generations every weight is moved to the nearest value
that the lower precision has, so the next generation's probabilities come from those.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

Precision = Literal["float32", "float16", "bfloat16", "int8"]

BITS: dict[Precision, int] = {"float32": 32, "float16": 16, "bfloat16": 16, "int8": 8}


def impose_precision(
    weights: Mapping[str, np.ndarray],
    precision: Precision,
    kernels: Iterable[str],
    fixed: Iterable[str] = (),
) -> dict[str, np.ndarray]:
    """Return the arrays of a network at a lower precision, in their own dtype.

    Args:
        weights: Every array by name.
        precision: `float16` and `bfloat16` hold for every array; `int8` for kernels alone, as
            in the integer formats of inference libraries, whose biases are wider.
        kernels: The names of the kernels.
        fixed: The names of arrays that stay as they are, such as the statistics of the data.
    """
    names = set(kernels) if precision == "int8" else weights.keys() - set(fixed)
    return {name: round_to(array, precision) if name in names else array for name, array in weights.items()}


def round_to(array: np.ndarray, precision: Precision) -> np.ndarray:
    """Return the nearest values of a precision, in the array's own dtype; zeros stay zeros.

    `float16`: to nearest, ties to even; beyond 65504 that value. `bfloat16`: the same
    range as float32 with 8 significant bits, to nearest, ties to even. `int8`: 255 evenly spaced values from
    -max to max of the array's own largest magnitude.

    >>> round_to(np.array([1.0, 0.1, 0.0]), "int8").round(4).tolist()
    [1.0, 0.1024, 0.0]
    """
    if precision == "float16":
        largest = np.finfo(np.float16).max
        return np.asarray(np.clip(array, -largest, largest).astype(np.float16).astype(array.dtype))
    if precision == "bfloat16":
        bits = array.astype(np.float32).view(np.uint32)
        nearest = bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))
        return np.asarray((nearest & np.uint32(0xFFFF0000)).view(np.float32).astype(array.dtype))
    if precision == "int8":
        step = float(np.abs(array).max(initial=0.0)) / 127
        return np.asarray((np.round(array / step) * step).astype(array.dtype)) if step else array.copy()
    return array.copy()
