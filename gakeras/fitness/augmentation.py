"""Images that are a little different in every epoch, by the layers of Keras."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np

from gakeras.fitness.options import TrainingOptions, check_varied, varies
from gakeras.seeding import derive_seed

Augment = Callable[[np.ndarray], np.ndarray]


def new_augmentation(options: TrainingOptions, input_shape: tuple[int, ...], seed: int) -> Augment | None:
    """Return what changes the images of one epoch at random, or None where the options ask for nothing.

    The layers are no part of the network, so a model that is saved knows nothing of them.

    Args:
        options: `shift`, `crop`, `flip` and `erase` are used.
        input_shape: Of one example, (height, width) or (height, width, channels).
        seed: The same seed and the same calls give the same images.

    Raises:
        InputError: for examples that are no images.

    >>> augment = new_augmentation(TrainingOptions(shift=0.2), (10, 10), seed=1)
    >>> augment(np.ones((2, 10, 10), "uint8")).shape
    (2, 10, 10)
    """
    if not varies(options):
        return None
    check_varied(options, input_shape)
    layers: list[keras.layers.Layer] = []
    if options.shift > 0:
        layers.append(
            keras.layers.RandomTranslation(
                options.shift,
                options.shift,
                fill_mode="nearest",
                interpolation="nearest",
                seed=derive_seed(seed, "shift") % 2**31,
            )
        )
    if options.crop > 0:
        seeded = derive_seed(seed, "crop") % 2**31
        layers.append(keras.layers.RandomZoom((-options.crop, 0.0), fill_mode="nearest", seed=seeded))
    if options.flip:
        layers.append(keras.layers.RandomFlip("horizontal", seed=derive_seed(seed, "flip") % 2**31))
    if options.erase > 0:
        layers.append(
            keras.layers.RandomErasing(
                (0.5, 0.5),  # one number would be the largest probability, not the probability
                scale=(0.0, options.erase**2),
                fill_value=0,
                seed=derive_seed(seed, "erase") % 2**31,
            )
        )

    def augment(images: np.ndarray) -> np.ndarray:
        changed = images.reshape(*images.shape[:3], -1)
        for layer in layers:
            changed = layer(changed, training=True)
        return np.asarray(keras.ops.convert_to_numpy(changed)).reshape(images.shape)

    return augment
