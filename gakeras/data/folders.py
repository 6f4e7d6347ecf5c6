"""Images in folders, one folder a class: read through `keras.utils.image_dataset_from_directory`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gakeras.data.streams import read_stream
from gakeras.errors import InputError

_BATCH = 64


class Images(NamedTuple):
    """Images, their classes by number, and the names of the classes in the order of their numbers."""

    x: np.ndarray
    y: np.ndarray
    class_names: list[str]


def read_folders(
    train: Path, test: Path, image_size: tuple[int, int], channels: int = 3, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return x, y, x_test and y_test of two folders; classes are numbered as the training folder has them.

    Raises `InputError` as `read_folder` does, and for test images of a class without training images.
    """
    trained, tested = read_folder(train, image_size, channels, limit), read_folder(test, image_size, channels)
    unknown = sorted(set(tested.class_names) - set(trained.class_names))
    if unknown:
        raise InputError(
            "Test images belong to classes of the training images.",
            expected=f"folders in {test} among {', '.join(trained.class_names)}",
            received=", ".join(unknown),
        )
    numbers = np.array([trained.class_names.index(name) for name in tested.class_names])
    return trained.x, trained.y, tested.x, numbers[tested.y]


def read_folder(
    path: Path, image_size: tuple[int, int], channels: int = 3, limit: int | None = None
) -> Images:
    """Return the images of a folder as whole numbers from 0 to 255, and their classes.

    They are resized bilinearly, come in an order that is always the same and mixed, and are on disk,
    not in memory. Classes are numbered in the order of the names of their folders.

    Args:
        path: Has a folder of .png, .jpg, .bmp or .gif files for each class.
        image_size: Height and width.
        channels: 3, or 1 for grey.
        limit: Keep only this many.

    Raises:
        InputError: for a folder without images in folders, and for a file that is none.
    """
    import tensorflow as tf  # with which Keras reads images under every backend
    from keras.utils import image_dataset_from_directory

    try:
        stream: Any = image_dataset_from_directory(
            path,
            image_size=image_size,
            color_mode={1: "grayscale", 3: "rgb"}[channels],
            batch_size=_BATCH,
            seed=0,
            verbose=False,
        )
    except (ValueError, OSError) as error:
        raise InputError(
            "A folder of images has a folder for each class.",
            expected=f"folders of .png, .jpg, .bmp or .gif files in {path}",
            received=str(error).splitlines()[0],
        ) from None
    class_names, file_paths = list(stream.class_names), list(stream.file_paths)
    if limit is not None:
        stream = stream.unbatch().take(limit).batch(_BATCH)
    try:
        return Images(*read_stream(stream, dtype="uint8"), class_names)
    except tf.errors.OpError:  # it does not say where
        _check_files(file_paths, channels)
        raise


def _check_files(paths: Sequence[str], channels: int) -> None:
    """Raise `InputError` for the first file that is no image, read as Keras reads them."""
    import tensorflow as tf

    for path in paths:
        try:
            tf.io.decode_image(tf.io.read_file(path), channels=channels, expand_animations=False)
        except tf.errors.OpError as error:
            raise InputError(
                "Every file in a folder of images can be read as an image.",
                expected="a .png, .jpg, .bmp or .gif file",
                received=f"{path} ({str(error.message).splitlines()[0]})",
                way_out="Write it again, or take it out of the folder.",
            ) from None
