"""A search as a scikit-learn estimator, for pipelines and cross-validation."""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
from collections.abc import Mapping
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from gakeras.beginning import chosen_backend
from gakeras.errors import InputError, Unfinished
from gakeras.fitness.objectives import fold_losses
from gakeras.winners import check_callbacks, check_share

__all__ = ["SearchClassifier", "SearchRegressor"]

_LARGEST_SEED = 2**31
_OWN = {
    "seed": "random_state",
    "run_dir": "runs_dir",
    "task": "the class",
    "sample_weight": "an argument of `fit`",
    "x": "an argument of `fit`",
    "y": "an argument of `fit`",
}
"""By what an estimator says the arguments of a search that it has under other names."""


class _SearchEstimator(BaseEstimator):
    """What both estimators share: their parameters, the search, and a model that goes into a pickle."""

    def __init__(
        self,
        *,
        space: Any = None,
        population_size: int = 20,
        max_evaluations: int | None = None,
        max_seconds: float | None = None,
        num_folds: int = 5,
        class_weight: Any = None,
        loss: Any = None,
        metric: str | None = None,
        epochs: int = 10,
        batch_size: int = 128,
        optimizer: Any = "adam",
        learning_rate: float | None = None,
        max_parameters: int | None = 2_000_000,
        max_flops: int | None = 60_000_000,
        final_epochs: int = 20,
        validation_share: float = 0.0,
        callbacks: Any = None,
        executor: Any = "auto",
        workers: Any = None,
        settings: Mapping[str, Any] | None = None,
        random_state: Any = None,
        runs_dir: str | Path | None = None,
        progress: bool = False,
    ) -> None:
        self.space = space
        self.population_size = population_size
        self.max_evaluations = max_evaluations
        self.max_seconds = max_seconds
        self.num_folds = num_folds
        self.class_weight = class_weight
        self.loss = loss
        self.metric = metric
        self.epochs = epochs
        self.batch_size = batch_size
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.max_parameters = max_parameters
        self.max_flops = max_flops
        self.final_epochs = final_epochs
        self.validation_share = validation_share
        self.callbacks = callbacks
        self.executor = executor
        self.workers = workers
        self.settings = settings
        self.random_state = random_state
        self.runs_dir = runs_dir
        self.progress = progress

    def _search(self, x: np.ndarray, y: np.ndarray, task: str, sample_weight: Any) -> None:
        """Search, train the winner on all of the data, and take over its model."""
        from gakeras.api import search

        self._check_settings()
        self.__dict__.pop("model_", None)  # it would answer for an earlier fit, should this one fail
        if self.runs_dir is not None:
            os.makedirs(self.runs_dir, exist_ok=True)
        run_dir = Path(tempfile.mkdtemp(prefix="fit-", dir=self.runs_dir))
        try:
            result = search(
                x,
                y,
                sample_weight=sample_weight,
                class_weight=self._class_weight(),
                task=task,
                space=self.space,
                population_size=self.population_size,
                max_evaluations=self.max_evaluations,
                max_seconds=self.max_seconds,
                num_folds=self.num_folds,
                loss=self.loss,
                metric=self.metric,
                epochs=self.epochs,
                batch_size=self.batch_size,
                optimizer=self.optimizer,
                learning_rate=self.learning_rate,
                max_parameters=self.max_parameters,
                max_flops=self.max_flops,
                executor=self.executor,
                workers=self.workers,
                seed=int(check_random_state(self.random_state).randint(_LARGEST_SEED)),
                run_dir=run_dir,
                progress=self.progress,
                **(self.settings or {}),
            )
            if result.was_interrupted:
                raise KeyboardInterrupt
            if result.is_unfinished:
                raise Unfinished(result.stop_reason)
            own = result.settings.training
            trained = result.train_best(
                epochs=self.final_epochs,
                batch_size=own.batch_size,
                optimizer=own.optimizer,
                learning_rate=own.learning_rate,
                schedule=own.schedule,
                shift=own.shift,
                crop=own.crop,
                flip=own.flip,
                erase=own.erase,
                dtype_policy=own.dtype_policy,
                validation_share=self.validation_share,
                callbacks=self.callbacks or (),
            )
            assert trained.model_path is not None, "the first repeat is saved"
            self.model_ = _load(trained.model_path)
            self.genome_ = result.best.genome
            self.validation_loss_ = statistics.fmean(fold_losses(result.best.measures))
            self.num_evaluations_ = result.num_evaluations
            self.run_dir_ = None if self.runs_dir is None else run_dir
        finally:
            if self.runs_dir is None:
                shutil.rmtree(run_dir, ignore_errors=True)

    def _check_settings(self) -> None:
        """Refuse what the winner cannot be trained by, before anything is searched, and settings that an
        estimator has as its own parameters, or cannot have.
        """
        settings = self.settings or {}
        if not isinstance(self.final_epochs, Integral) or self.final_epochs < 1:
            raise InputError(
                "The winner is trained.",
                expected="final_epochs of at least 1",
                received=f"final_epochs={self.final_epochs!r}",
            )
        check_share(self.validation_share)
        check_callbacks(self.callbacks or (), chosen_backend(settings.get("backend", "tensorflow")))
        if "final" in settings:
            raise InputError(
                "An estimator trains its winner as the search has trained it, for `final_epochs`.",
                expected='settings without "final"',
                received=f"settings={settings!r:.80}",
                way_out='Say how by settings={"training": ...}, or use `gakeras.search`.',
            )
        own = dict.fromkeys(self.get_params(deep=False)) | _OWN
        twice = [name for name in settings if name in own]
        if twice:
            said_by = own[twice[0]] or f"{twice[0]}={settings[twice[0]]!r:.80}"
            raise InputError(
                "What an estimator has a parameter for is no other setting.",
                expected=f"settings without {twice[0]!r}",
                received=f"settings={settings!r:.80}",
                way_out=f"It is said by {said_by} of {type(self).__name__}.",
            )
        if "time_limit" in settings and self.runs_dir is None:
            raise InputError(
                "What a time limit cuts short is gone on with from its run.",
                expected="runs_dir beside a time_limit",
                received=f"settings={settings!r:.80}, runs_dir=None",
                way_out="Give a runs_dir, or a budget by max_seconds.",
            )

    def _class_weight(self) -> Any:
        return self.class_weight

    def _outputs(self, X: Any) -> np.ndarray:
        """Return the network's outputs, always in batches of one size, so that a row's are its own."""
        x = validate_data(self, X, reset=False, allow_nd=True)
        if x.shape[1:] != self.input_shape_:
            raise InputError(
                "A network takes examples like those it was fitted to.",
                expected=f"X of shape (n, {', '.join(map(str, self.input_shape_))})",
                received=f"X of shape {x.shape}",
            )
        filled = np.concatenate([x, np.repeat(x[:1], -len(x) % self.batch_size, axis=0)])
        outputs = self.model_.predict(filled, batch_size=self.batch_size, verbose=0)
        return np.asarray(outputs, dtype=np.float64)[: len(x)]

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "model_" in state:
            state["model_"] = _as_bytes(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if isinstance(state.get("model_"), bytes):
            self.model_ = _from_bytes(state["model_"])


class SearchClassifier(ClassifierMixin, _SearchEstimator):
    """A classifier whose network is found by a search: see `gakeras.search` for how.

    `fit` searches, each network scored by stratified cross-validation on the data it is given, then trains
    the winner on all of them. It pickles; the network inside as the bytes of its `.keras` file.

    Args:
        space, population_size, max_evaluations, max_seconds, num_folds: As for `gakeras.search`. Every
            class needs `num_folds` examples.
        class_weight: By label, or `"balanced"`; for classifiers alone.
        loss, metric: As settings of a search: a loss of Keras or your own, a scorer of scikit-learn.
        epochs, batch_size, optimizer, learning_rate, max_parameters, max_flops, progress: As there.
        executor, workers: As there. An executor has to be one that scikit-learn's `clone` can copy: a
            name or a function, not an open one.
        final_epochs: Of the winner's training, which is otherwise as those of the search.
        validation_share, callbacks: Of the winner's training, as for `SearchResult.train_best`.
        settings: Any other setting of a search, such as `{"variation": {"tournament_size": 5}}`; of the
            winner's training `{"training": {"schedule": "cosine"}}`. A `time_limit` needs a `runs_dir`.
        random_state: The seed, as in all of scikit-learn.
        runs_dir: Where every `fit` keeps its run, in a new folder; None keeps none.

    Attributes:
        classes_: The labels, sorted.
        model_: The trained network, a plain Keras model.
        genome_: What it was built from.
        validation_loss_: Mean over the folds, without any penalty.
        num_evaluations_: Networks that were evaluated.
        run_dir_: The run, or None.
        n_features_in_, input_shape_: Of the examples.

    >>> SearchClassifier(max_seconds=60).get_params()["num_folds"]
    5

    Example:
        ```python
        from sklearn.datasets import load_wine
        from sklearn.model_selection import cross_val_score
        from gakeras.estimators import SearchClassifier

        x, y = load_wine(return_X_y=True)
        print(cross_val_score(SearchClassifier(max_seconds=30, batch_size=16, final_epochs=60), x, y, cv=3))
        ```
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search for a network and train it.

        Args:
            X: A table `(n, features)`, or images `(n, height, width)` or `(n, height, width, channels)`.
            y: Labels `(n,)`, numbers or text.
            sample_weight: How much each example counts in the losses, `(n,)`.

        Raises:
            InputError: a ValueError; the data or a parameter cannot be used.
        """
        x, y = validate_data(self, X, y, allow_nd=True, ensure_min_samples=2)
        check_classification_targets(y)
        self.classes_, labels = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        self.input_shape_ = x.shape[1:]
        self._search(x, labels, "classification", sample_weight)
        return self

    def _class_weight(self) -> Any:
        """Return the class weights with the numbers of the classes for their labels."""
        given = self.class_weight
        if not isinstance(given, Mapping):
            return given
        numbers = {label: number for number, label in enumerate(self.classes_.tolist())}
        unknown = [label for label in given if label not in numbers]
        if unknown:
            raise InputError(
                "Weights are given for classes that there are.",
                expected=f"keys of class_weight among the labels {', '.join(map(repr, numbers))}"[:300],
                received=f"class_weight for {unknown[0]!r}",
            )
        return {numbers[label]: weight for label, weight in given.items()}

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, in the order of `classes_`, shape `(n, classes)`."""
        check_is_fitted(self, "model_")
        outputs = self._outputs(X)
        return outputs if outputs.shape[1] > 1 else np.hstack([1 - outputs, outputs])

    def predict(self, X: Any) -> np.ndarray:
        """Return the label of the most probable class of each example."""
        check_is_fitted(self, "model_")
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])


class SearchRegressor(RegressorMixin, _SearchEstimator):
    """A regressor whose network is found by a search; parameters and attributes as of `SearchClassifier`.

    Targets may have several columns; the loss is the mean squared error in their own units, learnt
    in units of each column's deviation.

    >>> SearchRegressor(max_evaluations=30).get_params()["final_epochs"]
    20
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Search for a network and train it.

        Args:
            X, sample_weight: As for `SearchClassifier.fit`.
            y: Real numbers, `(n,)` or `(n, outputs)`.

        Raises:
            InputError: a ValueError; the data or a parameter cannot be used.
        """
        x, y = validate_data(
            self, X, y, allow_nd=True, ensure_min_samples=2, multi_output=True, y_numeric=True
        )
        self.input_shape_ = x.shape[1:]
        self._num_columns = None if y.ndim == 1 else y.shape[1]
        self._search(x, y, "regression", sample_weight)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted targets, in the shape that `fit` was given."""
        check_is_fitted(self, "model_")
        outputs = self._outputs(X)
        return outputs[:, 0] if self._num_columns is None else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _load(path: Path) -> Any:
    import keras

    return keras.saving.load_model(path, compile=False)


def _as_bytes(model: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


def _from_bytes(content: bytes) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(content)
        return _load(path)
