"""What is to be learnt: read from the targets alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gakeras.errors import InputError

TaskKind = Literal["multiclass", "one_hot", "binary", "regression"]

_AMOUNTS = 'Where the targets are amounts, say task="regression".'
_ENCODE = "Number the classes with `sklearn.preprocessing.LabelEncoder`."


class ClassesError(InputError):
    """Targets that cannot be the classes they are taken for; perhaps they are amounts."""


@dataclass(frozen=True)
class Task:
    """The kind of target and the number of units the last layer needs for it.

    multiclass: labels 0..C-1, outputs = C > 2. binary: labels 0 and 1, outputs = 1.
    one_hot: rows with a single 1, outputs = C. regression: real numbers, outputs = columns.
    """

    kind: TaskKind
    outputs: int

    @property
    def is_classification(self) -> bool:
        return self.kind != "regression"

    @property
    def metric(self) -> str:
        """What is reported beside the loss, unless a metric is asked for by its name."""
        return "accuracy" if self.is_classification else "mean_absolute_error"


def infer_task(y: np.ndarray, wish: str = "auto") -> Task:
    """Return the task that the training targets state, or refuse targets that state none.

    Under "auto", integers and booleans in one column are classes, rows with a single 1 are
    one-hot classes, and other real numbers are regression targets. Real numbers that are just the
    classes 0..C-1, each of them more than once, could be either, so they need another wish:
    "classification" takes whole numbers stored as floats; "regression" takes every number as it is.

    Args:
        y: Finite numbers, shape (n,), (n, 1) or (n, outputs), n > 0.
        wish: "auto", "classification" or "regression".

    Raises:
        ClassesError: when classes are not exactly 0..C-1 with C > 1, or when labels are not whole
            numbers or not one per example.
        InputError: when real numbers could be classes under "auto", and when a regression target
            never changes.

    >>> infer_task(np.array([0, 1, 2, 1]))
    Task(kind='multiclass', outputs=3)
    >>> infer_task(np.array([0.5, 1.5]))
    Task(kind='regression', outputs=1)
    """
    if wish not in ("auto", "classification", "regression"):
        raise InputError(
            "The task must be known.",
            expected='task "auto", "classification" or "regression"',
            received=f"task={wish!r}",
        )
    columns = 1 if y.ndim == 1 else y.shape[1]
    if wish != "regression" and columns > 1 and is_one_hot(y):
        check_classes(y.argmax(axis=1), columns)
        return Task("one_hot", columns)
    if wish == "auto" and y.dtype.kind == "f":
        _check_no_classes(y)
        wish = "regression"
    if wish == "regression":
        _check_targets_vary(y.reshape(len(y), columns))
        return Task("regression", columns)
    if columns > 1:
        raise ClassesError(
            "Class labels in several columns must be one-hot.",
            expected="a single 1 and otherwise 0 in every row, or one label per example",
            received=f"y of shape {y.shape} and dtype {y.dtype}, first row {y[0].tolist()[:10]}",
            way_out='Use one label per example, or task="regression" for several numbers.',
        )
    labels = whole_labels(y)
    num_classes = len(np.unique(labels))
    check_classes(labels, num_classes)
    return Task("binary", 1) if num_classes == 2 else Task("multiclass", num_classes)


def is_one_hot(y: np.ndarray) -> bool:
    """Whether every row of `y`, shape (n, C), holds a single 1 and otherwise 0."""
    ones = y == 1
    return bool(np.all(ones | (y == 0)) and np.all(ones.sum(axis=1) == 1))


def whole_labels(y: np.ndarray) -> np.ndarray:
    """Return one label per example as int64, shape (n,); refuse what is not a whole number."""
    labels = y.reshape(-1)
    broken = labels[labels != np.floor(labels)] if labels.dtype.kind == "f" else labels[:0]
    if len(broken):
        raise ClassesError(
            "Class labels must be whole numbers.",
            expected="integral values in y",
            received=f"non-integer labels {name_some(broken)}",
            way_out='Use task="regression" for real numbers.',
        )
    return labels.astype(np.int64)


def class_labels(y: np.ndarray, task: Task) -> np.ndarray:
    """Return the class of every example, shape (n,), for any kind of classification."""
    return y.argmax(axis=1) if task.kind == "one_hot" else whole_labels(y)


def check_classes(labels: np.ndarray, num_classes: int) -> None:
    """Refuse training labels that are not exactly the classes 0..C-1, or are all the same."""
    present = np.unique(labels)
    if len(present) == 1:
        raise ClassesError(
            "A classifier needs two classes or more.",
            expected="at least 2 different labels",
            received=f"the label {present[0]} for all {len(labels)} examples",
            way_out='Use more varied examples, or task="regression".',
        )
    wanted = np.arange(num_classes)
    outside, missing = np.setdiff1d(present, wanted), np.setdiff1d(wanted, present)
    if len(outside) or len(missing):
        found = [f"labels outside that range: {name_some(outside)}"] if len(outside) else []
        found += [f"labels without an example: {name_some(missing)}"] if len(missing) else []
        raise ClassesError(
            "Classes must be numbered without gaps from 0.",
            expected=f"every label of 0..{num_classes - 1} in the training set, and no other",
            received="; ".join(found),
            way_out=f"{_ENCODE} {_AMOUNTS}",
        )


def check_class_counts(labels: np.ndarray, num_folds: int) -> None:
    """Refuse a class with fewer examples than folds: some fold could not be validated on it."""
    classes, counts = np.unique(labels, return_counts=True)
    smallest = counts.argmin()
    if counts[smallest] < num_folds:
        raise ClassesError(
            "Every fold needs an example of every class.",
            expected=f"at least {num_folds} training examples per class",
            received=f"num_folds={num_folds}, class {classes[smallest]} has {counts[smallest]}",
            way_out=f"Use fewer folds or more examples of that class. {_AMOUNTS}",
        )


def name_some(values: np.ndarray, at_most: int = 10) -> str:
    """List the different values, the first few of them.

    >>> name_some(np.array([7, 3, 7]))
    '3, 7'
    """
    distinct = np.unique(values)
    named = ", ".join(str(value) for value in distinct[:at_most].tolist())
    return named if len(distinct) <= at_most else f"{named} and {len(distinct) - at_most} more"


def _check_no_classes(y: np.ndarray) -> None:
    """Refuse real numbers that are just 0..C-1, each more than once: labels, or amounts, for all one sees."""
    values, counts = np.unique(y, return_counts=True)
    if len(values) > 1 and counts.min() > 1 and np.array_equal(values, np.arange(len(values))):
        raise InputError(
            "Real numbers that are just 0..C-1 may be classes or amounts.",
            expected="a task that says which",
            received=f"targets of dtype {y.dtype} among 0..{len(values) - 1}, task='auto'",
            way_out='Say task="classification" or task="regression".',
        )


def _check_targets_vary(y: np.ndarray) -> None:
    targets = y.astype(np.float32)  # what a network learns from; closer numbers become one
    constant = np.flatnonzero(targets.min(axis=0) == targets.max(axis=0))
    if len(constant):
        raise InputError(
            "A regression target must vary.",
            expected="at least 2 different values, as float32, in every column of y",
            received=f"column {constant[0]} is {targets[0, constant[0]]} for all {len(y)} examples",
            way_out="Leave that column out.",
        )
