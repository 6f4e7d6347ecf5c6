"""One copy of the data on disk, in its own dtype, that every worker maps into its memory."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np

from gakeras.data.arrays import Arrays
from gakeras.data.chunks import row_chunks
from gakeras.data.tasks import Task, whole_labels
from gakeras.data.weights import weights_digest
from gakeras.durable import put_in_place
from gakeras.errors import InputError


@dataclass(frozen=True)
class Scaling:
    """How a network turns raw values into its own: the stored arrays stay as they came.

    divide: by `by`. standardise: by mean and variance of each column, which come from the
    training part of a fold (see `column_statistics`); `by` is not used.
    """

    kind: Literal["divide", "standardise"]
    by: float = 1.0


@dataclass(frozen=True)
class DataInfo:
    """What must be known about the data without opening them.

    `input_shape` is the shape of one raw example: (28, 28), (32, 32, 3) or (30,). `digest`
    identifies the stored values, weights included: the same data have the same digest everywhere.
    `weights_digest` is that of the weights alone, None where all examples count the same.
    """

    task: Task
    input_shape: tuple[int, ...]
    num_train: int
    num_test: int
    scaling: Scaling
    digest: str
    weights_digest: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON; `from_json` is its inverse."""
        return asdict(self) | {"input_shape": list(self.input_shape)}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> DataInfo:
        """Rebuild what `to_json` wrote; fields that a later version added are passed over."""
        return cls(
            task=Task(fields["task"]["kind"], fields["task"]["outputs"]),
            input_shape=tuple(fields["input_shape"]),
            num_train=fields["num_train"],
            num_test=fields["num_test"],
            scaling=Scaling(fields["scaling"]["kind"], fields["scaling"]["by"]),
            digest=fields["digest"],
            weights_digest=fields.get("weights_digest"),
        )


@dataclass(frozen=True, eq=False)
class StoredData:
    """The stored arrays, memory-mapped and read-only; without a test set or weights these are None."""

    info: DataInfo
    x: np.ndarray
    y: np.ndarray
    x_test: np.ndarray | None
    y_test: np.ndarray | None
    sample_weight: np.ndarray | None = None


def store_arrays(arrays: Arrays, task: Task, directory: Path) -> DataInfo:
    """Write the arrays to `directory` as .npy files, then info.json, and return the info.

    Examples keep their dtype and shape. Targets get the form that training uses: class
    labels int32 (n,), one-hot rows float32 (n, C), regression targets float32 (n, outputs). Weights
    are float32 (n,).
    Each file gets its name only once it is complete, and info.json comes last: a directory
    with an info.json is whole, however the writing ended.

    Args:
        arrays: Arrays that `check_arrays` has passed, their weights as `example_weights` returns them.
        task: What `check_arrays` returned for them.
        directory: Made if it is missing; files of an earlier store are replaced.

    >>> from tempfile import TemporaryDirectory
    >>> images = Arrays(np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 1, 0]))
    >>> with TemporaryDirectory() as directory:
    ...     info = store_arrays(images, Task("binary", 1), Path(directory))
    >>> info.input_shape, info.scaling
    ((8, 8), Scaling(kind='divide', by=255.0))
    """
    y_test = None if arrays.y_test is None else _stored_targets(arrays.y_test, task)
    weights = None if arrays.sample_weight is None else arrays.sample_weight.astype(np.float32)
    arrays = Arrays(arrays.x, _stored_targets(arrays.y, task), arrays.x_test, y_test, weights)
    info = DataInfo(
        task=task,
        input_shape=arrays.x.shape[1:],
        num_train=len(arrays.x),
        num_test=0 if arrays.x_test is None else len(arrays.x_test),
        scaling=_choose_scaling(arrays.x),
        digest=arrays_digest(arrays),
        weights_digest=None if weights is None else weights_digest(weights),
    )
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "info.json").unlink(missing_ok=True)
    for name, array in _named(arrays):
        _write(directory / f"{name}.npy", partial(np.save, arr=array, allow_pickle=False))
    text = json.dumps(info.to_json(), indent=2, allow_nan=False) + "\n"
    _write(directory / "info.json", lambda file: file.write(text.encode()))
    return info


def open_data(directory: Path) -> StoredData:
    """Open what `store_arrays` wrote, memory-mapped and read-only: only what is used is read.

    Raises:
        InputError: when the directory holds no complete store.
    """
    try:
        info = DataInfo.from_json(json.loads((directory / "info.json").read_text()))
        x, y = _open(directory, "x"), _open(directory, "y")
        x_test = _open(directory, "x_test") if info.num_test else None
        y_test = _open(directory, "y_test") if info.num_test else None
        weights = _open(directory, "sample_weight") if info.weights_digest else None
    except (OSError, EOFError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            "The directory must hold stored data.",
            expected="info.json and the .npy files that it describes",
            received=f"{directory} ({type(error).__name__}: {error})",
            way_out="Store the data again with `store_arrays`.",
        ) from error
    return StoredData(info, x, y, x_test, y_test, weights)


def arrays_digest(arrays: Arrays | StoredData) -> str:
    """Return the sha256 of names, dtypes, shapes and values, whatever the memory layout.

    Of stored data it is `info.digest`, so it also tells whether a copy is intact.
    """
    digest = hashlib.sha256()
    for name, array in _named(arrays):
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        for _, rows in row_chunks(array):
            digest.update(rows.tobytes())  # in C order, also for a transposed array
    return digest.hexdigest()


def _named(arrays: Arrays | StoredData) -> list[tuple[str, np.ndarray]]:
    named = [(name, getattr(arrays, name)) for name in ("x", "y", "x_test", "y_test", "sample_weight")]
    return [(name, array) for name, array in named if array is not None]


def _stored_targets(y: np.ndarray, task: Task) -> np.ndarray:
    if task.kind in ("multiclass", "binary"):
        return whole_labels(y).astype(np.int32)
    return y.reshape(len(y), task.outputs).astype(np.float32)


def _choose_scaling(x: np.ndarray) -> Scaling:
    if x.ndim == 2:
        return Scaling("standardise")
    # The ends one by one: the absolute value of int8's -128 is not an int8.
    largest = max(max(abs(float(rows.min())), abs(float(rows.max()))) for _, rows in row_chunks(x))
    if x.dtype.kind in "iu" and 127 < largest <= 255:  # bytes; fewer values are a range of their own
        return Scaling("divide", 255.0)
    return Scaling("divide", largest or 1.0)


def _write(path: Path, save: Callable[[BinaryIO], object]) -> None:
    """Write beside `path` and rename into place, so that the name never means half a file."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.unfinished")
    try:
        with unfinished.open("wb") as file:
            save(file)
        put_in_place(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _open(directory: Path, name: str) -> np.ndarray:
    return np.load(directory / f"{name}.npy", mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
