"""The laws of a mask that is held: zero through training, no trace of it in the file."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest
from keras_models import lenet, with_random_weights

from gakeras.errors import InputError
from gakeras.synthesis.storage import load_masks, save_masks
from gakeras.synthesis.weights import HeldMask, hold_masks, read_kernels, release_masks


def masked_lenet(share: float = 0.4) -> tuple[keras.Model, dict[str, np.ndarray]]:
    model = with_random_weights(lenet("valid"), 0)
    rng = np.random.default_rng(0)
    masks = {name: rng.random(kernel.shape) < share for name, kernel in read_kernels(model).items()}
    hold_masks(model, masks)
    return model, masks


def train(model: keras.Model, epochs: int = 2) -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(64, 14, 14, 1)).astype("float32"), rng.integers(0, 4, 64)
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0)


def assert_held(model: keras.Model, masks: dict[str, np.ndarray]) -> None:
    for name, kernel in read_kernels(model).items():
        assert not kernel[~masks[name]].any()


def test_a_held_mask_survives_training_and_the_rest_learns() -> None:
    model, masks = masked_lenet()
    before = read_kernels(model)
    assert_held(model, masks)
    train(model)
    assert_held(model, masks)
    for name, kernel in read_kernels(model).items():
        assert (kernel != before[name])[masks[name]].mean() > 0.5


def test_without_a_mask_training_revives_zeros() -> None:
    model, masks = masked_lenet()
    release_masks(model)
    train(model)
    assert any(kernel[~masks[name]].any() for name, kernel in read_kernels(model).items())


def test_an_unfinished_family_goes_on_from_its_files(tmp_path: Path) -> None:
    model, masks = masked_lenet()
    train(model, epochs=1)
    model.save(tmp_path / "model.keras")
    save_masks(tmp_path / "masks.npz", masks)
    loaded, again = keras.models.load_model(tmp_path / "model.keras"), load_masks(tmp_path / "masks.npz")
    assert all(weight.constraint is None for weight in loaded.weights)
    assert_held(loaded, masks)
    hold_masks(loaded, again)
    train(loaded, epochs=1)
    assert_held(loaded, masks)


def test_a_layers_own_constraint_works_inside_the_mask_and_comes_back() -> None:
    norm = keras.constraints.MaxNorm(0.5)
    dense = keras.layers.Dense(3, kernel_constraint=norm, name="out")
    model = keras.Sequential([keras.Input((4,)), dense])
    mask = np.array([[True, False, True]] * 4)
    hold_masks(model, {"out/kernel": mask})
    hold_masks(model, {"out/kernel": mask})  # twice is once
    assert isinstance(dense.kernel.constraint, HeldMask) and dense.kernel.constraint.before is norm
    value = keras.ops.convert_to_numpy(dense.kernel.constraint(keras.ops.ones((4, 3))))
    np.testing.assert_allclose(np.linalg.norm(value, axis=0), [0.5, 0.0, 0.5], rtol=1e-5)
    release_masks(model)
    assert dense.kernel.constraint is norm


@pytest.mark.parametrize("masks", [{"gone/kernel": np.ones((3, 3), bool)}, {"out/kernel": np.ones(3, bool)}])
def test_a_mask_that_fits_no_kernel_is_refused_and_nothing_is_changed(masks) -> None:
    model = with_random_weights(lenet("valid"), 0)
    before = read_kernels(model)
    with pytest.raises(InputError, match=r"must fit the kernel.*conv_1/kernel.*a mask '"):
        hold_masks(model, masks)
    for name, kernel in read_kernels(model).items():
        np.testing.assert_array_equal(kernel, before[name])
