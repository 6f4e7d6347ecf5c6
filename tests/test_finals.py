"""Laws of final trainings: by the workers that there are, what failed is said, and nothing is done twice."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import stub_jobs as jobs
from stub_runs import records, run_stub

from gakeras import winners
from gakeras.encoding import Genome
from gakeras.errors import RunError
from gakeras.finals import TrainingSummary
from gakeras.history import read_history
from gakeras.report.tables import trainings
from gakeras.results import SearchResult
from gakeras.run import open_run

BASELINE = "dense #9 activation=relu"
FINAL: dict[str, Any] = {
    "max_evaluations": 3,
    "networks": {"small": BASELINE},
    "final": {"baselines": ["small"], "repeats": 2},
}

pytestmark = pytest.mark.usefixtures("stub_jobs")


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[bool], None]:
    """Let the final trainings of the baseline, or those of the winner, fail in this process."""
    train = jobs.train

    def break_those_of(baseline: bool) -> None:
        def broken(payload: Mapping[str, Any]) -> dict[str, Any]:
            if (Genome.from_json(payload["genome"]) == Genome.parse(BASELINE)) == baseline:
                raise ValueError("no such layer")
            return train(payload)

        monkeypatch.setattr(jobs, "train", broken)

    return break_those_of


def opened(run_dir: Path, **changes: Any) -> SearchResult:
    return SearchResult(open_run(run_dir), executor="debug", progress=False, **changes)


def names_trained(run_dir: Path) -> list[str]:
    return [record["key"]["name"] for record in records(run_dir, "trained")]


def test_a_baseline_that_fails_is_a_summary_with_its_reason_and_the_winner_is_saved(
    tmp_path: Path, fail: Callable[[bool], None]
) -> None:
    fail(True)
    result = run_stub(tmp_path / "run", executor="debug", **FINAL)
    best, small = result.train_final()
    assert best.failure is None and result.save(tmp_path / "best.keras").exists()
    assert small.failure == "error: ValueError: no such layer" and math.isnan(small.avg)
    assert "small" in repr(small) and "no such layer" in repr(small)


def test_a_baseline_that_failed_by_itself_is_not_trained_again(
    tmp_path: Path, fail: Callable[[bool], None]
) -> None:
    fail(True)
    run_stub(tmp_path / "run", executor="debug", **FINAL).train_final()
    before = names_trained(tmp_path / "run")
    assert opened(tmp_path / "run").train_final()[1].failure and names_trained(tmp_path / "run") == before


@pytest.mark.parametrize("status", ["died", "timeout"])
def test_a_baseline_whose_worker_died_is_tried_again(
    status: str, tmp_path: Path, fail: Callable[[bool], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = jobs.train
    fail(True)
    run_stub(tmp_path / "run", executor="debug", **FINAL).train_final()
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"status":"error"', f'"status":"{status}"'))
    monkeypatch.setattr(jobs, "train", whole)
    _, small = opened(tmp_path / "run").train_final()
    assert small.failure is None and len(small.metrics) == 2
    assert sorted(names_trained(tmp_path / "run")) == ["best"] * 2 + ["small"] * 4


def test_without_the_winner_there_are_no_final_trainings(
    tmp_path: Path, fail: Callable[[bool], None]
) -> None:
    fail(False)
    with pytest.raises(RunError, match="training of 'best' failed. error: ValueError: no such layer"):
        run_stub(tmp_path / "run", executor="debug", **FINAL).train_final()


def test_the_report_has_a_row_for_a_training_that_failed(
    tmp_path: Path, fail: Callable[[bool], None]
) -> None:
    fail(True)
    run_stub(tmp_path / "run", executor="debug", **FINAL).train_final()
    rows = trainings(read_history(tmp_path / "run")).rows
    assert rows[0][0].startswith("evolved")
    assert rows[1][:2] == ("small", "failed: error: ValueError: no such layer")


def test_the_report_says_how_a_baseline_with_genes_of_learning_was_trained(tmp_path: Path) -> None:
    mine = {"networks": {"small": f"{BASELINE}\nlearning optimizer=sgd batchsize=16"}}
    run_stub(tmp_path / "run", executor="debug", **FINAL | mine).train_final()
    table = trainings(read_history(tmp_path / "run"))
    how = table.rows[1][table.head.index("how")]
    assert "optimizer=sgd" in how and "batch_size=16" in how


def test_final_trainings_are_done_by_the_workers_that_the_run_goes_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = run_stub(tmp_path / "run", **FINAL).run
    settings = replace(
        run.settings, workers=replace(run.settings.workers, workers=2, executor="process", start_seconds=77)
    )
    asked: list[tuple[Any, ...]] = []
    choose, options = winners.executor_factory, winners.child_options
    monkeypatch.setattr(winners, "executor_factory", lambda *given: [asked.append(given), choose(*given)][1])
    monkeypatch.setattr(winners, "child_options", lambda *given: [asked.append(given), options(*given)][1])
    result = SearchResult(run, settings=settings, progress=False)
    result.train_final()
    assert asked[0][0] == "process" and asked[0][1].workers == 2 and asked[1][1].start_seconds == 77
    assert result.settings == settings


def test_where_nothing_is_left_to_train_nobody_is_asked_to(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", **FINAL).train_final()
    result = SearchResult(open_run(tmp_path / "run"), executor="mpi", progress=False)  # there are no ranks
    assert len(result.train_final()) == 2
    assert result.export(tmp_path / "model.keras").exists()


@pytest.mark.parametrize("put", [shutil.move, shutil.copytree], ids=["moved", "copied"])
def test_a_run_in_another_place_has_its_own_models_there(
    put: Callable[[Path, Path], Any], tmp_path: Path
) -> None:
    run_stub(tmp_path / "run", **FINAL).train_final()
    put(tmp_path / "run", tmp_path / "elsewhere")
    before = (tmp_path / "elsewhere" / "journal.jsonl").read_bytes()
    result = opened(tmp_path / "elsewhere")
    path = result.train_final()[0].model_path
    assert path is not None and path.parent == tmp_path / "elsewhere" / "models" and path.exists()
    assert result.export(tmp_path / "model.keras").exists()
    assert (tmp_path / "elsewhere" / "journal.jsonl").read_bytes() == before


def test_a_model_that_is_nowhere_any_more_is_trained_again(tmp_path: Path) -> None:
    first = run_stub(tmp_path / "run", **FINAL)
    path = first.train_final()[0].model_path
    assert path is not None
    path.unlink()
    assert opened(tmp_path / "run").train_final()[0].model_path == path and path.exists()
    assert sorted(names_trained(tmp_path / "run")) == ["best"] * 3 + ["small"] * 2


def test_a_summary_names_the_genes_by_which_a_network_was_trained() -> None:
    genome = Genome.parse("dense #4 activation=relu\nlearning optimizer=sgd batchsize=64")
    summary = TrainingSummary("best", genome, 9, 18, (0.5,), (0.7,), on_test=True)
    assert repr(summary).endswith("parameters=9, learning optimizer=sgd batchsize=64)")
