"""Which examples train and which validate, and what a fold knows of its columns."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np

from gakeras.data.checks import check_num_folds
from gakeras.data.chunks import row_chunks
from gakeras.data.tasks import Task, check_class_counts, class_labels
from gakeras.errors import InputError
from gakeras.seeding import derive_seed


def assign_folds(y: np.ndarray, task: Task, num_folds: int, seed: int) -> np.ndarray:
    """Return, for each example, the fold that validates on it: int16, shape (n,), 0..num_folds-1.

    Examples are shuffled by `seed`. Folds differ by at most one example for regression; for
    classes they are stratified by scikit-learn's `StratifiedKFold`, so that each fold has
    about the same share of every class. The same arguments give the same folds.

    Args:
        y: Targets, raw or stored: shape (n,), (n, 1) or (n, outputs).
        task: What `check_arrays` returned for them.
        num_folds: 2 or more, at most the number of examples of the smallest class.
        seed: In [0, 2**32), for example from `derive_seed`.

    Raises:
        InputError: when there are too few examples, or too few of a class, for the folds.

    >>> assign_folds(np.array([0, 1] * 4), Task("binary", 1), num_folds=2, seed=7).shape
    (8,)
    """
    from sklearn.model_selection import KFold, StratifiedKFold

    check_num_folds(num_folds, len(y))
    if task.is_classification:
        labels = class_labels(y, task)
        check_class_counts(labels, num_folds)
        splitter = StratifiedKFold(num_folds, shuffle=True, random_state=seed)
    else:
        labels = np.zeros(len(y), dtype=np.int8)  # KFold looks at the length alone
        splitter = KFold(num_folds, shuffle=True, random_state=seed)
    folds = np.empty(len(y), dtype=np.int16)
    for fold, (_, validation) in enumerate(splitter.split(labels, labels)):
        folds[validation] = fold
    return folds


NO_FOLD = -1
"""The fold of an example that is left to the final training."""


def assign_folds_of_part(
    y: np.ndarray, task: Task, num_folds: int, num_examples: int, seed: int
) -> np.ndarray:
    """Return folds of so many of the examples, as `assign_folds` does; all others have `NO_FOLD`.

    They are drawn by `seed`, with the same share of every class; no fold trains on the others or
    validates with them.

    Raises:
        InputError: where there are fewer examples, or too few of a class.

    >>> np.bincount(assign_folds_of_part(np.array([0, 1] * 10), Task("binary", 1), 2, 8, seed=7) + 1).tolist()
    [12, 4, 4]
    """
    if num_examples > len(y):
        raise InputError(
            "A search sees examples of the training data.",
            expected=f"search_examples of at most {len(y)}",
            received=f"search_examples={num_examples}",
            way_out="Leave it out to search on all of them.",
        )
    if num_examples == len(y):
        return assign_folds(y, task, num_folds, seed)
    try:
        drawn = _drawn(y, task, num_examples, derive_seed(seed, "part"))
    except ValueError as error:
        raise InputError(
            "A search sees some examples of every class, and leaves some.",
            expected=f"search_examples that split the {len(y)} training examples so",
            received=f"search_examples={num_examples} ({error})",
            way_out="Use more examples, or all by leaving it out.",
        ) from None
    folds = np.full(len(y), NO_FOLD, dtype=np.int16)
    folds[drawn] = assign_folds(y[drawn], task, num_folds, seed)
    return folds


def assign_validation(y: np.ndarray, task: Task, share: float, seed: int) -> np.ndarray:
    """Return folds of which only fold 0 is ever held out: int16, shape (n,), 0 validates and 1 trains.

    The validation part has about `share` of the examples and the same share of every class, of a rare
    one perhaps none, chosen by `seed` with scikit-learn's `StratifiedShuffleSplit`; real-valued
    targets are not stratified.

    Args:
        y: Targets, raw or stored.
        task: What `check_arrays` returned for them.
        share: Of the training examples, above 0 and below 1.
        seed: In [0, 2**32), for example from `derive_seed`.

    Raises:
        InputError: when there are too few examples, or too few for every class to be on both sides.

    >>> np.bincount(assign_validation(np.array([0, 1] * 10), Task("binary", 1), 0.2, seed=7)).tolist()
    [4, 16]
    """
    try:
        validation = _drawn(y, task, share, seed)
    except ValueError as error:
        raise InputError(
            "Every class needs an example to train on and one to validate with."
            if task.is_classification
            else "There are examples to train on and examples to validate with.",
            expected=f"a validation_share that splits the {len(y)} training examples so",
            received=f"validation_share={share} ({error})",
            way_out="Use a larger share or more data.",
        ) from None
    folds = np.ones(len(y), dtype=np.int16)
    folds[validation] = 0
    return folds


def _drawn(y: np.ndarray, task: Task, size: int | float, seed: int) -> np.ndarray:
    """Return the indices of so many examples, or of a share; ValueError where classes are too small."""
    from sklearn.model_selection import ShuffleSplit, StratifiedShuffleSplit

    splits = StratifiedShuffleSplit if task.is_classification else ShuffleSplit
    labels = class_labels(y, task) if task.is_classification else np.zeros(len(y), dtype=np.int8)
    _, drawn = next(splits(1, test_size=size, random_state=seed).split(labels, labels))
    return np.asarray(drawn)


def validation_part(y: np.ndarray, task: Task, share: float, run_seed: int) -> np.ndarray:
    """Return the folds of a final training that holds a share out; all repeats have the same."""
    return assign_validation(y, task, share, derive_seed(run_seed, "final validation"))


def fold_indices(folds: np.ndarray, fold: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices of the examples that train and of those that validate, both ascending.

    Those that have `NO_FOLD` do neither.

    >>> train, validation = fold_indices(np.array([0, 1, 1, 0]), 0)
    >>> train.tolist(), validation.tolist()
    ([1, 2], [0, 3])
    """
    validation = np.flatnonzero(folds == fold)
    if not len(validation) or fold == NO_FOLD:
        raise InputError(
            "A fold must have examples.",
            expected=f"a fold of 0..{folds.max()}",
            received=f"fold={fold}",
        )
    return np.flatnonzero((folds != fold) & (folds != NO_FOLD)), validation


def check_fold_weights(weights: np.ndarray, folds: np.ndarray) -> None:
    """Refuse weights under which nothing counts in what a fold validates with, or trains on."""
    held_out = np.bincount(folds[folds != NO_FOLD], weights[folds != NO_FOLD])
    for fold, weight in enumerate(held_out):
        if not 0 < weight < held_out.sum():
            part = "is validated with" if weight == 0 else "is trained on"
            raise InputError(
                "Some example must count in both parts of every fold.",
                expected="positive weights among the examples that a fold trains on and validates with",
                received=f"weight 0 for all that fold {fold} {part}",
                way_out="Leave examples of weight 0 out, or use fewer folds.",
            )


def folds_digest(folds: np.ndarray) -> str:
    """Return the sha256 of the assignment: scores are comparable only under the same folds."""
    return hashlib.sha256(folds.astype("<i2").tobytes()).hexdigest()


def column_statistics(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and variance of each column, float32 of shape (columns,), to standardise a table with.

    Two passes in float64 over the values as the network gets them, that is rounded to
    float32, in chunks. The variance is the population's. A constant column has variance 1,
    so that it becomes 0 and not a division by 0.

    Args:
        x: A table, shape (n, columns), n > 0: the training part of a fold, never the validation part.

    Raises:
        InputError: when `x` is not such a table.

    >>> mean, variance = column_statistics(np.array([[1, 5], [3, 5]]))
    >>> mean.tolist(), variance.tolist()
    ([2.0, 5.0], [1.0, 1.0])
    """
    if x.ndim != 2 or not len(x):
        raise InputError(
            "Only the columns of a table have statistics.",
            expected="x of shape (n, columns) with n > 0",
            received=f"x of shape {x.shape}",
        )
    zeros = np.zeros(x.shape[1])
    mean = sum((rows.sum(axis=0) for rows in _seen_rows(x)), zeros) / len(x)
    variance = sum((np.square(rows - mean).sum(axis=0) for rows in _seen_rows(x)), zeros) / len(x)
    # Sums of float32 in float64 are exact for a constant column, so its variance is exactly 0.
    variance = variance.astype(np.float32)
    return mean.astype(np.float32), np.where(variance == 0, np.float32(1), variance)


def _seen_rows(x: np.ndarray) -> Iterator[np.ndarray]:
    """Yield chunks of rows as a network sees them, rounded to float32, as float64 to add up in."""
    return (rows.astype(np.float32).astype(np.float64) for _, rows in row_chunks(x))
