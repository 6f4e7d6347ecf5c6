"""The metric beside the loss: a scorer of scikit-learn, by its name, on what a network puts out.

A scorer has one value for all examples together, and greater is always better: errors have names that
begin with `neg_`. So every metric can be what evolution is after, for classes and for real numbers.
"""

from __future__ import annotations

import difflib
import math
import warnings
from typing import Annotated

import numpy as np
from pydantic import AfterValidator

from gakeras.data import Task


def check_metric(name: str | None) -> str | None:
    """Return the name of a scorer. Raises `ValueError` for any other."""
    if name is None:
        return None
    from sklearn.metrics import get_scorer_names

    names = get_scorer_names()
    if name not in names:
        nearest = difflib.get_close_matches(name, names, n=3)
        some = nearest or ["accuracy", "f1_macro", "roc_auc", "r2", "neg_mean_absolute_error"]
        raise ValueError(
            f"the name of a scorer of scikit-learn, such as {', '.join(some)}, received {name!r}"
        )
    return name


MetricChoice = Annotated[str | None, AfterValidator(check_metric)]


def metric_of(task: Task, y: np.ndarray, outputs: np.ndarray, name: str) -> float:
    """Return the value of a scorer for a network's outputs; the greater the better.

    Args:
        task: The kind of targets.
        y: Targets as they are stored.
        outputs: Probabilities, (n, classes) or (n, 1) of class 1; or predicted numbers, (n, columns).
        name: That of a scorer.

    Returns:
        The score; NaN where the targets lack a class that the scorer needs, or where it does not take
        the numbers that a network has predicted, as a logarithm those below 0.

    >>> task, y, outputs = Task("binary", 1), np.array([0, 1, 1, 0]), np.array([[0.2], [0.9], [0.4], [0.3]])
    >>> metric_of(task, y, outputs, "accuracy"), metric_of(task, y, outputs, "roc_auc")
    (0.75, 1.0)
    """
    from sklearn.exceptions import UndefinedMetricWarning
    from sklearn.metrics import get_scorer

    truth = y.argmax(axis=1) if task.kind == "one_hot" else y
    if task.kind == "regression":
        truth = y.reshape(outputs.shape)
    with warnings.catch_warnings():  # a class that is never predicted has the precision 0
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        scorer, answers = get_scorer(name), _answers(task)
        try:
            return float(scorer(answers, outputs.astype(np.float64), truth))
        except ValueError:
            if task.kind == "regression":  # where the scorer is none for such targets, it says so again
                scorer(answers, truth.astype(np.float64), truth)
            elif len(np.unique(truth)) >= max(task.outputs, 2):
                raise
            return math.nan


def _answers(task: Task) -> object:
    """Return an estimator, fitted as scikit-learn sees it, whose examples are a network's outputs."""
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

    class Classes(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(max(task.outputs, 2))

        def predict_proba(self, outputs: np.ndarray) -> np.ndarray:
            chances = outputs if outputs.shape[1] > 1 else np.hstack([1 - outputs, outputs])
            return np.asarray(chances / chances.sum(axis=1, keepdims=True))  # float32 sums to nearly 1

        def predict(self, outputs: np.ndarray) -> np.ndarray:
            return np.asarray(self.predict_proba(outputs).argmax(axis=1))

    class Numbers(RegressorMixin, BaseEstimator):
        def predict(self, outputs: np.ndarray) -> np.ndarray:
            return outputs

    return Classes() if task.is_classification else Numbers()
