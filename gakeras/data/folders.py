"""Images in folders, one folder a class: read through `keras.utils.image_dataset_from_directory`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data.streams import read_stream
from gakeras.errors import InputError

_BATCH = 64


def read_folder(
    path: Path, image_size: tuple[int, int], channels: int = 3, limit: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the images of a folder as whole numbers from 0 to 255, and their classes.

    They are resized bilinearly, come in an order that is always the same and mixed, and are on disk,
    not in memory. Classes are numbered in the order of the names of their folders.

    Args:
        path: Has a folder of .png, .jpg, .bmp or .gif files for each class.
        image_size: Height and width.
        channels: 3, or 1 for grey.
        limit: Keep only this many.

    Raises:
        InputError: for a folder without images in folders.
    """
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
    if limit is not None:
        stream = stream.unbatch().take(limit).batch(_BATCH)
    return read_stream(stream, dtype="uint8")
