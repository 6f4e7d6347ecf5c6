"""Large arrays, a few examples at a time, so that a memory-mapped one never has to fit in memory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

CHUNK_BYTES = 2**24


def row_chunks(array: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (index of the first row, rows) over the first axis, in pieces of about CHUNK_BYTES.

    A piece has at least one row, however large a row is. The pieces are views.

    >>> [(start, len(rows)) for start, rows in row_chunks(np.zeros((3, 2**20)))]
    [(0, 2), (2, 1)]
    """
    row_bytes = max(1, array.nbytes // max(1, len(array)))
    step = max(1, CHUNK_BYTES // row_bytes)
    for start in range(0, len(array), step):
        yield start, array[start : start + step]


def spread_rows(x: np.ndarray, number: int) -> np.ndarray:
    """Return at most so many rows from all over an array, which may be sorted by class.

    >>> spread_rows(np.arange(10), 4).tolist()
    [0, 3, 6, 9]
    """
    return np.asarray(x[np.linspace(0, len(x) - 1, min(number, len(x))).astype(int)])
