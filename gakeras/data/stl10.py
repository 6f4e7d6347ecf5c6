"""STL-10 as it is distributed: binary files of images and labels (Coates, Ng and Lee 2011)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gakeras.data.arrays import Arrays
from gakeras.errors import InputError

FOLDER = "stl10_binary"
"""The folder of its archive, by whose name it is known."""

_SHAPE = (3, 96, 96)  # each channel column by column
_CLASSES = 10


def read_stl10(directory: Path) -> Arrays:
    """Read the labelled images of STL-10 from the folder `stl10_binary` of its archive.

    Args:
        directory: It holds train_X.bin, train_y.bin, test_X.bin and test_y.bin.

    Returns:
        Images as uint8 (n, 96, 96, 3), upright and in RGB, and classes from 0 to 9 (the files
        count from 1): 5,000 for training and 8,000 for the test in the original.

    Raises:
        InputError: for a file that is missing or not of this format.
    """
    parts = [(_read_images(directory, part), _read_labels(directory, part)) for part in ("train", "test")]
    for part, (images, labels) in zip(("train", "test"), parts, strict=True):
        if len(images) != len(labels):
            raise _spoilt(directory / f"{part}_y.bin", f"{len(images)} labels", f"{len(labels)}")
    (x, y), (x_test, y_test) = parts
    return Arrays(x, y, x_test, y_test)


def _read_images(directory: Path, part: str) -> np.ndarray:
    path = directory / f"{part}_X.bin"
    values = _read_bytes(path)
    size = int(np.prod(_SHAPE))
    if not len(values) or len(values) % size:
        raise _spoilt(path, f"images of {size} bytes", f"{len(values)} bytes")
    return np.ascontiguousarray(values.reshape(-1, *_SHAPE).transpose(0, 3, 2, 1))


def _read_labels(directory: Path, part: str) -> np.ndarray:
    path = directory / f"{part}_y.bin"
    labels = _read_bytes(path)
    if not len(labels) or labels.min() < 1 or labels.max() > _CLASSES:
        received = f"{labels.min()} to {labels.max()}" if len(labels) else "no labels"
        raise _spoilt(path, f"labels from 1 to {_CLASSES}", received)
    return labels - 1


def _read_bytes(path: Path) -> np.ndarray:
    if not path.is_file():
        raise InputError(
            "STL-10 is read from the binary files of its archive.",
            expected=f"a file {path.name}",
            received=f"{path}, which is missing",
            way_out="Unpack stl10_binary.tar.gz and give the path of its folder.",
        )
    return np.fromfile(path, dtype=np.uint8)


def _spoilt(path: Path, expected: str, received: str) -> InputError:
    return InputError(
        "A file of STL-10 is incomplete or something else.",
        expected=expected,
        received=f"{received} in {path}",
        way_out="Unpack stl10_binary.tar.gz again.",
    )
