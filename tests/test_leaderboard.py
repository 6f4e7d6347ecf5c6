"""Laws of what is shown of a score: a loss is that of the folds, and what ranks stands beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from stub_runs import RUNGS, run_stub

from gakeras import plots
from gakeras.cli.runs import _as_json
from gakeras.evolution import Individual, penalty_of
from gakeras.fitness.objectives import final_losses, fold_losses, fold_metrics
from gakeras.history import read_history
from gakeras.leaderboard import Ranking, described
from gakeras.plots.text import score_text
from gakeras.report import summary, tables
from gakeras.results import SearchResult

PRICE = 1e-3
PENALTY: dict[str, Any] = {"penalty": {"parameters": PRICE}}

pytestmark = pytest.mark.usefixtures("stub_jobs")


@pytest.fixture
def penalised(tmp_path: Path) -> SearchResult:
    return run_stub(tmp_path / "run", **PENALTY)


@pytest.fixture
def by_metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SearchResult:
    monkeypatch.setattr("gakeras.api.rehearse", lambda *given: None)
    return run_stub(tmp_path / "run", metric="f1_macro", objectives=["metric"], **PENALTY)


def mean_loss(individual: Individual) -> str:
    return f"{fmean(fold_losses(individual.measures)):.4f}"


def with_penalty(individual: Individual) -> str:
    return f"{fmean(fold_losses(individual.measures)) + PRICE * individual.parameters:.4f}"


def board(result: SearchResult, n: int) -> list[dict[str, Any]]:
    return [dict(zip(result.columns, row, strict=True)) for row in result.rows(n)]


def test_the_loss_of_a_leaderboard_is_that_of_the_folds_and_what_ranks_is_beside_it(
    penalised: SearchResult,
) -> None:
    rows, leaders = board(penalised, 5), penalised.leaderboard(5)
    assert [row["loss"] for row in rows] == [mean_loss(leader) for leader in leaders]
    assert [row["loss + penalty"] for row in rows] == [with_penalty(leader) for leader in leaders]
    ranks = [float(row["loss + penalty"]) for row in rows]
    assert ranks == sorted(ranks) and rows[0]["loss"] != rows[0]["loss + penalty"]
    assert "final loss" not in penalised.columns


def test_a_loss_in_small_units_is_written_in_digits_that_say_something(penalised: SearchResult) -> None:
    (leader,) = penalised.leaderboard(1)
    folds = [{"epochs": [{"val_loss": loss, "val_metric": 0.5}]} for loss in (4e-7, 6e-7)]
    small = replace(leader, measures={**leader.measures, "folds": folds})
    assert Ranking().row(small)[1] == "5e-07"
    assert "validation loss 5e-07 +- 1.41e-07" in described(small, "accuracy", Ranking())[0]


def test_in_words_too(penalised: SearchResult) -> None:
    best = penalised.best
    assert f"validation loss {mean_loss(best)} +- " in repr(penalised)
    assert f", loss + penalty {with_penalty(best)}, " in repr(penalised)


def test_finals_are_shown_with_what_ranks_them(tmp_path: Path) -> None:
    result = run_stub(tmp_path / "run", **RUNGS | PENALTY | {"max_evaluations": 12})
    rows = [row for row in board(result, 12) if row["final loss"]]
    for row, leader in zip(rows, result.leaderboard(12), strict=False):
        final = fmean(final_losses(leader.measures))
        assert row["final loss"] == f"{final:.4f}"
        assert row["final loss + penalty"] == f"{final + PRICE * leader.parameters:.4f}"
    ranks = [float(row["final loss + penalty"]) for row in rows]
    assert len(ranks) == 3 and ranks == sorted(ranks)
    assert f"loss + penalty {rows[0]['final loss + penalty']}" in repr(result)
    table = tables.leaders(read_history(result.run.root))
    assert table.head[1:6] == result.columns[1:6] and table.rows[0][2] == rows[0]["final loss + penalty"]


def test_a_report_has_the_loss_of_the_folds_and_what_ranks_beside_it(penalised: SearchResult) -> None:
    history, best = read_history(penalised.run.root), penalised.best
    facts = dict(summary.facts(history))
    assert facts["best loss"].startswith(f"{mean_loss(best)} ± ")
    assert facts["loss + penalty"] == with_penalty(best)
    assert score_text(best).startswith(f"loss {mean_loss(best)} ± ") and with_penalty(best) in score_text(
        best
    )
    head, row = tables.leaders(history).head, tables.leaders(history).rows[0]
    assert row[head.index("loss")].startswith(mean_loss(best))
    assert row[head.index("loss + penalty")] == with_penalty(best)


def test_a_figure_names_the_value_that_it_draws(penalised: SearchResult) -> None:
    history, best = read_history(penalised.run.root), penalised.best
    progress, tradeoff = plots.progress(history), plots.tradeoff(history)
    assert progress.layout.yaxis.title.text == "validation loss + penalty"
    assert f"{progress.data[1].y[-1]:.4f}" == with_penalty(best)
    assert tradeoff.layout.yaxis.title.text == "validation loss"
    (star,) = next(trace.y for trace in tradeoff.data if trace.name == "winner")
    assert f"{star:.4f}" == mean_loss(best)


def test_a_metric_with_a_penalty_is_named_so(by_metric: SearchResult) -> None:
    history, best = read_history(by_metric.run.root), by_metric.best
    metric = fmean(fold_metrics(best.measures))
    less = f"{metric - PRICE * best.parameters:.4f}"
    row = board(by_metric, 1)[0]
    assert (row["metric"], row["metric - penalty"]) == (f"{metric:.4f}", less)
    assert row["loss"] == mean_loss(best) and "loss + penalty" not in row
    assert f"f1_macro - penalty {less}" in repr(by_metric)
    progress = plots.progress(history)
    assert progress.layout.yaxis.title.text == "f1_macro - penalty"
    assert f"{progress.data[1].y[-1]:.4f}" == less
    assert dict(summary.facts(history))["f1_macro - penalty"] == less


def test_json_has_the_loss_of_the_folds_and_the_values_of_selection(penalised: SearchResult) -> None:
    (shown,) = json.loads(json.dumps(_as_json(penalised, 1)))["leaderboard"]
    assert f"{shown['loss']:.4f}" == mean_loss(penalised.best)
    assert [f"{value:.4f}" for value in shown["objectives"]] == [with_penalty(penalised.best)]


def test_a_loss_that_ranks_stands_alone(tmp_path: Path) -> None:
    result = run_stub(tmp_path / "run", max_evaluations=4)
    assert result.columns == Ranking().columns and not any("penalty" in name for name in result.columns)
    assert penalty_of(result.best) == 0.0 and "penalty" not in repr(result) + score_text(result.best)
    assert plots.progress(read_history(result.run.root)).layout.yaxis.title.text == "validation loss"
