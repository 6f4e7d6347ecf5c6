"""Laws of a growth as a run: resumed it is what it would have been, and mistakes come before any work."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub_growth
from made_journals import end_otherwise
from stub_growth import FLOPS, TABLE, records, run_stub, stub_settings, without_times
from stub_runs import has_lines, kill_master, wait_until

import gakeras
from gakeras.errors import InputError, RunError
from gakeras.growth import Growth, holds_growth, open_growth, run_growth
from gakeras.growth.settings import StepTraining
from gakeras.history import read_history
from gakeras.morphism.selection import cross_entropy
from gakeras.resuming import resume
from gakeras.run import open_run
from gakeras.session import Session


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stub writes down what it trains; children find the stub."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def resumed(run_dir: Path, **changes: Any) -> Growth:
    growth = resume(run_dir, progress=False, **changes)
    assert isinstance(growth, Growth)
    return growth


def test_a_run_comes_to_a_history_with_every_flop_accounted_for(tmp_path: Path) -> None:
    growth = run_stub(tmp_path / "run", last_steps=20)
    assert [row.number for row in growth.history] == list(range(11))
    assert [row.role for row in growth.history[-2:]] == ["last", "last"]
    start = growth.history[0]
    assert (start.training_flops, start.validation_flops) == (3 * FLOPS * 100 * 128, FLOPS * 10)
    spent = [row.training_flops + row.validation_flops for row in growth.history]
    assert [row.total_flops for row in growth.history] == np.cumsum(spent).tolist()
    assert growth.total_flops == growth.history[-1].total_flops
    assert growth.history[2].transforms and growth.history[2].test["accuracy"] > 0
    assert not growth.is_unfinished and growth.stop_reason == "2 iterations and the last leg are done"
    assert growth.best.loss == min(row.loss for row in growth.history)
    assert "GFLOPs" in repr(growth) and "<table>" in growth._repr_html_()


def test_the_ensemble_is_that_of_the_outputs_on_disk(tmp_path: Path) -> None:
    growth = run_stub(tmp_path / "run")
    mean = growth.choose_ensemble("final", "mean")
    assert len(mean.members) == 4 and mean.shares == (0.25,) * 4
    said = [np.load(growth.run.outputs(number))["test"] for number in mean.members]
    chances = np.mean(said, axis=0)
    assert mean.test_loss == pytest.approx(cross_entropy(TABLE.y_test, np.hstack([1 - chances, chances])))
    assert len(growth.choose_ensemble("survivors", "mean").members) == 2
    assert len(growth.choose_ensemble("snapshots", "mean").members) == 9
    greedy = growth.choose_ensemble("final", "greedy")
    assert greedy.loss <= min(growth.choose_ensemble("final", "mean").loss, growth.best.loss + 1)
    assert sum(greedy.shares) == pytest.approx(1)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"over": "snapshot"}, "over: .*'snapshots'.*Received: 'snapshot'"),
        ({"method": "best"}, "method: .*Received: 'best'"),
        ({"size": 0}, "size: .*greater than or equal to 1.*Received: 0"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_an_ensemble_that_cannot_be_chosen_is_refused(
    choice: dict[str, Any], message: str, tmp_path: Path
) -> None:
    growth = run_stub(tmp_path / "run", iterations=1)
    with pytest.raises(InputError, match=rf"the arguments of choose_ensemble\(\).*{message}"):
        growth.choose_ensemble(**choice)


def test_saving_writes_the_best_the_ensemble_and_its_members_and_joins_once(tmp_path: Path) -> None:
    growth = run_stub(tmp_path / "run", ensemble={"method": "mean"})
    paths = growth.save(tmp_path / "out")
    assert set(paths) == {"best", "ensemble", *(f"network_{n}" for n in growth.ensemble.members)}
    assert json.loads(paths["ensemble"].read_text()) == [0.25] * 4
    growth.save(tmp_path / "again")
    assert json.loads(growth.save_ensemble(tmp_path / "one.keras").read_text()) == [0.25] * 4
    Growth(open_growth(tmp_path / "run")).save(tmp_path / "later")
    assert len(records(tmp_path / "run", "joined")) == 1


def test_saving_again_leaves_no_network_that_is_no_member(tmp_path: Path) -> None:
    growth, folder = run_stub(tmp_path / "run", iterations=1), tmp_path / "out"
    folder.mkdir()
    for name in ("network_99.keras", "network_mine.keras", "network_99.txt"):
        (folder / name).write_text("there before")
    paths = growth.save(folder)
    assert set(folder.iterdir()) == {
        *paths.values(),
        folder / "network_mine.keras",
        folder / "network_99.txt",
    }


def test_an_ensemble_may_have_many_members(tmp_path: Path) -> None:
    many = {"population_size": 30, "iterations": 1, "ensemble": {"method": "mean"}}
    growth = run_stub(tmp_path / "run", **many)
    assert len(growth.ensemble.members) == 30 and growth.save_ensemble(tmp_path / "one.keras").is_file()
    (joined,) = growth.run.models.iterdir()
    assert len(joined.name) < 40


def test_an_ensemble_whose_file_has_the_name_of_an_older_version_is_not_joined_again(tmp_path: Path) -> None:
    growth = run_stub(tmp_path / "run", iterations=1, ensemble={"method": "mean"})
    growth.save_ensemble(tmp_path / "one.keras")
    (joined,) = growth.run.models.iterdir()
    (record,) = records(tmp_path / "run", "joined")
    older = joined.rename(joined.with_name(f"ensemble-{record['key']}.keras"))
    older.write_text("joined long ago")
    journal = growth.run.journal
    journal.write_text(journal.read_text().replace(joined.name, older.name))
    (tmp_path / "run").rename(tmp_path / "moved")
    again = Growth(open_growth(tmp_path / "moved"))
    assert again.save_ensemble(tmp_path / "two.keras").read_text() == "joined long ago"
    assert len(records(tmp_path / "moved", "joined")) == 1


def test_the_same_seed_gives_the_same_population_and_another_one_another(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        run_stub(tmp_path / name, seed=seed)
    assert without_times(tmp_path / "one") == without_times(tmp_path / "two")
    assert without_times(tmp_path / "one") != without_times(tmp_path / "three")


def test_a_finished_run_simply_gives_its_growth(tmp_path: Path) -> None:
    run_stub(tmp_path / "run")
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    assert len(resumed(tmp_path / "run").history) == 9
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before


def test_a_run_can_be_moved_and_gone_on_with(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", iterations=1)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert resumed(tmp_path / "moved", iterations=3).history[-1].iteration == 3


JOINT = {"sharing": "joint", "mutations": {"widen": 0}}


@pytest.mark.parametrize(
    ("lines", "changes"), [(2, {}), (8, {}), (7, JOINT)], ids=["start", "middle", "joint"]
)
def test_a_killed_run_resumes_to_what_it_would_have_been(
    lines: int, changes: dict[str, Any], tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = {"last_steps": 10} | changes
    run_stub(tmp_path / "whole", **plan)
    log.unlink()
    run_dir = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[1]}")
        patch.setenv("STUB_SECONDS", "0.1")
        command = [sys.executable, stub_growth.__file__, str(run_dir), json.dumps(plan)]
        with subprocess.Popen(command) as master:
            wait_until(lambda: has_lines(run_dir / "journal.jsonl", lines))
            kill_master(master)
    done = [record["number"] for record in records(run_dir, "finished")]
    trained = log.read_text().split() if log.exists() else []
    resumed(run_dir)
    assert sorted_events(run_dir) == sorted_events(tmp_path / "whole")
    now = log.read_text().split()
    assert all(now.count(f"{number:04d}") == trained.count(f"{number:04d}") for number in done)


def test_the_end_of_a_torn_joint_iteration_is_done_again(tmp_path: Path) -> None:
    for name in ("whole", "run"):
        run_stub(tmp_path / name, **JOINT)
    journal = tmp_path / "run" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:-2]) + lines[-2][:-9])  # of four members two are there
    resumed(tmp_path / "run")
    assert sorted_events(tmp_path / "run") == sorted_events(tmp_path / "whole")


def sorted_events(run_dir: Path) -> list[str]:
    return sorted(json.dumps(record, sort_keys=True) for record in without_times(run_dir))


def test_a_session_that_ends_leaves_a_run_to_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_SECONDS", "0.8")
    session = Session(time_limit=3)
    growth = run_growth(stub_settings(), TABLE, run_dir=tmp_path / "run", session=session, progress=False)
    assert growth.is_unfinished and "resume" in growth.stop_reason
    monkeypatch.setenv("STUB_SECONDS", "0")
    assert not resumed(tmp_path / "run").is_unfinished


def test_members_that_fail_are_told_and_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAILING", "0.5")
    growth = run_stub(tmp_path / "run")
    assert growth.failures and "diverged" in next(iter(growth.failures.values()))
    assert not growth.failures.keys() & {row.number for row in growth.history}


@pytest.mark.parametrize("number", [0, 7, 10], ids=["start", "iteration", "last"])
@pytest.mark.parametrize("status", ["timeout", "died"])
def test_what_was_cut_short_in_the_latest_round_is_done_again_on_resume(
    status: str, number: int, tmp_path: Path
) -> None:
    run_stub(tmp_path / "run", last_steps=20)
    whole = sorted_events(tmp_path / "run")
    end_otherwise(tmp_path / "run" / "journal.jsonl", number, status)
    growth = resumed(tmp_path / "run")
    assert not growth.failures and len(growth.history) == 11
    assert [record["number"] for record in records(tmp_path / "run", "retried")] == [number]
    events = sorted_events(tmp_path / "run")
    assert [event for event in events if "retried" not in event and status not in event] == whole


def test_an_error_is_final(tmp_path: Path) -> None:
    run_stub(tmp_path / "run")
    end_otherwise(tmp_path / "run" / "journal.jsonl", 0, "error")
    with pytest.raises(RunError, match="The start network could not be trained. error"):
        resumed(tmp_path / "run")


def test_a_refused_start_is_an_input_error_also_on_resume(tmp_path: Path) -> None:
    write = lambda path: path.write_text("refused") and None  # noqa: E731
    arguments = {"run_dir": tmp_path / "run", "progress": False}
    with pytest.raises(InputError, match="No logits. Expected: softmax. Received: logits. Add one."):
        run_growth(stub_settings(start=None), TABLE, write, **arguments)
    with pytest.raises(InputError, match="No logits"):
        resumed(tmp_path / "run")
    with pytest.raises(RunError, match="There is no network yet"):
        _ = Growth(open_growth(tmp_path / "run")).best


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "nowhere.keras"}, r"a \.keras file.*which is not there"),
        ({"start": 7}, "a built keras.Model.*Received: a int"),
        ({"start": "dens #4"}, "start.*build: one of"),
        ({"start": "conv #4 kernelsize=3 activation=relu"}, "The start network must fit the data"),
        ({"start": "dense #4 activation=relu\nlearning optimizer=sgd"}, "without genes of learning"),
        ({"y": np.linspace(0, 1, 40)}, "A growth grows classifiers.*whole numbers.*use `gakeras.search`"),
        ({"y": np.arange(40) * 2.0}, "A growth grows classifiers.*without gaps.*use `gakeras.search`"),
        ({"y": np.arange(40)}, "A growth grows classifiers.*2 training examples per class"),
        ({"y": TABLE.y[:-1]}, "40 examples in x, 39 targets"),
        ({"population_size": 2}, "M2 < M1"),
        ({"training": {"shift": 0.1}}, "Only images can be varied"),
        ({"batch_size": 32, "training": StepTraining()}, "batch_size=32, training.batch_size=128"),
        ({"iteration": 3}, "the nearest is `iterations`"),
        ({"setting": 3}, "one of backend, .*, seed, sharing, .*unknown key `setting`"),
        ({"mutations": {"widen": -1}}, "mutations.widen"),
        ({"validation_share": 0.01}, "validation_share that splits the 40"),
        ({"executor": "thread"}, "There is no such executor"),
        ({"workers": {"executor": "thread"}}, "There is no such executor"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_bad_input_is_refused_before_anything_is_started(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=message):
        gakeras.grow(**({"x": TABLE.x, "y": TABLE.y, "progress": False} | arguments))
    assert not log.exists()


def test_a_run_of_another_kind_or_with_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", iterations=1)
    assert holds_growth(tmp_path / "run", stub_settings(iterations=9))
    assert not holds_growth(tmp_path / "nowhere", stub_settings())
    with pytest.raises(InputError, match="others for steps"):
        holds_growth(tmp_path / "run", stub_settings(steps=3))
    with pytest.raises(InputError, match="others for data, start"):
        others = {"start": {"build": "dense #5 activation=relu"}, "data": {"source": "iris"}}
        holds_growth(tmp_path / "run", stub_settings(**others))
    with pytest.raises(InputError, match="a run of the kind 'growth'"):
        _ = open_run(tmp_path / "run").settings
    with pytest.raises(InputError, match="generations for the run of a synthesis"):
        resume(tmp_path / "run", generations=5)
    with pytest.raises(InputError, match="`gakeras show` shows a run of every kind"):
        read_history(tmp_path / "run")
    with pytest.raises(InputError, match="which holds one"):
        run_stub(tmp_path / "run")
