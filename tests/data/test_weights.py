"""Laws of weights: only ratios matter, class and sample weights multiply, and mistakes are found early."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_sample_weight

from gakeras.config import settings_from
from gakeras.data import (
    Arrays,
    DataInfo,
    Task,
    arrays_digest,
    check_arrays,
    check_fold_weights,
    example_weights,
    load_source,
    open_data,
    store_arrays,
)
from gakeras.errors import InputError

LABELS = np.array([0, 0, 0, 0, 0, 1, 1, 2, 2, 2])
OWN = np.arange(10.0)
TASK = Task("multiclass", 3)


def table(sample_weight: Any = None, y: np.ndarray = LABELS) -> Arrays:
    return Arrays(np.arange(20.0).reshape(10, 2), y, sample_weight=sample_weight)


def test_balanced_weights_are_those_of_scikit_learn_whatever_the_form_of_the_classes() -> None:
    expected = compute_sample_weight("balanced", LABELS)
    one_hot = table(y=np.eye(3)[LABELS])
    np.testing.assert_allclose(example_weights(table(), TASK, "balanced"), expected, rtol=1e-6)
    np.testing.assert_allclose(example_weights(one_hot, Task("one_hot", 3), "balanced"), expected, rtol=1e-6)


def test_weights_of_classes_multiply_those_of_examples_and_a_class_without_one_has_one() -> None:
    product = OWN * np.where(LABELS == 2, 5.0, 1.0)
    weights = example_weights(table(OWN), TASK, {2: 5.0})
    np.testing.assert_allclose(weights, product / product.mean(), rtol=1e-6)


def test_multiples_of_weights_are_the_same_weights_even_huge_ones() -> None:
    first, huge = (example_weights(table(OWN * factor), TASK) for factor in (1.0, 1e300))
    np.testing.assert_array_equal(first, huge)
    assert first is not None and first.dtype == np.float32 and first.mean() == pytest.approx(1.0)


def test_without_weights_there_are_none_and_the_digest_is_what_it_always_was(tmp_path: Path) -> None:
    assert example_weights(table(), TASK) is None
    plain, weighed = (
        store_arrays(table(), TASK, tmp_path / "a"),
        store_arrays(table(OWN), TASK, tmp_path / "b"),
    )
    assert plain.digest != weighed.digest and plain.weights_digest is None
    assert open_data(tmp_path / "a").sample_weight is None
    old = plain.to_json()
    del old["weights_digest"]
    assert DataInfo.from_json(old) == plain


def test_stored_weights_are_those_that_are_opened(tmp_path: Path) -> None:
    info = store_arrays(table(OWN), TASK, tmp_path)
    stored = open_data(tmp_path)
    np.testing.assert_array_equal(stored.sample_weight, OWN)
    assert arrays_digest(stored) == info.digest and DataInfo.from_json(info.to_json()) == info


def test_an_archive_has_weights_and_a_limit_keeps_those_of_the_examples_that_stay(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x_train=table().x, y_train=LABELS, sample_weight=OWN)
    np.testing.assert_array_equal(load_source("d.npz", base_dir=tmp_path, limit=4).sample_weight, OWN[:4])


MISTAKES: dict[str, tuple[Any, str]] = {
    "too few": (OWN[:9], r"shape \(10,\). Received: shape \(9,\)"),
    "two columns": (np.ones((10, 2)), r"Received: shape \(10, 2\)"),
    "text": (OWN.astype(str), "Received: dtype <U"),
    "a negative one": (OWN - 1, "Received: -1.0 for example 0"),
    "NaN": (np.where(LABELS == 1, np.nan, 1.0), "Received: nan for example 5"),
    "infinity": (np.where(LABELS == 2, np.inf, 1.0), "Received: inf for example 7"),
    "nothing but zeros": (OWN * 0, "Received: 0 for all 10 examples"),
}


@pytest.mark.parametrize(("weights", "message"), MISTAKES.values(), ids=MISTAKES)
def test_weights_that_cannot_be_are_refused_with_the_data(weights: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_arrays(table(weights), num_folds=2)


CLASS_MISTAKES: dict[str, tuple[Arrays, Task, Any, str]] = {
    "an unknown class": (table(), TASK, {0: 2.0, 3: 1.0}, r"classes 0..2. Received: class_weight for 3"),
    "all zero": (table(), TASK, {0: 0.0, 1: 0.0, 2: 0.0}, "Some example must count"),
    "regression": (table(y=OWN), Task("regression", 1), "balanced", "Only classes have class weights"),
}


@pytest.mark.parametrize(
    ("arrays", "task", "class_weight", "message"), CLASS_MISTAKES.values(), ids=CLASS_MISTAKES
)
def test_class_weights_that_cannot_be_are_refused(
    arrays: Arrays, task: Task, class_weight: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        example_weights(arrays, task, class_weight)


@pytest.mark.parametrize("fold", [0, 1])
def test_a_fold_has_something_to_train_on_and_to_validate_with(fold: int) -> None:
    folds = np.array([0, 1] * 5)
    check_fold_weights(np.ones(10), folds)
    with pytest.raises(InputError, match="weight 0 for all that fold 0"):
        check_fold_weights((folds == fold).astype(float), folds)


def test_class_weights_survive_toml_and_journals_which_have_text_as_keys() -> None:
    settings = settings_from({"max_evaluations": 1, "class_weight": {"0": 1, "2": 0.5}})
    assert settings.class_weight == {0: 1.0, 2: 0.5}
    assert settings_from(settings.to_json()) == settings
    assert settings_from({"max_evaluations": 1}).class_weight is None


@pytest.mark.parametrize("value", ["balance", {"a": 1}, {0: -1.0}, {0: float("nan")}, 3])
def test_class_weights_of_another_form_are_refused(value: Any) -> None:
    with pytest.raises(InputError, match='class_weight: "balanced", or a finite weight'):
        settings_from({"max_evaluations": 1, "class_weight": value})


def test_the_test_set_has_no_weights() -> None:
    arrays = dataclasses.replace(table(OWN), x_test=table().x, y_test=LABELS)
    assert check_arrays(arrays, num_folds=2) == TASK
