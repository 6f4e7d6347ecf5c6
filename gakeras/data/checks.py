"""Every mistake in the data that can be seen before training, each with its own message."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gakeras.data.arrays import Arrays
from gakeras.data.chunks import row_chunks
from gakeras.data.tasks import Task, check_class_counts, class_labels, infer_task, is_one_hot, name_some
from gakeras.data.weights import check_sample_weight
from gakeras.errors import InputError

__all__ = ["Task", "check_arrays", "check_num_folds", "check_validation"]

_NUMBERS = "biuf"  # dtype kinds: boolean, integer, unsigned integer, real
_LARGEST = np.sqrt(np.float64(np.finfo(np.float32).max))  # variances and squared errors must fit in float32


def check_arrays(arrays: Arrays, *, task: str = "auto", num_folds: int = 5) -> Task:
    """Return the task that the arrays state, or say what is wrong with them.

    The checks read every value once, in chunks, so memory-mapped arrays need not fit in
    memory. The order is fixed: shapes and dtypes, then values, then labels, then weights, then the
    test set.

    Args:
        arrays: `x` as a table (n, columns) or as images (n, height, width) or
            (n, height, width, channels); `y` as (n,), (n, 1) or (n, outputs).
        task: "auto" reads it from `y`: integers are classes, a single 1 per row is one-hot,
            other real numbers are regression targets, but for those that could be classes.
            "classification" and "regression" insist.
        num_folds: The number of folds that the examples will be split into.

    Raises:
        InputError: when no search could use the arrays; the message says how to mend them.

    >>> rows = np.arange(20.0).reshape(10, 2)
    >>> check_arrays(Arrays(rows, np.arange(10) % 2))
    Task(kind='binary', outputs=1)
    """
    _check_examples("x", arrays.x)
    _check_targets("y", arrays.y)
    _check_lengths("x", arrays.x, "y", arrays.y)
    check_num_folds(num_folds, len(arrays.x))
    _check_values("x", arrays.x)
    _check_values("y", arrays.y)
    found = infer_task(arrays.y, task)
    if found.is_classification:
        check_class_counts(class_labels(arrays.y, found), num_folds)
    if arrays.sample_weight is not None:
        check_sample_weight(arrays.sample_weight, len(arrays.x))
    _check_test_set(arrays, found)
    return found


def check_validation(arrays: Arrays, more: Arrays, *, task: str = "auto") -> None:
    """Say what is wrong with validation data beside the training data that they shall be joined to.

    The rules are those of a test set. Of the training data only what these need is checked:
    `check_arrays` looks at the whole of both.

    Raises:
        InputError: for examples of another shape, images of another kind of number, and labels that
            no training example has.

    >>> images = Arrays(np.zeros((4, 8, 8), np.uint8), np.arange(4) % 2)
    >>> check_validation(images, Arrays(np.zeros((2, 8, 8)), np.arange(2)))
    Traceback (most recent call last):
    gakeras.errors.InputError: Validation images must be scaled like the training images. \
Expected: validation x like x, of dtype uint8. Received: validation x of dtype float64. \
Store both as the same kind of number, in the same range.
    """
    _check_examples("x", arrays.x)
    _check_targets("y", arrays.y)
    _check_lengths("x", arrays.x, "y", arrays.y)
    _check_values("y", arrays.y)
    validation = _HeldOut("Validation", "validation x", more.x, "validation y", more.y)
    _check_held_out(validation, arrays, infer_task(arrays.y, task))


def check_num_folds(num_folds: int, num_examples: int) -> None:
    """Refuse a number of folds that leaves nothing to train on or nothing to validate with."""
    if not 2 <= num_folds <= num_examples:
        raise InputError(
            "Cross-validation needs two folds or more, and an example in each.",
            expected=f"2 <= num_folds <= {num_examples}, the number of examples",
            received=f"num_folds={num_folds}",
            way_out="Use 5, or fewer for a small set.",
        )


def _check_examples(name: str, x: np.ndarray) -> None:
    _check_is_array(name, x)
    if x.ndim not in (2, 3, 4):
        raise InputError(
            "Examples must be rows of a table or images.",
            expected=f"{name} of shape (n, columns), (n, height, width) or (n, height, width, channels)",
            received=f"{name} of shape {x.shape}",
            way_out="Reshape it, for example `x.reshape(-1, 1)` for a single column.",
        )
    _check_not_empty(name, x)
    if x.dtype.kind not in _NUMBERS:
        raise InputError(
            "Examples must be numbers.",
            expected=f"a boolean, integer or real dtype for {name}",
            received=f"dtype {x.dtype}",
            way_out="Encode text and categories first, e.g. with `sklearn.preprocessing.OneHotEncoder`.",
        )


def _check_targets(name: str, y: np.ndarray) -> None:
    _check_is_array(name, y)
    if y.ndim not in (1, 2):
        raise InputError(
            "Targets must be one label, or one row of numbers, per example.",
            expected=f"{name} of shape (n,), (n, 1) or (n, outputs)",
            received=f"{name} of shape {y.shape}",
        )
    _check_not_empty(name, y)
    if y.dtype.kind not in _NUMBERS:
        raise InputError(
            "Targets must be numbers.",
            expected=f"a boolean, integer or real dtype for {name}",
            received=f"dtype {y.dtype}, first value {y.flat[0]!r}",
            way_out="Number class names with `sklearn.preprocessing.LabelEncoder`, or use "
            "`gakeras.estimators.SearchClassifier`, which takes names.",
        )


def _check_is_array(name: str, array: object) -> None:
    if not isinstance(array, np.ndarray):
        raise InputError(
            "Data must be NumPy arrays.",
            expected=f"{name} as a numpy.ndarray",
            received=f"{name} of type {type(array).__name__}",
            way_out=f"Use `numpy.asarray({name})`.",
        )


def _check_not_empty(name: str, array: np.ndarray) -> None:
    if array.size == 0:
        raise InputError(
            "Data must not be empty.",
            expected=f"at least one value in {name}",
            received=f"{name} of shape {array.shape}",
        )


def _check_lengths(x_name: str, x: np.ndarray, y_name: str, y: np.ndarray) -> None:
    if len(x) != len(y):
        raise InputError(
            "Every example needs its target.",
            expected=f"{x_name} and {y_name} of the same length",
            received=f"{len(x)} examples in {x_name}, {len(y)} targets in {y_name}",
        )


def _check_values(name: str, array: np.ndarray) -> None:
    if array.dtype.kind != "f":
        return
    for start, rows in row_chunks(array):
        finite = np.isfinite(rows)
        if not finite.all():
            raise InputError(
                "Every value must be a finite number.",
                expected=f"neither NaN nor infinity in {name}",
                received=f"{rows[~finite][0]} in example {start + _first_bad_row(finite)} of {name}",
                way_out="Drop such examples, or fill them with `sklearn.impute.SimpleImputer`.",
            )
        small = np.abs(rows) <= _LARGEST
        if not small.all():
            raise InputError(
                "Values must be small enough that their squares fit in float32.",
                expected=f"no value beyond {_LARGEST:.1e} in {name}",
                received=f"{rows[~small][0]} in example {start + _first_bad_row(small)} of {name}",
                way_out="Use another unit, or the logarithm.",
            )


def _first_bad_row(good: np.ndarray) -> int:
    return int(np.argmin(good.reshape(len(good), -1).all(axis=1)))


def _check_test_set(arrays: Arrays, task: Task) -> None:
    x_test, y_test = arrays.x_test, arrays.y_test
    if x_test is None and y_test is None:
        return
    if x_test is None or y_test is None:
        raise InputError(
            "A test set has examples and targets.",
            expected="both of x_test and y_test, or neither",
            received=f"{'x_test' if y_test is None else 'y_test'} alone",
        )
    _check_held_out(_HeldOut("Test", "x_test", x_test, "y_test", y_test), arrays, task)


class _HeldOut(NamedTuple):
    """Examples that no network is trained on, and what messages call them."""

    purpose: str
    x_name: str
    x: np.ndarray
    y_name: str
    y: np.ndarray


def _check_held_out(held_out: _HeldOut, arrays: Arrays, task: Task) -> None:
    _, x_name, x, y_name, y = held_out
    _check_examples(x_name, x)
    _check_targets(y_name, y)
    _check_lengths(x_name, x, y_name, y)
    _check_same_form(held_out, arrays.x)
    _check_values(x_name, x)
    _check_values(y_name, y)
    _check_same_targets(held_out, arrays.y, task)


def _check_same_form(held_out: _HeldOut, x: np.ndarray) -> None:
    purpose, name, x_held = held_out[:3]
    if x_held.shape[1:] != x.shape[1:]:
        raise InputError(
            f"{purpose} examples must have the shape of the training examples.",
            expected=f"{name} of shape (n, {', '.join(map(str, x.shape[1:]))})",
            received=f"{name} of shape {x_held.shape}",
        )
    if x.ndim > 2 and (x.dtype.kind == "f") != (x_held.dtype.kind == "f"):
        raise InputError(
            f"{purpose} images must be scaled like the training images.",
            expected=f"{name} like x, of dtype {x.dtype}",
            received=f"{name} of dtype {x_held.dtype}",
            way_out="Store both as the same kind of number, in the same range.",
        )


def _check_same_targets(held_out: _HeldOut, y: np.ndarray, task: Task) -> None:
    purpose, _, _, name, y_held = held_out
    if y_held.size // len(y_held) != y.size // len(y):
        raise InputError(
            f"{purpose} targets must have as many columns as training targets.",
            expected=f"{name} like y, which has shape {y.shape}",
            received=f"{name} of shape {y_held.shape}",
        )
    if task.kind == "one_hot" and not is_one_hot(y_held):
        raise InputError(
            f"{purpose} targets must be one-hot like the training targets.",
            expected=f"a single 1 and otherwise 0 in every row of {name}",
            received="rows that are not",
        )
    if task.kind in ("multiclass", "binary"):
        unknown = np.setdiff1d(class_labels(y_held, task), class_labels(y, task))
        if len(unknown):
            raise InputError(
                f"{purpose} labels must be among the training labels.",
                expected=f"the classes 0..{len(np.unique(y)) - 1} in {name}",
                received=f"labels {name_some(unknown)}",
                way_out="Fit one `sklearn.preprocessing.LabelEncoder` on the labels of both sets.",
            )
