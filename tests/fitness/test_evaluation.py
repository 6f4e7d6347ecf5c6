"""Laws of the evaluation job: its scores depend on what the payload says, and on nothing else."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from small_jobs import DENSE, GENOMES, arrays_of, payload_of, scores_of, store

from gakeras.data import Arrays, fold_indices, open_data, store_arrays
from gakeras.data.folds import NO_FOLD
from gakeras.encoding import Genome, genome_cost
from gakeras.fitness.evaluation import evaluate
from gakeras.fitness.trainer import Trainer
from gakeras.jobs import JobFailed
from gakeras.kinds import KINDS
from gakeras.workers.child import answer


class Whole(NamedTuple):
    """An evaluation of all folds in one go, and what it answered."""

    payload: dict[str, Any]
    answer: dict[str, Any]

    def again(self, **changes: Any) -> dict[int, list[dict[str, Any]]]:
        return scores_of(evaluate(self.payload | changes))

    @property
    def scores(self) -> dict[int, list[dict[str, Any]]]:
        return scores_of(self.answer)


@pytest.fixture(
    scope="module",
    params=[
        ("images", "adam", "constant"),
        ("table", "rmsprop", "cosine"),
        ("regression", "adam", "constant"),
    ],
    ids=" ".join,
)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Whole:
    kind, optimizer, schedule = request.param
    payload = payload_of(
        GENOMES[kind],
        store(arrays_of(kind), tmp_path_factory.mktemp(kind)),
        folds=[0, 1, 2],
        to_epoch=6,
        training={"epochs": 6, "batch_size": 8, "optimizer": optimizer, "schedule": schedule},
    )
    return Whole(payload, evaluate(payload))


def test_examples_without_a_fold_change_nothing(whole: Whole, tmp_path: Path) -> None:
    """What a search leaves to the final training is as if it were not there, but for its own scores."""
    folds = np.load(whole.payload["folds_file"])
    left = np.where(np.arange(len(folds)) % 4 == 0, NO_FOLD, folds).astype(np.int16)
    np.save(tmp_path / "left.npy", left)
    data = open_data(Path(whole.payload["data_dir"]))
    kept = left != NO_FOLD
    arrays = Arrays(np.asarray(data.x)[kept], np.asarray(data.y)[kept])
    alone = store_arrays(arrays, data.info.task, tmp_path / "data") and {"data_dir": str(tmp_path / "data")}
    np.save(tmp_path / "kept.npy", left[kept])
    assert whole.again(folds_file=str(tmp_path / "left.npy")) == whole.again(
        folds_file=str(tmp_path / "kept.npy"), **alone
    )


def test_a_fold_evaluated_alone_scores_exactly_as_within_the_sequence(whole: Whole) -> None:
    assert whole.again(folds=[2]) == {2: whole.scores[2]}


def test_epochs_0_to_3_and_then_3_to_6_equal_0_to_6_exactly(whole: Whole, tmp_path: Path) -> None:
    first = whole.again(to_epoch=3, save_to=str(tmp_path))
    # Read back in another order, by a model that has trained something else in between.
    second = whole.again(from_epoch=3, folds=[2, 0, 1], load_from=str(tmp_path))
    assert {fold: first[fold] + second[fold] for fold in first} == whole.scores


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return store(arrays_of("table"), tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="module")
def plain(table: dict[str, str]) -> Whole:
    payload = payload_of(DENSE, table)
    return Whole(payload, evaluate(payload))


def test_the_same_payload_gives_the_same_numbers_whatever_was_evaluated_in_between(plain: Whole) -> None:
    plain.again(genome=Genome.parse("dense #5 dropout=0.2 activation=relu").to_json(), folds=[1])
    np.random.seed(1)
    assert plain.again() == plain.scores


@pytest.mark.parametrize("change", [{"run_seed": 12}, {"repeat": 1}], ids=["run seed", "repeat"])
def test_another_seed_gives_other_numbers(change: dict[str, int], plain: Whole) -> None:
    first, other = plain.scores[0], plain.again(**change)[0]
    assert all(a["loss"] != b["loss"] for a, b in zip(first, other, strict=True))


def test_data_are_those_that_are_there_now(tmp_path: Path) -> None:
    arrays = arrays_of("regression")
    other = dataclasses.replace(arrays, y=arrays.y * [1, 3])
    scores = []
    for data, place in ((arrays, "run"), (other, "run"), (other, "another run")):
        shutil.rmtree(tmp_path / place, ignore_errors=True)
        scores.append(scores_of(evaluate(payload_of(DENSE, store(data, tmp_path / place)))))
    assert scores[0] != scores[1] == scores[2]


def test_checkpoints_are_artifacts_one_for_each_fold(plain: Whole, tmp_path: Path) -> None:
    place = tmp_path / "new"
    saved = evaluate(plain.payload | {"folds": [2, 0], "to_epoch": 1, "save_to": str(place)})
    assert saved["artifacts"] == {f"fold{fold}": str(place / f"fold{fold}.npz") for fold in (0, 2)}
    assert {path.name for path in place.iterdir()} == {"fold0.npz", "fold2.npz"}
    assert plain.answer["artifacts"] == {}


def test_every_fold_and_epoch_has_other_random_numbers(table: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    seeds: list[int] = []
    reset, train_epoch = Trainer.reset, Trainer.train_epoch
    monkeypatch.setattr(Trainer, "reset", lambda self, seed: seeds.append(seed) or reset(self, seed))
    monkeypatch.setattr(
        Trainer,
        "train_epoch",
        lambda self, x, y, indices, seed, *rest: (
            seeds.append(seed) or train_epoch(self, x, y, indices, seed, *rest)
        ),
    )
    evaluate(payload_of(DENSE, table, folds=[0, 1]))
    assert len(seeds) == len(set(seeds)) == 6  # two folds of two epochs, and the weights they start from


def test_training_knows_nothing_of_what_it_is_validated_on(tmp_path: Path) -> None:
    arrays = arrays_of("regression")
    places = store(arrays, tmp_path / "first")
    _, validation = fold_indices(np.load(places["folds_file"]), 1)
    x, y = arrays.x.copy(), arrays.y.copy()
    x[validation] = 50 - 3 * x[validation]
    y[validation] *= 100
    changed = store(dataclasses.replace(arrays, x=x, y=y), tmp_path / "second")
    np.testing.assert_array_equal(np.load(places["folds_file"]), np.load(changed["folds_file"]))
    first, second = (
        scores_of(evaluate(payload_of(DENSE, place, folds=[1])))[1] for place in (places, changed)
    )
    assert [epoch["loss"] for epoch in first] == [epoch["loss"] for epoch in second]
    assert all(a["val_loss"] != b["val_loss"] for a, b in zip(first, second, strict=True))


def test_the_measures_are_plain_json_and_name_cost_and_every_epoch(table: dict) -> None:
    measures = evaluate(payload_of(DENSE, table, folds=[2, 0], from_epoch=3, to_epoch=5))["measures"]
    assert json.loads(json.dumps(measures, allow_nan=False)) == measures
    cost = genome_cost(DENSE, (4,), 3)
    assert (measures["parameters"], measures["flops"]) == (cost.parameters, cost.flops)
    assert [fold["fold"] for fold in measures["folds"]] == [2, 0]
    for fold in measures["folds"]:
        assert [epoch["epoch"] for epoch in fold["epochs"]] == [3, 4]
        for epoch in fold["epochs"]:
            assert set(epoch) == {"epoch", "loss", "val_loss", "val_metric", "seconds", "cpu_seconds"}
            assert epoch["seconds"] > 0 and 0 <= epoch["val_metric"] <= 1


def test_targets_around_1000_are_learned_better_than_by_their_mean_in_a_few_epochs(tmp_path: Path) -> None:
    normal = np.random.default_rng(1).normal(size=(240, 3))
    y = 1000 + normal @ [4, 0, -5]
    x = normal * [1, 1e-3, 1e5] + [-400, 0, 1e6]
    genome = Genome.parse("dense #16 dropout=0.0 activation=tanh")
    options = {"batch_size": 8, "learning_rate": 0.01}
    payload = payload_of(genome, store(Arrays(x, y), tmp_path), to_epoch=5, training=options)
    (epochs,) = scores_of(evaluate(payload)).values()
    assert epochs[0]["val_loss"] < 3 * y.var()  # at once on the scale of the targets
    assert epochs[-1]["val_loss"] < y.var() / 4
    assert epochs[-1]["val_metric"] < np.abs(y - y.mean()).mean() / 2


LINEAR = Genome.parse("dense #8 dropout=0.0 activation=linear\ndense #8 dropout=0.0 activation=linear")


def test_a_diverged_network_is_an_error_with_a_reason_and_measures_that_json_can_hold(
    tmp_path: Path,
) -> None:
    places = store(arrays_of("regression"), tmp_path)
    options = {"epochs": 3, "batch_size": 8, "optimizer": "sgd", "learning_rate": 1e20}
    payload = payload_of(LINEAR, places, folds=[1, 0], to_epoch=3, training=options)
    reply = json.loads(json.dumps(answer({"kind": "evaluate", "payload": payload}, KINDS), allow_nan=False))
    assert reply["status"] == "error"
    assert reply["reason"] == "diverged: the loss is not finite in fold 1, epoch 0"
    assert reply["artifacts"] == {}
    (fold,) = reply["measures"]["folds"]
    assert reply["measures"]["parameters"] > 0 and fold["fold"] == 1
    assert fold["epochs"][0]["val_loss"] is None and fold["epochs"][0]["val_metric"] is None


def test_a_metric_that_is_not_defined_is_a_failure_where_evolution_is_after_it(
    table: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gakeras.fitness.evaluation.score", lambda *_: (0.5, float("nan")))
    payload = payload_of(DENSE, table)
    assert evaluate(payload)["measures"]["folds"][0]["epochs"][1]["val_metric"] is None
    with pytest.raises(JobFailed, match="the metric is not defined"):
        evaluate(payload | {"is_after_metric": True})


def test_what_was_measured_before_a_network_diverged_is_kept(
    table: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([0.5, 0.4, 0.3, float("nan")])
    monkeypatch.setattr(Trainer, "train_epoch", lambda *_: next(losses))
    with pytest.raises(JobFailed, match="fold 1, epoch 1") as caught:
        evaluate(payload_of(DENSE, table, folds=[0, 1]))
    folds = caught.value.measures["folds"]
    assert [[epoch["loss"] for epoch in fold["epochs"]] for fold in folds] == [[0.5, 0.4], [0.3, None]]


def test_going_on_in_the_worker_that_paused_is_not_traced_again_and_scores_the_same(
    plain: Whole, tmp_path: Path
) -> None:
    whole = plain.again(to_epoch=2)
    first = evaluate(plain.payload | {"to_epoch": 1, "save_to": str(tmp_path)})
    second = evaluate(plain.payload | {"from_epoch": 1, "load_from": str(tmp_path)})
    assert first["measures"]["traced"] and not second["measures"]["traced"]
    assert scores_of(first)[0] + scores_of(second)[0] == whole[0]
    assert evaluate(plain.payload | {"keep": True})["measures"]["traced"]
    other_fold = evaluate(plain.payload | {"folds": [1]})
    assert not other_fold["measures"]["traced"] and scores_of(other_fold) == plain.again(folds=[1])
