"""Searches in steps on the stub's evaluations: journalled, resumed, and with finals and objectives."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stub_runs import RUNGS, TABLE, records, run_stub, stub_settings, without_times

import gakeras
from gakeras import plots
from gakeras.api import holds_run, run_search
from gakeras.beginning import create_run
from gakeras.config import settings_from
from gakeras.encoding import Genome
from gakeras.errors import InputError, RunError
from gakeras.evaluations import evaluation_job
from gakeras.evolution import Duration, Fidelity, Finished, Measured, Proposal, SearchState, Step
from gakeras.fitness.objectives import fold_losses, fold_metrics
from gakeras.history import read_history
from gakeras.jobs import JobResult
from gakeras.journal import JournalWriter, read_journal
from gakeras.replay import leaders as leaders_of
from gakeras.replay import record_of, replay
from gakeras.report.tables import leaders
from gakeras.results import SearchResult
from gakeras.resuming import resume
from gakeras.session import Session
from gakeras.tradeoffs import comparable


@pytest.fixture(autouse=True)
def stub_module(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))


def test_a_run_with_rungs_is_the_same_every_time_and_its_winner_has_all_folds(tmp_path: Path) -> None:
    first, second = (run_stub(tmp_path / name, **RUNGS) for name in ("one", "two"))
    assert without_times(first.run.root) == without_times(second.run.root)
    best = first.best
    assert len(best.measures["folds"]) == len(best.measures["final"]) == 3
    assert first.statuses["stopped"] > 0 and read_history(first.run.root).best.id == best.id  # type: ignore[union-attr]
    assert len(records(first.run.root, "finished")) == 16
    assert not list(first.run.paused.glob("*"))


@pytest.mark.slow
def test_a_network_that_hangs_does_not_take_the_time_of_the_finals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_EPOCH_CPU_SECONDS", "0.1")
    monkeypatch.setenv("STUB_FAULT", "hangs")
    monkeypatch.setenv("STUB_FAULT_AMONG", "7")
    run = run_stub(tmp_path / "run", **RUNGS | {"max_evaluations": None, "max_seconds": 20.0}).run
    finals = [record for record in records(run.root, "measured") if record["stage"] != "search"]
    assert records(run.root, "abandoned") and finals and finals[0]["elapsed"] < 20.0


def test_the_finals_are_shown_as_a_part_of_their_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_search(stub_settings(**RUNGS), TABLE, run_dir=tmp_path / "run", progress=True)
    lines = capsys.readouterr().err.splitlines()
    finals = [line for line in lines if line.startswith("stub, finals: ")]
    assert finals[0].startswith("stub, finals: 1 of 15 done, 0 running, best 0.")
    assert finals[-1].startswith("stub, finals: 15 of 15 done, 0 running, best 0.")
    assert not any("of 16 done" in line for line in lines[lines.index(finals[0]) :])


def test_finalists_are_shown_with_the_loss_that_ranks_them_and_others_with_the_one_fold_they_have(
    tmp_path: Path,
) -> None:
    result = run_stub(tmp_path / "run", **RUNGS)
    board = [dict(zip(result.columns, row, strict=True)) for row in result.rows(16)]
    finalists, others = board[:3], board[3:]
    assert [row["folds"] for row in board] == ["3"] * 3 + ["1"] * len(others) and others
    finals, losses = [row["final loss"] for row in finalists], [row["loss"] for row in others]
    assert all(finals) and finals == sorted(finals) and losses == sorted(losses)
    assert not any(row["final loss"] for row in others)
    assert f"over 3 folds, loss {finals[0]} at the final length" in repr(result)
    table = leaders(read_history(result.run.root))
    assert [row[1:4:2] for row in table.rows] == [(row["final loss"], row["folds"]) for row in board[:10]]
    assert [("±" in row[2]) for row in table.rows] == [row["folds"] == "3" for row in board[:10]]
    full = run_stub(tmp_path / "full")
    assert "folds" not in full.columns and "over 2 folds" in repr(full)


def test_the_winner_of_finals_stands_on_its_own_point_of_the_figure(tmp_path: Path) -> None:
    history = read_history(run_stub(tmp_path / "run", **RUNGS).run.root)
    points, _, star = plots.tradeoff(history).data
    assert history.best is not None and len(history.best.measures["folds"]) == 3
    assert (star.x[0], star.y[0]) in set(zip(points.x, points.y, strict=True))


def test_who_has_failed_in_the_finals_comes_after_all_others(tmp_path: Path) -> None:
    result = run_stub(tmp_path / "run", **RUNGS)
    journal = read_journal(result.run.journal)
    failed = [r | {"status": "error"} if r.get("stage") == "folds" else r for r in journal.records]
    past = replay(replace(journal, records=tuple(failed)), result.settings)
    board = leaders_of(past.evaluated, past.state.finals, 3, 99)
    finalists = {number for number, _, _ in past.state.finals}
    assert len(finalists) == 3 and {each.id for each in board[-3:]} == finalists
    assert not finalists & {each.id for each in comparable(past, 3)}


def test_a_selection_is_the_best_of_the_finals_where_there_were_some(tmp_path: Path) -> None:
    for seed in range(4):  # the finals turn the order of some round
        result = run_stub(tmp_path / str(seed), **RUNGS, seed=seed)
        assert result.select().id == result.best.id
        size = min(individual.parameters for individual in result.leaderboard(3))
        assert result.select(max_parameters=size).parameters == size


def test_a_selection_and_the_best_have_the_best_metric_where_that_is_the_goal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gakeras.api.rehearse", lambda *given: None)
    result = run_stub(tmp_path / "run", metric="f1_macro", objectives=["metric", "parameters"])
    scores = {each.id: statistics.fmean(fold_metrics(each.measures)) for each in result.leaderboard(99)}
    losses = {each.id: statistics.fmean(fold_losses(each.measures)) for each in result.leaderboard(99)}
    assert result.best.id == result.select().id == max(scores, key=scores.__getitem__)
    assert result.best.loss == losses[result.best.id] and len(result.best.fitness.values) == 2


def test_the_worker_is_told_what_others_have_learnt_before_it_takes_anything_for_dead(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", stub_settings(**RUNGS), TABLE)
    state, step = SearchState(), Step(Proposal(1, Genome.parse("dense #3 activation=relu")))
    assert "dead" not in evaluation_job(step, run, run.settings, state).payload
    epochs = [{"epoch": n, "loss": loss, "val_loss": 1.0} for n, loss in enumerate((0.9, 0.7, 0.5))]
    for number, loss in ((0, 0.7), (5, 0.8)):
        epochs[1]["loss"] = loss
        measures = {"folds": [{"fold": 0, "epochs": [dict(epoch) for epoch in epochs]}]}
        state.add_piece(Measured(number, JobResult(str(number), "ok", measures=measures)))
    dead = evaluation_job(step, run, run.settings, state).payload["dead"]
    assert dead == {"after": 2, "share": 0.955, "best": 0.7}


def test_where_everything_was_stopped_the_reason_is_told(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", stub_settings(**RUNGS), TABLE)
    proposal = Proposal(0, Genome.parse("dense #3 activation=relu"))
    stopped = Finished(0, JobResult("0", "stopped", "dead: training loss 1.1"))
    with JournalWriter(run.journal) as journal:
        journal.append(record_of(event, 1.0) for event in (proposal, stopped))
    with pytest.raises(RunError, match="no evaluation succeeded .dead: training loss 1.1"):
        SearchResult(run).leaderboard()


def test_resumed_with_a_larger_budget_it_keeps_what_is_measured(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", **RUNGS)
    before = records(tmp_path / "run", "measured")
    resume(tmp_path / "run", progress=False)
    assert records(tmp_path / "run", "measured") == before
    resume(tmp_path / "run", max_evaluations=24, progress=False)
    after = records(tmp_path / "run", "measured")
    keys = [(r["number"], r["stage"], r["fold"]) for r in after if r["stage"] != "search"]
    assert after[: len(before)] == before and len(keys) == len(set(keys))


def test_a_search_that_ended_by_its_budget_is_over_though_its_finals_took_less_than_was_kept_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_EPOCH_CPU_SECONDS", "0.002")
    changes = RUNGS | {"max_evaluations": None, "max_cpu_seconds": 0.6, "caps": {"max_parameters": 10**6}}
    first = run_stub(tmp_path / "run", **changes)
    assert len(first.best.measures["folds"]) == 3
    assert first.stop_reason == "the CPU-seconds are used up"
    parts = [record["part"] for record in records(tmp_path / "run", "ended")]
    assert parts == ["search", "finals"]
    before = first.run.journal.read_bytes()
    again = resume(tmp_path / "run", progress=False)
    assert first.run.journal.read_bytes() == before
    assert (again.best.id, again.stop_reason) == (first.best.id, first.stop_reason)  # type: ignore[union-attr]
    more = resume(tmp_path / "run", max_cpu_seconds=1.0, progress=False)
    assert more.num_evaluations > first.num_evaluations  # type: ignore[union-attr]


def test_finals_that_a_session_cuts_are_gone_on_with(tmp_path: Path) -> None:
    class Closing(Session):
        """Ends as soon as the search has."""

        def is_closing(self, durations: Sequence[Duration] = ()) -> bool:
            return len(durations) + len(stopped(tmp_path)) >= 16

    def stopped(root: Path) -> list[Mapping[str, Any]]:
        return [record for record in records(root / "run", "finished") if record["status"] == "stopped"]

    result = run_search(
        stub_settings(**RUNGS), TABLE, run_dir=tmp_path / "run", session=Closing(), progress=False
    )
    assert result.is_unfinished and "final" not in result.best.measures
    again = resume(tmp_path / "run", progress=False)
    assert not again.is_unfinished and len(again.best.measures["final"]) == 3  # type: ignore[union-attr]


@pytest.mark.slow
def test_a_real_search_with_rungs_finds_a_network_and_repeats_no_epoch(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(60) % 2
    x = rng.normal(size=(60, 3)) + 2 * y[:, None]
    result = gakeras.search(
        x, y, fidelity={"kind": "rungs", "rungs": [1], "num_finalists": 2}, epochs=2, batch_size=20,
        num_folds=2, population_size=2, max_evaluations=4, max_cpu_seconds=500.0, executor="serial",
        caps={"max_cpu_seconds": 400.0}, final={"epochs": 3}, run_dir=tmp_path / "run", progress=False,
    )  # fmt: skip
    best = result.best
    assert len(best.measures["folds"]) == len(best.measures["final"]) == 2
    for individual in result.leaderboard(4):
        assert [e["epoch"] for e in individual.measures["folds"][0]["epochs"]] == [0, 1]
    (calibrated,) = records(tmp_path / "run", "calibrated")
    assert len(calibrated["measures"]["timings"]) == 3
    pieces = sum(record["cpu_seconds"] for record in records(tmp_path / "run", "measured"))
    assert result.cpu_seconds > pieces > 0


def test_a_front_and_a_selection_within_limits(tmp_path: Path) -> None:
    result = run_stub(tmp_path / "run", objectives=["loss", "parameters"])
    front = result.front
    sizes = [individual.parameters for individual in front]
    assert sizes == sorted(sizes, reverse=True) and len(front[0].fitness.values) == 2
    small = result.select(max_parameters=sizes[-1])
    assert small.id == front[-1].id
    assert result.select().id == result.best.id
    assert [each.id for each in result.leaderboard(1)] == [front[0].id]
    with pytest.raises(InputError, match="max_parameters of at least"):
        result.select(max_parameters=-1)
    again = resume(tmp_path / "run", progress=False)
    assert [i.id for i in again.front] == [i.id for i in front]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"fidelity": "rung"}, "fidelity.kind"),
        ({"fidelity": {"kind": "rungs", "race": True}}, "race: only with kind='full'"),
        ({"fidelity": "rungs", "algorithm": "generational"}, "algorithm='steady_state'"),
        ({"fidelity": {"race": True}, "objectives": ["loss", "flops"]}, "fidelity.race: .*nothing else"),
        ({"fidelity": {"race": True}, "penalty": {"flops": 1e-9}}, "fidelity.race: .*nothing else"),
        ({"fidelity": {"kind": "rungs", "num_finalists": 9}}, "num_finalists must be at most"),
        ({"fidelity": {"kind": "rungs", "num_final_folds": 3}}, "num_final_folds must be at most num_folds"),
        ({"inherit": "weights", "final": {"stop_at": "best"}}, "final.stop_at.*inherit='weights'"),
        ({"objectives": []}, "objectives: the loss first"),
        ({"objectives": ["parameters"]}, "objectives: the loss first"),
        ({"objectives": ["loss", "loss"]}, "objectives: the loss first"),
        ({"penalty": {"loss": 1.0}}, "objectives: the loss first"),
    ],
    ids=lambda value: "" if isinstance(value, str) else str(value),
)
def test_settings_that_contradict_each_other_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        settings_from(stub_settings().to_json() | changes)


def test_settings_of_an_old_journal_are_those_of_full_evaluations() -> None:
    old = stub_settings().to_json()
    for name in ("fidelity", "objectives", "penalty", "max_cpu_seconds"):
        del old[name]
    settings = settings_from(old)
    assert settings.fidelity.is_plain and settings.objectives == ("loss",)


@pytest.mark.parametrize("kind", ["full", "rungs"])
def test_all_folds_are_the_default_and_a_run_is_found_again(kind: str, tmp_path: Path) -> None:
    named = {} if kind == "full" else {"fidelity": kind}
    settings = stub_settings(training={"epochs": 4}, **named)
    result = run_search(settings, TABLE, run_dir=tmp_path / "run", progress=False)
    assert result.settings.fidelity.kind == kind and holds_run(tmp_path / "run", settings)
    with pytest.raises(InputError, match="fidelity"):
        holds_run(tmp_path / "run", replace(settings, fidelity=Fidelity(num_finalists=2)))
    assert bool(records(tmp_path / "run", "measured")) == (kind == "rungs")
