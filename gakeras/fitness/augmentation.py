"""Images that are flipped, shifted and cropped at random while a network is trained on them."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from gakeras.encoding import Learning
from gakeras.seeding import derive_seed

Augment = Callable[[np.ndarray], np.ndarray]


def augmentation(learning: Learning, seed: int) -> Augment | None:
    """Return a function that changes batches of images as the genes say, or None where they say nothing.

    It is Keras' `RandomFlip`, `RandomTranslation` and `RandomZoom`, which are no part of the
    network and therefore not of its file. What a shift leaves empty is filled by the border; a crop is
    scaled up to the size of the image. Every batch is drawn anew, from the seed and its number.

    Args:
        learning: Its `flip`, `shift` and `crop`; one direction is drawn for each image.
        seed: The same seed gives the same sequence of batches on the same backend.

    Returns:
        A function from images (n, height, width) or (n, height, width, channels) of any numeric type to
        float32 images of the same shape.

    >>> augment = augmentation(Learning(flip=True), seed=1)
    >>> augment(np.zeros((2, 8, 8), "uint8")).shape
    (2, 8, 8)
    """
    steps: list[keras.Layer] = []
    seeds = {name: derive_seed(seed, name) for name in ("flip", "shift", "crop")}
    if learning.flip:
        steps.append(keras.layers.RandomFlip("horizontal", seed=seeds["flip"]))
    if learning.shift:
        shift = learning.shift
        steps.append(keras.layers.RandomTranslation(shift, shift, fill_mode="nearest", seed=seeds["shift"]))
    if learning.crop:
        steps.append(keras.layers.RandomZoom((-learning.crop, 0.0), fill_mode="nearest", seed=seeds["crop"]))
    if not steps:
        return None

    def augment(images: np.ndarray) -> np.ndarray:
        x = np.asarray(images, np.float32)
        x = x[..., None] if images.ndim == 3 else x
        for step in steps:
            x = step(x, training=True)
        return np.asarray(keras.ops.convert_to_numpy(x)).reshape(images.shape)

    return augment
