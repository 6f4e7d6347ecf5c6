"""Laws of folds: every example validates once, and the same seed gives the same folds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gakeras.data import (
    Task,
    assign_folds,
    assign_folds_of_part,
    column_statistics,
    fold_indices,
    folds_digest,
)
from gakeras.errors import InputError

LABELS = np.repeat([0, 1, 2], [20, 10, 5])
TARGETS = {
    "multiclass": (LABELS, Task("multiclass", 3)),
    "binary": ((LABELS[:, None] > 0), Task("binary", 1)),
    "one_hot": (np.eye(3, dtype=np.float32)[LABELS], Task("one_hot", 3)),
    "regression": (np.linspace(0, 1, 70).reshape(35, 2), Task("regression", 2)),
}


@pytest.mark.parametrize("kind", TARGETS)
def test_every_example_validates_in_exactly_one_fold(kind: str) -> None:
    y, task = TARGETS[kind]
    folds = assign_folds(y, task, 5, seed=3)
    assert (folds.shape, folds.dtype) == ((35,), np.int16)
    validations = [fold_indices(folds, fold)[1] for fold in range(5)]
    assert sorted(np.concatenate(validations)) == list(range(35))
    assert {len(validation) for validation in validations} == {7}


@pytest.mark.parametrize("kind", ["multiclass", "one_hot"])
def test_every_fold_has_the_same_share_of_every_class(kind: str) -> None:
    folds = assign_folds(*TARGETS[kind], 5, seed=3)
    for fold in range(5):
        assert np.bincount(LABELS[folds == fold]).tolist() == [4, 2, 1]


@pytest.mark.parametrize("kind", TARGETS)
def test_folds_depend_on_the_seed_and_on_nothing_else(kind: str) -> None:
    y, task = TARGETS[kind]
    np.random.seed(1)
    first = assign_folds(y, task, 5, seed=3)
    np.random.seed(2)
    np.testing.assert_array_equal(first, assign_folds(y, task, 5, seed=3))
    assert (first != assign_folds(y, task, 5, seed=4)).any()


def test_labels_and_their_one_hot_rows_get_the_same_folds() -> None:
    np.testing.assert_array_equal(
        assign_folds(*TARGETS["multiclass"], 5, seed=3), assign_folds(*TARGETS["one_hot"], 5, seed=3)
    )


def test_folds_are_shuffled() -> None:
    folds = assign_folds(*TARGETS["regression"], 5, seed=3)
    assert (np.diff(folds) < 0).any()


@pytest.mark.parametrize("num_folds", [1, 36])
def test_a_number_of_folds_out_of_range_is_refused(num_folds: int) -> None:
    with pytest.raises(InputError, match="2 <= num_folds <= 35"):
        assign_folds(*TARGETS["regression"], num_folds, seed=3)


def test_a_class_with_fewer_examples_than_folds_is_refused() -> None:
    with pytest.raises(InputError, match="num_folds=6, class 2 has 5"):
        assign_folds(*TARGETS["multiclass"], 6, seed=3)


def test_training_and_validation_share_nothing_and_leave_nothing_out() -> None:
    train, validation = fold_indices(np.array([1, 0, 1, 2], np.int16), 1)
    assert (train.tolist(), validation.tolist()) == ([1, 3], [0, 2])


@pytest.mark.parametrize("kind", TARGETS)
def test_folds_of_a_part_leave_the_others_out_of_training_and_validation(kind: str) -> None:
    y, task = TARGETS[kind]
    folds = assign_folds_of_part(y, task, 2, 14, seed=3)
    assert (folds >= 0).sum() == 14 and folds.dtype == np.int16
    for fold in range(2):
        train, validation = fold_indices(folds, fold)
        assert len(train) == len(validation) == 7
        assert sorted([*train, *validation]) == np.flatnonzero(folds >= 0).tolist()
    np.testing.assert_array_equal(folds, assign_folds_of_part(y, task, 2, 14, seed=3))
    assert (folds != assign_folds_of_part(y, task, 2, 14, seed=4)).any()
    np.testing.assert_array_equal(
        assign_folds_of_part(y, task, 2, 35, seed=3), assign_folds(y, task, 2, seed=3)
    )


def test_a_part_has_the_same_share_of_every_class() -> None:
    folds = assign_folds_of_part(*TARGETS["multiclass"], 2, 21, seed=3)
    assert np.bincount(LABELS[folds >= 0]).tolist() == [12, 6, 3]


@pytest.mark.parametrize(
    ("num_examples", "message"), [(36, "at most 35"), (34, "every class"), (4, "num_folds|every class")]
)
def test_a_part_that_cannot_be_drawn_is_refused(num_examples: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        assign_folds_of_part(*TARGETS["multiclass"], 2, num_examples, seed=3)


@pytest.mark.parametrize("fold", [-1, 3])
def test_a_fold_that_is_not_there_is_refused(fold: int) -> None:
    with pytest.raises(InputError, match=rf"a fold of 0..2. Received: fold={fold}"):
        fold_indices(np.array([1, 0, 1, 2], np.int16), fold)


def test_the_digest_tells_folds_apart_whatever_their_dtype() -> None:
    folds = np.array([0, 1, 1, 0], np.int16)
    assert folds_digest(folds) == folds_digest(folds.astype(">i8"))
    assert folds_digest(folds) != folds_digest(1 - folds)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "float16", "float32", "float64"])
def test_standardised_columns_have_mean_0_and_variance_1(dtype: Any) -> None:
    x = (np.random.default_rng(5).normal(size=(500, 3)) * [1, 5, 20] + 100).astype(dtype)
    mean, variance = column_statistics(x)
    assert mean.dtype == variance.dtype == np.float32 and mean.shape == variance.shape == (3,)
    scaled = (x - mean.astype(np.float64)) / np.sqrt(variance)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(scaled.std(axis=0), 1, atol=1e-4)


@pytest.mark.parametrize("value", [0.0, 0.1, -1e15, 1e-30])
def test_a_constant_column_has_variance_1(value: float) -> None:
    mean, variance = column_statistics(np.full((1001, 2), value))
    assert variance.tolist() == [1.0, 1.0]
    assert mean.tolist() == [np.float32(value)] * 2


def test_statistics_are_exact_far_from_zero_and_in_any_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.array([[16_000_001.0], [16_000_003.0], [16_000_002.0], [16_000_002.0]])
    monkeypatch.setattr("gakeras.data.chunks.CHUNK_BYTES", 8)
    mean, variance = column_statistics(x)
    assert (mean.tolist(), variance.tolist()) == ([16_000_002.0], [0.5])


@pytest.mark.parametrize("shape", [(4, 2, 2), (4,), (0, 3)], ids=str)
def test_only_tables_have_statistics(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="columns of a table"):
        column_statistics(np.zeros(shape))
