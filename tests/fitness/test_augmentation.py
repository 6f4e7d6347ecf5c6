"""Laws of augmentation: images change in training alone, by the genes that say so and a seed."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from gakeras.encoding import Learning
from gakeras.errors import InputError
from gakeras.fitness.augmentation import augmentation
from gakeras.fitness.trainer import Trainer

IMAGES = np.random.default_rng(3).integers(0, 256, (40, 8, 8)).astype("uint8")
ALL = Learning(flip=True, shift=0.25, crop=0.25)


def augmented(learning: Learning, seed: int = 1, images: np.ndarray = IMAGES) -> np.ndarray:
    augment = augmentation(learning, seed)
    assert augment is not None
    return augment(images)


def test_a_flip_turns_about_half_of_the_images_left_to_right_and_changes_nothing_else() -> None:
    flipped = augmented(Learning(flip=True))
    is_turned = [(new == old[:, ::-1]).all() for new, old in zip(flipped, IMAGES, strict=True)]
    is_kept = [(new == old).all() for new, old in zip(flipped, IMAGES, strict=True)]
    assert all(turned != kept for turned, kept in zip(is_turned, is_kept, strict=True))
    assert 10 < sum(is_turned) < 30


def test_a_shift_moves_images_by_at_most_its_share_of_their_sides() -> None:
    ramp = np.broadcast_to(np.arange(16, dtype="float32"), (40, 16, 16))  # its value says where it was
    moved = augmented(Learning(shift=0.25), images=ramp)[:, 8, 8] - 8
    assert np.abs(moved).max() <= 4 + 1e-4 and moved.min() < -2 and moved.max() > 2
    assert len(set(moved.tolist())) == 40  # each by itself


def test_a_crop_takes_away_at_most_its_share_and_fills_the_image() -> None:
    ramp = np.broadcast_to(np.arange(16, dtype="float32"), (40, 16, 16))
    cropped = augmented(Learning(crop=0.5), images=ramp)
    seen = cropped[:, 8, -1] - cropped[:, 8, 0]
    assert 15 * 0.5 - 1e-3 <= seen.min() < 11 < 13 < seen.max() <= 15 + 1e-3


@pytest.mark.parametrize("shape", [(8, 8), (8, 8, 1), (8, 8, 3)], ids=str)
@pytest.mark.parametrize("dtype", ["uint8", "float64"])
def test_images_of_every_kind_keep_their_shape_and_their_range(shape: tuple[int, ...], dtype: str) -> None:
    images = np.random.default_rng(1).integers(0, 256, (5, *shape)).astype(dtype)
    before = images.copy()
    changed = augmented(ALL, images=images)
    assert (changed.shape, changed.dtype) == (images.shape, np.float32)
    assert changed.min() >= images.min() - 1e-3 and changed.max() <= images.max() + 1e-3
    np.testing.assert_array_equal(images, before)


def test_batches_are_drawn_from_the_seed_and_each_anew() -> None:
    one, same, other = (augmentation(ALL, seed) for seed in (1, 1, 2))
    assert one and same and other
    first = [one(IMAGES), one(IMAGES)]
    np.testing.assert_array_equal(first, [same(IMAGES), same(IMAGES)])
    assert (first[0] != first[1]).any() and (first[0] != other(IMAGES)).any()


def test_genes_that_change_no_image_have_no_augmentation() -> None:
    assert augmentation(Learning("adam", 0.01, 64, "cosine"), 1) is None


def network() -> keras.Model:
    stack = [keras.Input((8, 8)), layers.Flatten(), layers.Dense(1, name="out")]
    model = keras.Sequential(stack)
    model.compile(optimizer=keras.optimizers.SGD(0.0), loss="mean_squared_error")
    return model


def test_a_trainer_changes_images_in_training_alone_and_by_its_seed() -> None:
    """At learning rate 0 nothing but the images can differ."""
    x, y = IMAGES / 255, np.arange(40.0)[:, None] / 40
    plain = Trainer(network(), batch_size=40, max_examples=40)
    trainer = Trainer(plain.model, batch_size=40, max_examples=40, learning=ALL)
    plain.reset(1)
    unchanged = plain.train_epoch(x, y, np.arange(40), seed=3)
    losses = [trainer.train_epoch(x, y, np.arange(40), seed) for seed in (3, 4, 3)]
    assert losses[0] == losses[2] != losses[1] and losses[0] != unchanged
    np.testing.assert_array_equal(trainer.predict(x, np.arange(40)), plain.predict(x, np.arange(40)))
    assert [layer.name for layer in trainer.model.layers][-1] == "out" and len(trainer.model.layers) == 2


@pytest.mark.parametrize("learning", [Learning(flip=True), Learning(shift=0.1), Learning(crop=0.1)], ids=str)
def test_a_table_is_not_augmented(learning: Learning) -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Dense(1)])
    model.compile(optimizer="sgd", loss="mean_squared_error")
    arguments: dict[str, Any] = {"batch_size": 4, "max_examples": 8}
    with pytest.raises(InputError, match=r"Only images.*\(4,\)"):
        Trainer(model, **arguments, learning=learning)
    assert Trainer(model, **arguments, learning=Learning("adam")).learning.optimizer == "adam"
