"""Laws of which epoch counts: the last, or the best, whatever pieces an evaluation was done in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from stub_runs import records, run_stub, stub_settings

from gakeras.config import settings_from
from gakeras.errors import InputError
from gakeras.evolution.pieces import fold_losses, last_epoch, merge
from gakeras.fitness import objectives
from gakeras.jobs import JobResult
from gakeras.scores import best_epoch, mean_best_epoch


@pytest.fixture(autouse=True)
def stub_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def fold_of(number: int, *losses: float | None, start: int = 0, best: bool = False) -> dict[str, Any]:
    epochs = [
        {"epoch": e, "val_loss": loss, "val_metric": float(e)} for e, loss in enumerate(losses, start=start)
    ]
    named = {"scored_epoch": best_epoch(epochs)["epoch"]} if best else {}
    return {"fold": number, "epochs": epochs, **named}


def piece(*folds: dict[str, Any]) -> JobResult:
    return JobResult("0", "ok", measures={"folds": list(folds)})


def test_the_loss_and_the_metric_are_of_the_epoch_that_a_fold_names() -> None:
    measures = {"folds": [fold_of(0, 0.5, 0.3, None, 0.4, best=True), fold_of(1, 0.5, 0.3, 0.4)]}
    assert objectives.fold_losses(measures) == [0.3, 0.4] == list(fold_losses(measures).values())
    assert objectives.fold_metrics(measures) == [1.0, 2.0]


@pytest.mark.parametrize("cuts", [(1, 3), (2, 2), (3, 1)], ids=str)
def test_an_evaluation_in_pieces_scores_as_in_one_go(cuts: tuple[int, int]) -> None:
    losses = [0.9, 0.3, 0.5, 0.4]
    first, _ = cuts
    pieces = [fold_of(0, *losses[:first], best=True), fold_of(0, *losses[first:], start=first, best=True)]
    whole = merge([piece(each) for each in pieces])
    assert whole.measures["folds"] == [fold_of(0, *losses, best=True)]
    assert last_epoch(whole) == (4, 0.4)  # rungs compare losses after equal epochs


def test_the_mean_of_the_best_epochs_is_that_of_the_folds_and_a_lost_one_is_never_best() -> None:
    folds = [fold_of(0, 0.9, 0.1, 0.2), fold_of(1, None, 0.9, 0.8), fold_of(2, 0.9, 0.8, 0.7)]
    assert mean_best_epoch(folds) == 3 and mean_best_epoch([]) is None


def test_a_search_asks_its_workers_for_the_best_epoch_and_reads_its_fitness_from_it(tmp_path: Path) -> None:
    changes = {"fitness_epoch": "best", "training": {"epochs": 5}, "max_evaluations": 5}
    run = run_stub(tmp_path / "run", executor="debug", **changes)
    for record in records(tmp_path / "run", "finished"):
        for fold in record["measures"]["folds"]:
            assert fold["epochs"][fold["scored_epoch"]] == best_epoch(fold["epochs"])
    losses = [best_epoch(fold["epochs"])["val_loss"] for fold in run.best.measures["folds"]]
    assert run.best.loss == pytest.approx(sum(losses) / 2)


def test_the_final_training_of_the_winner_ends_at_its_best_epoch_and_those_of_others_do_not(
    tmp_path: Path,
) -> None:
    result = run_stub(
        tmp_path / "run", executor="debug", fidelity="rungs", training={"epochs": 4}, max_evaluations=8,
        final={"epochs": 9, "stop_at": "best", "baselines": ["table_baseline"]},
    )  # fmt: skip
    expected = mean_best_epoch(result.best.measures["final"])
    result.train_final()
    keys = {record["key"]["name"]: record["key"] for record in records(tmp_path / "run", "trained")}
    assert keys["best"]["stop_after"] == expected and keys["table_baseline"]["stop_after"] is None
    assert keys["best"]["training"]["epochs"] == 9
    result.train_final()
    assert len(records(tmp_path / "run", "trained")) == 2  # it is known again


def test_train_best_takes_the_epochs_from_the_folds(tmp_path: Path) -> None:
    result = run_stub(tmp_path / "run", executor="debug", training={"epochs": 6}, max_evaluations=4)
    result.train_best(epochs="best")
    (record,) = records(tmp_path / "run", "trained")
    assert record["key"]["training"]["epochs"] == mean_best_epoch(result.best.measures["folds"])


def test_the_best_epoch_of_shorter_folds_is_refused_for_a_longer_training() -> None:
    plain = stub_settings().to_json()
    final = plain["final"] | {"stop_at": "best"}
    with pytest.raises(InputError, match="as long as the final training"):
        settings_from(plain | {"final": final | {"epochs": 20}})
    settings_from(plain | {"final": final | {"epochs": plain["training"]["epochs"]}})
