"""Laws of varied images."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from gakeras.errors import InputError
from gakeras.fitness.augmentation import new_augmentation
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.trainer import Trainer

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(1, 255, (40, 10, 8, 1)).astype("uint8")


def test_nothing_asked_for_is_nothing_done() -> None:
    assert new_augmentation(TrainingOptions(), (10, 8, 1), 1) is None


def test_a_shift_moves_every_image_by_whole_pixels_within_its_bounds() -> None:
    dot = np.zeros((60, 20, 20), "uint8")
    dot[:, 10, 10] = 200
    augment = new_augmentation(TrainingOptions(shift=0.1), (20, 20), 1)
    assert augment is not None
    moved = augment(dot)
    assert ((moved == 200).sum(axis=(1, 2)) == 1).all()
    places = np.argwhere(moved == 200)[:, 1:]
    assert np.abs(places - 10).max() == 2
    assert len(np.unique(places, axis=0)) > 10


def test_a_flip_turns_about_half_of_the_images() -> None:
    augment = new_augmentation(TrainingOptions(flip=True), (10, 8, 1), 1)
    assert augment is not None
    turned = augment(IMAGES)
    is_turned = (turned == IMAGES[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((turned == IMAGES).all(axis=(1, 2, 3)) ^ is_turned).all()
    assert 5 < is_turned.sum() < 35


def test_a_crop_stretches_the_middle_of_every_image_to_its_size() -> None:
    columns = np.broadcast_to(np.arange(20, dtype="float32"), (30, 20, 20))[..., None]
    augment = new_augmentation(TrainingOptions(crop=0.25), (20, 20, 1), 1)
    assert augment is not None
    cut = augment(np.ascontiguousarray(columns))
    assert cut.shape == columns.shape
    spans = cut[:, 0, -1, 0] - cut[:, 0, 0, 0]
    assert spans.min() > 13 and spans.max() < 19.1  # from 15 to 20 of 20 columns
    assert len(np.unique(spans.round(2))) > 10


def test_about_half_of_the_images_lose_one_rectangle_within_its_bounds() -> None:
    augment = new_augmentation(TrainingOptions(erase=0.4), (20, 30, 3), 1)
    assert augment is not None
    images = np.full((200, 20, 30, 3), 7, "uint8")
    erased = augment(images)
    assert set(np.unique(erased)) == {0, 7}
    assert (erased == erased[..., :1]).all(), "a rectangle goes through all channels"
    is_hit = (erased == 0).any(axis=(1, 2, 3))
    assert 60 < is_hit.sum() < 140
    sides = []
    for image in erased[is_hit, :, :, 0] == 0:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        assert image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].all()
        sides.append((len(rows), len(columns)))
    assert max(height for height, _ in sides) in (7, 8, 9) and max(width for _, width in sides) in (
        11,
        12,
        13,
    )
    assert len(set(sides)) > 20


@pytest.mark.parametrize("seed", [1, 2])
def test_the_images_of_an_epoch_come_from_its_seed(seed: int) -> None:
    options = TrainingOptions(shift=0.2, crop=0.2, flip=True, erase=0.3)
    first, again, other = (new_augmentation(options, (10, 8, 1), s) for s in (seed, seed, seed + 2))
    assert first is not None and again is not None and other is not None
    images = first(IMAGES)
    np.testing.assert_array_equal(images, again(IMAGES))
    assert (images != other(IMAGES)).any()


def test_tables_are_refused() -> None:
    with pytest.raises(InputError, match="images"):
        new_augmentation(TrainingOptions(shift=0.1), (5,), 1)


def test_a_trainer_shows_varied_images_with_their_own_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input((10, 8, 1)), keras.layers.Flatten(), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
    trainer = Trainer(model, 16, 40, TrainingOptions(flip=True))
    seen: list[tuple[np.ndarray, np.ndarray]] = []

    def look(x: np.ndarray, y: np.ndarray, **_: object) -> dict[str, float]:
        seen.append((x, y))
        return {"loss": 0.0}

    monkeypatch.setattr(model, "train_on_batch", look)
    trainer.train_epoch(IMAGES, np.arange(40), np.arange(40), seed=3)
    assert [x.shape for x, _ in seen] == [(16, 10, 8, 1)] * 3
    for x, y in seen:
        original = IMAGES[y.ravel()]
        is_same, is_turned = (
            (x == version).all(axis=(1, 2, 3)) for version in (original, original[:, :, ::-1])
        )
        assert (is_same | is_turned).all()
    assert sorted({int(label) for _, y in seen for label in y.ravel()}) == list(range(40))
