"""What a growth asks of its data: classes to tell apart, and validation data like the training data."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from gakeras.data import Arrays, Task, as_arrays, check_arrays
from gakeras.data.checks import check_validation
from gakeras.data.streams import joined_examples
from gakeras.data.tasks import ClassesError
from gakeras.errors import InputError


def check_growth_data(arrays: Arrays) -> Task:
    """Return the classification that the arrays state.

    Raises:
        InputError: for what `check_arrays` refuses, for amounts, and for weights of examples.
    """
    if arrays.sample_weight is not None:
        raise InputError(
            "In a growth all examples count the same.",
            expected="data without sample weights",
            received="a sample_weight",
            way_out="Leave it out of the archive.",
        )
    with _classes_alone():
        return check_arrays(arrays, task="classification", num_folds=2)


def with_validation(arrays: Arrays, validation_data: Any) -> tuple[Arrays, int | None]:
    """Return arrays with validation data behind the training data, and how many those are; None for none.

    Raises:
        InputError: for validation examples of another form or scale, and for classes of theirs alone.
    """
    if validation_data is None:
        return arrays, None
    pair = validation_data if isinstance(validation_data, tuple | list) else (validation_data, None)
    if len(pair) != 2:
        raise InputError(
            "Validation data are examples with their targets.",
            expected="validation_data as a pair (x, y), or as a stream of batches",
            received=f"{len(pair)} values",
        )
    more = as_arrays(*pair)
    with _classes_alone():
        check_validation(arrays, more, task="classification")
    x = joined_examples(arrays.x, more.x)
    y = np.concatenate([arrays.y, more.y.reshape(-1, *arrays.y.shape[1:])])
    return replace(arrays, x=x, y=y), len(more.x)


@contextmanager
def _classes_alone() -> Iterator[None]:
    """Refuse amounts in words of a growth, which has no `task` to say otherwise."""
    try:
        yield
    except ClassesError as error:
        raise InputError(
            f"A growth grows classifiers. {error.rule}",
            expected=error.expected,
            received=error.received,
            way_out="Number the classes from 0, with two examples or more; for amounts use `gakeras.search`.",
        ) from None
