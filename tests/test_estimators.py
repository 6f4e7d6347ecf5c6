"""The estimators are scikit-learn's: its own checks pass, and a model lives on in a pickle."""

from __future__ import annotations

import gc
import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from gakeras.errors import InputError
from gakeras.estimators import SearchClassifier, SearchRegressor
from gakeras.results import SearchResult

TINY: dict[str, Any] = {
    "space": {
        "max_dense_layers": 1,
        "dense_units": [8, 8],
        "dense_activations": ["linear"],
        "dense_dropout": [0, 0],
    },
    "population_size": 1,
    "max_evaluations": 1,
    "num_folds": 2,
    "epochs": 1,
    "final_epochs": 8,
    "batch_size": 16,
    "optimizer": "sgd",
    "learning_rate": 0.1,
    "executor": "debug",  # in this process: a worker's start takes seconds
}


@pytest.fixture(autouse=True)
def few_objects() -> Iterator[None]:
    """Keras collects garbage after every network; what there is by now need not be looked at each time."""
    gc.freeze()
    yield
    gc.unfreeze()


# scikit-learn says so of its own estimators that split the data or go through them in a random order.
NOT_EQUIVALENT = {
    "check_sample_weight_equivalence_on_dense_data": (
        "sample_weight is not equivalent to removing/repeating samples: folds are drawn from them."
    )
}


@pytest.mark.slow
@parametrize_with_checks(
    [SearchClassifier(**TINY), SearchRegressor(**TINY)],
    expected_failed_checks=lambda estimator: NOT_EQUIVALENT,
)
def test_the_checks_of_scikit_learn_pass(estimator: Any, check: Any) -> None:
    check(estimator)


def test_images_with_text_as_labels_are_classified_in_a_pipeline_that_survives_a_pickle() -> None:
    rng = np.random.default_rng(0)
    labels = np.array(["dark", "light"])[np.arange(40) % 2]
    x = rng.uniform(0, 1, (40, 6, 6)) + 3 * (labels == "light")[:, None, None]
    space = TINY["space"] | {"max_conv_layers": 1, "conv_filters": [2, 3]}
    pipeline = make_pipeline(
        FunctionTransformer(), clone(SearchClassifier(**TINY | {"space": space}, random_state=1))
    )
    pipeline.fit(x, labels)
    probabilities = pipeline.predict_proba(x)
    again = pickle.loads(pickle.dumps(pipeline))
    assert pipeline.score(x, labels) > 0.9 and list(pipeline.classes_) == ["dark", "light"]
    assert np.array_equal(again.predict_proba(x), probabilities)
    assert isinstance(again[-1].model_, keras.Model) and again[-1].genome_ == pipeline[-1].genome_
    with pytest.raises(InputError, match=r"shape \(n, 6, 6\). Received: X of shape \(2, 6, 5\)"):
        pipeline.predict(x[:2, :, :5])


def test_every_fit_keeps_a_run_of_its_own_where_it_is_told_to(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(30, 3))
    estimator = SearchRegressor(**TINY, random_state=0, runs_dir=tmp_path / "runs")
    scores = cross_val_score(estimator, x, x @ [1.0, -2.0, 0.5], cv=2)
    assert np.all(scores > 0.5)
    runs = list((tmp_path / "runs").iterdir())
    assert len(runs) == 2 and all((run / "journal.jsonl").is_file() for run in runs)


def test_without_a_place_for_runs_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    estimator = SearchClassifier(**TINY | {"epochs": 0})
    with pytest.raises(InputError, match="epochs"):
        estimator.fit(np.eye(8), np.arange(8) % 2)
    assert not list(tmp_path.iterdir()) and not hasattr(estimator, "model_")


@pytest.mark.parametrize(
    "wrong",
    [{"final_epochs": 0}, {"validation_share": 1.5}, {"callbacks": [1]}],
    ids=str,
)
def test_what_the_winner_cannot_be_trained_by_is_refused_before_the_search(
    wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gakeras.api.search", lambda *given, **named: pytest.fail("it has searched"))
    with pytest.raises(InputError, match="final_epochs=0|validation_share=1.5|a int"):
        SearchRegressor(**TINY | wrong).fit(np.eye(8), np.arange(8) % 3)


def test_the_validation_loss_has_no_penalty() -> None:
    x, labels = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    plain, penalised = (
        SearchClassifier(**TINY, settings={"penalty": penalty}, random_state=0).fit(x, labels)
        for penalty in ({}, {"parameters": 100.0})
    )
    assert plain.validation_loss_ == penalised.validation_loss_ < 10


class Counter(keras.callbacks.Callback):
    """Counts epochs."""

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs, self.logs = epoch + 1, sorted(logs)


def test_weights_of_labels_and_examples_callbacks_and_a_metric_reach_the_network(tmp_path: Path) -> None:
    x, labels = np.random.default_rng(0).normal(size=(40, 2)), np.array(["no", "yes"])[np.arange(40) % 2]
    counter = Counter()
    choices = {"metric": "balanced_accuracy", "callbacks": [counter], "validation_share": 0.2}
    estimator = SearchClassifier(
        **TINY, **choices, class_weight={"yes": 30.0}, random_state=0, runs_dir=tmp_path
    )
    estimator.fit(x, labels, sample_weight=np.ones(40))
    assert np.mean(estimator.predict(x) == "yes") > 0.9  # labels say nothing about x
    assert (counter.epochs, counter.logs) == (8, ["loss", "val_loss", "val_metric"])
    with pytest.raises(InputError, match="labels 'no', 'yes'. Received: class_weight for 'maybe'"):
        clone(estimator).set_params(class_weight={"maybe": 1.0}, callbacks=None).fit(x, labels)


def test_the_winner_is_trained_as_the_search_was_and_a_failed_fit_leaves_no_old_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x, labels = np.random.default_rng(0).normal(size=(40, 2)), np.arange(40) % 2
    seen: list[dict[str, Any]] = []
    train_best = SearchResult.train_best

    def watched(result: SearchResult, *given: Any, **options: Any) -> Any:
        seen.append(options)
        return train_best(result, *given, **options)

    monkeypatch.setattr(SearchResult, "train_best", watched)
    settings = {"training": {"optimizer": "rmsprop", "batch_size": 8, "schedule": "cosine"}}
    settings["training"]["dtype_policy"] = "mixed_bfloat16"
    estimator = SearchClassifier(**TINY, settings=settings, random_state=0).fit(x, labels)
    assert (seen[0]["optimizer"], seen[0]["batch_size"], seen[0]["schedule"]) == ("rmsprop", 8, "cosine")
    assert estimator.model_.get_layer("dense_1").compute_dtype == "bfloat16"
    with pytest.raises(InputError, match='settings without "final"'):
        estimator.set_params(settings={"final": {"epochs": 3}}).fit(x, labels)
    assert len(estimator.predict(x)) == 40
    with pytest.raises(InputError, match="num_folds"):
        estimator.set_params(settings=None, num_folds=30).fit(x, labels)
    with pytest.raises(NotFittedError):
        estimator.predict(x)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 3}, "settings without 'epochs'.*said by epochs=3 of SearchRegressor"),
        ({"seed": 3}, "said by random_state of SearchRegressor"),
        ({"time_limit": 60}, "runs_dir beside a time_limit.*max_seconds"),
    ],
    ids=["a parameter", "under another name", "a limit without a place for the run"],
)
def test_settings_are_what_an_estimator_has_no_parameter_for(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        SearchRegressor(**TINY, settings=settings).fit(np.eye(8), np.arange(8) % 3)
