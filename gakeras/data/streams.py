"""Examples that come batch by batch, from a `tf.data.Dataset` or a `keras.utils.PyDataset`.

A stream is read once and written to disk as it comes; whoever trains maps that into memory. So the
examples need room on a disk and never in memory, every worker sees the same ones, and a run owns them.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data.chunks import row_chunks
from gakeras.data.dtypes import native
from gakeras.errors import InputError


def is_stream(value: Any) -> bool:
    """Tell whether a value is a `tf.data.Dataset` or a `keras.utils.PyDataset`, without importing either."""
    return _is_dataset(value) or _is_py_dataset(value)


def read_stream(
    stream: Any, name: str = "x", *, directory: Path | None = None, dtype: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return examples and targets of a stream; the examples are mapped from a file without a name.

    Whatever the stream does at random, shuffling or augmentation, it does once. The file is gone when
    nobody uses the array any more, also if the process is killed.

    Args:
        stream: Finite, of batches (examples, targets).
        name: Of the examples, for messages.
        directory: Where the file is; by default where temporary files are (`TMPDIR`).
        dtype: Of the examples, by default that of the stream; numbers are rounded to a whole one.

    Raises:
        InputError: for a stream that never ends or is empty, and for batches of another form.

    >>> class Squares:  # has what a PyDataset has
    ...     num_batches = 2
    ...     def __getitem__(self, number): return np.full((3, 1), number), np.full(3, number**2)
    ...     def on_epoch_end(self): pass
    >>> x, y = read_stream(Squares())
    >>> x.shape, y.tolist()
    ((6, 1), [0, 0, 0, 1, 1, 1])
    """
    labels: list[np.ndarray] = []
    examples = _noting_labels(_batches(stream, name), labels)
    x = spooled((_as_dtype(batch, dtype) for batch in examples), name, directory=directory)
    return x, np.concatenate(labels)


def spooled(batches: Iterable[np.ndarray], name: str, *, directory: Path | None = None) -> np.ndarray:
    """Write batches to a file without a name and return them as one array that is mapped from it."""
    shape: tuple[int, ...] | None = None
    dtype, count = np.dtype("float32"), 0
    with tempfile.TemporaryFile(dir=directory) as file:
        for batch in batches:
            if shape is None:
                shape, dtype = batch.shape[1:], batch.dtype
            if (batch.shape[1:], batch.dtype) != (shape, dtype):
                raise InputError(
                    "All examples of a stream have one shape and one dtype.",
                    expected=f"batches of {name} of shape (n, {', '.join(map(str, shape))}), dtype {dtype}",
                    received=f"shape {batch.shape}, dtype {batch.dtype} after {count} examples",
                    way_out="Resize them, for example by `image_size` of `image_dataset_from_directory`.",
                )
            file.write(np.ascontiguousarray(batch).tobytes())
            count += len(batch)
        if shape is None or count == 0:
            raise InputError("Data must not be empty.", expected=f"a batch of {name}", received="none")
        file.flush()
        return np.memmap(file, dtype=dtype, mode="r", shape=(count, *shape))  # stays when the file is closed


def joined_examples(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return two arrays of examples as one, on disk if the first is, of a dtype that has room for both.

    Real numbers on disk keep their precision: those of float32 do not take up twice the room for a few of
    float64.
    """
    if not isinstance(one, np.memmap):
        return np.concatenate([one, other])
    both_real = one.dtype.kind == other.dtype.kind == "f"
    dtype = one.dtype if both_real else np.result_type(one, other)
    chunks = (rows.astype(dtype, copy=False) for part in (one, other) for _, rows in row_chunks(part))
    return spooled(chunks, "x")


def _batches(stream: Any, name: str) -> Iterator[Any]:
    """Yield the batches of one pass through a stream."""
    if _is_py_dataset(stream):
        if stream.num_batches is None:
            raise _endless(name)
        yield from (stream[number] for number in range(stream.num_batches))
        return
    if int(stream.cardinality()) == -1:  # tf.data.INFINITE_CARDINALITY
        raise _endless(name)
    yield from stream


def _noting_labels(batches: Iterator[Any], labels: list[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the examples of batches, and append their targets to a list."""
    for batch in batches:
        parts = [native(np.asarray(part)) for part in batch] if isinstance(batch, tuple | list) else []
        if len(parts) != 2 or min(part.ndim for part in parts) < 1 or len(parts[0]) != len(parts[1]):
            shapes = ", ".join(str(part.shape) for part in parts) or type(batch).__name__
            raise InputError(
                "A stream gives batches of examples with their targets.",
                expected="pairs (x, y) of shapes (batch, ...) and (batch,) or (batch, outputs)",
                received=shapes,
                way_out="Use `dataset.batch(n)` for single examples, and leave out sample weights.",
            )
        labels.append(parts[1])
        yield parts[0]


def _as_dtype(batch: np.ndarray, dtype: str | None) -> np.ndarray:
    if dtype is None:
        return batch
    return (np.rint(batch) if np.dtype(dtype).kind in "iu" else batch).astype(dtype)


def _is_dataset(value: Any) -> bool:
    return hasattr(value, "element_spec") and hasattr(value, "cardinality")


def _is_py_dataset(value: Any) -> bool:
    return all(hasattr(value, name) for name in ("num_batches", "__getitem__", "on_epoch_end"))


def _endless(name: str) -> InputError:
    return InputError(
        "A stream is read once from its beginning to its end.",
        expected=f"a finite stream for {name}",
        received="one that never ends",
        way_out="Use `dataset.take(n)`, or leave out `repeat()`.",
    )
