"""Laws of a synthesis as a run: resumed it is what it would have been, and mistakes come before any work."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub_family
import stub_runs
from made_journals import end_otherwise
from stub_family import TABLE, records, run_stub, stub_settings, without_times
from stub_runs import has_lines, kill_master, wait_until

import gakeras
from gakeras.data import Arrays, fold_indices
from gakeras.errors import InputError, RunError, Unfinished
from gakeras.lineage import Lineage, create_synthesis, holds_synthesis, open_synthesis, run_synthesis
from gakeras.results import SearchResult
from gakeras.resuming import resume
from gakeras.run import open_run
from gakeras.session import Session

LAST = {"epochs": 3}


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stub writes down what it trains; children find the stub."""
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[1]}")
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def resumed(run_dir: Path, **changes: Any) -> Lineage:
    lineage = resume(run_dir, progress=False, **changes)
    assert isinstance(lineage, Lineage)
    return lineage


def test_a_run_comes_to_a_lineage_with_the_ancestor_first(tmp_path: Path) -> None:
    lineage = run_stub(tmp_path / "run", last=LAST)
    assert [(row.generation, row.role) for row in lineage.history] == [
        (0, "ancestor"), (1, "offspring"), (2, "offspring"), (3, "offspring"), (4, "offspring"), (4, "last"),
    ]  # fmt: skip
    assert [row.synapses for row in lineage.history] == [10_000, 5_000, 2_500, 1_250, 625, 625]
    assert lineage.best().number == 5 and lineage.best(0.015).generation == 1
    assert not lineage.is_unfinished and lineage.stop_reason == "4 generations are done"
    assert "16.0x fewer" in repr(lineage) and "<table>" in lineage._repr_html_()


def test_a_run_owns_its_ancestor_and_records_its_validation_part(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", generations=1)
    run = open_synthesis(tmp_path / "run")
    assert run.ancestor.read_text() == "model" and run.kind == "synthesis"
    train, validation = fold_indices(np.load(run.folds), 0)
    assert (len(train), len(validation)) == (30, 10)
    assert np.bincount(TABLE.y[validation]).tolist() == [5, 5]


def test_the_same_seed_gives_the_same_family_and_another_one_another(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("two", 3), ("three", 4)):
        run_stub(tmp_path / name, seed=seed)
    assert without_times(tmp_path / "one") == without_times(tmp_path / "two")
    assert without_times(tmp_path / "one") != without_times(tmp_path / "three")


def test_a_finished_run_simply_gives_its_lineage(tmp_path: Path) -> None:
    run_stub(tmp_path / "run")
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    assert len(resumed(tmp_path / "run").history) == 5
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before


def test_a_run_can_be_moved_and_gone_on_with(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", generations=2)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert resumed(tmp_path / "moved", generations=4).best().synapses == 625


@pytest.mark.parametrize("lines", [2, 3, 5, 7, 10])
def test_a_killed_run_resumes_to_what_it_would_have_been(
    lines: int, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family: dict[str, Any] = {"offspring": 2, "parents": 2, "last": LAST}
    run_stub(tmp_path / "whole", **family)
    log.unlink()
    run_dir = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setenv("PYTHONPATH", f"{Path(__file__).parent}:{Path(__file__).parents[1]}")
        patch.setenv("STUB_SECONDS", "0.1")
        command = [sys.executable, stub_family.__file__, str(run_dir), json.dumps(family)]
        with subprocess.Popen(command) as master:
            wait_until(lambda: has_lines(run_dir / "journal.jsonl", lines))
            kill_master(master)
    done = [record["number"] for record in records(run_dir, "finished")]
    trained = log.read_text().split() if log.exists() else []
    lineage = resumed(run_dir)
    assert sorted_events(run_dir) == sorted_events(tmp_path / "whole")
    now = log.read_text().split()
    assert all(now.count(f"{number:04d}") == trained.count(f"{number:04d}") for number in done)
    assert len(lineage.history) == 10


def sorted_events(run_dir: Path) -> list[str]:
    """Return the events; two offspring that were in flight together may have ended in either order."""
    return sorted(json.dumps(record, sort_keys=True) for record in without_times(run_dir))


def test_a_torn_last_line_is_done_again(tmp_path: Path) -> None:
    run_stub(tmp_path / "whole")
    run_stub(tmp_path / "run")
    journal = tmp_path / "run" / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])
    resumed(tmp_path / "run")
    assert without_times(tmp_path / "run") == without_times(tmp_path / "whole")


def test_a_session_that_ends_leaves_a_run_to_be_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_SECONDS", "1")
    write = lambda path: path.write_text("model") and None  # noqa: E731
    session = Session(time_limit=4)
    arguments = {"run_dir": tmp_path / "run", "session": session, "progress": False}
    lineage = run_synthesis(stub_settings(generations=20, keep=0.9), TABLE, write, **arguments)
    assert lineage.is_unfinished and "resume" in lineage.stop_reason
    monkeypatch.setenv("STUB_SECONDS", "0")
    assert not resumed(tmp_path / "run").is_unfinished


def test_the_winner_of_a_search_is_trained_once_in_the_session_and_by_the_workers_of_the_synthesis(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    search = stub_runs.run_stub(tmp_path / "search", executor="debug", max_evaluations=4)
    capfd.readouterr()
    opened = []

    def own() -> ThreadPoolExecutor:
        opened.append(1)
        return ThreadPoolExecutor(1)

    def synthesized(name: str, session: Session) -> Lineage:
        arguments = {"run_dir": tmp_path / name, "executor": own, "session": session, "progress": False}
        settings = stub_settings(generations=1, workers={"workers": 1})
        return run_synthesis(settings, TABLE, SearchResult(search.run), **arguments)

    with pytest.raises(RunError, match="time limit: the ancestor, the best network of .*search"):
        synthesized("run", Session(time_limit=1e-9))
    assert not records(tmp_path / "search", "trained") and len(opened) == 1
    assert len(synthesized("run", Session()).history) == 2 and len(opened) == 3
    assert len(synthesized("other", Session()).history) == 2 and len(opened) == 4
    assert len(records(tmp_path / "search", "trained")) == 1
    assert "final trainings" not in capfd.readouterr().err


def test_a_refused_ancestor_is_an_input_error_also_on_resume(tmp_path: Path) -> None:
    for start in (lambda: run_stub(tmp_path / "run", ancestor="guesses"), lambda: resumed(tmp_path / "run")):
        with pytest.raises(InputError, match="No guessing. Expected: better. Received: chance. Train it."):
            start()


def test_a_first_generation_that_fails_as_a_whole_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAILING", "1")
    with pytest.raises(RunError, match="No offspring of the ancestor could be trained. error: diverged"):
        run_stub(tmp_path / "run")


@pytest.mark.parametrize("number", [0, 2, 3], ids=["ancestor", "generation", "last"])
@pytest.mark.parametrize("status", ["timeout", "died"])
def test_what_was_cut_short_in_the_latest_round_is_done_again_on_resume(
    status: str, number: int, tmp_path: Path
) -> None:
    run_stub(tmp_path / "run", generations=2, last=LAST)
    whole = without_times(tmp_path / "run")
    end_otherwise(tmp_path / "run" / "journal.jsonl", number, status)
    lineage = resumed(tmp_path / "run")
    assert not lineage.failures and len(lineage.history) == 4
    events = without_times(tmp_path / "run")
    assert events.pop(2 * (number + 1)) == {"type": "retried", "number": number}
    del events[2 * number + 1]
    assert events == whole
    assert len(resumed(tmp_path / "run").history) == 4


def test_an_error_is_final_and_so_is_what_others_were_born_after(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", generations=1)
    end_otherwise(tmp_path / "run" / "journal.jsonl", 1, "error")
    with pytest.raises(RunError, match="No offspring of the ancestor could be trained. error"):
        resumed(tmp_path / "run")
    run_stub(tmp_path / "other", generations=1, offspring=2)
    end_otherwise(tmp_path / "other" / "journal.jsonl", 1, "timeout", is_cut=False)
    with (tmp_path / "other" / "journal.jsonl").open("a") as journal:
        for proposed in ({"number": 3, "parents": [2]}, {"number": 4, "parents": [2]}):
            record = {"type": "proposed", "generation": 2, "role": "offspring", "elapsed": 1.0, **proposed}
            journal.write(json.dumps(record) + "\n")
    assert resumed(tmp_path / "other", generations=2).failures.keys() == {1}


# What is refused


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "nowhere.keras"}, r"a \.keras file.*which is not there"),
        ({"model": "model.h5"}, r"a \.keras file.*another sort"),
        ({"model": 7}, "a built keras.Model.*Received: a int"),
        ({"model": "model.keras", "x": None, "y": None}, "training data x and y"),
        ({"model": "model.keras", "y": None}, "both of x and y.*y=None"),
        ({"model": "model.keras", "y": np.linspace(0, 1, 40)}, "Class labels must be whole numbers"),
        ({"model": "model.keras", "y": TABLE.y[:-1]}, "40 examples in x, 39 targets"),
        ({"model": "model.keras", "keep": 1.5}, "keep"),
        ({"model": "model.keras", "last_epochs": 3, "last": {"epochs": 5}}, "one of last_epochs and last"),
        ({"model": "model.keras", "chi": 1.5}, "drawing.chi"),
        ({"model": "model.keras", "generation": 3}, "the nearest is `generations`"),
        ({"model": "model.keras", "validation_share": 0.01}, "validation_share that splits the 40"),
        ({"model": "model.keras", "training": {"shift": 0.1}}, "Only images can be varied"),
        ({"model": "model.keras", "executor": "thread"}, "There is no such executor"),
        ({"model": "model.keras", "workers": {"executor": "thread"}}, "There is no such executor"),
    ],
    ids=lambda value: None if isinstance(value, str) else "-".join(value),
)
def test_bad_input_is_refused_before_anything_is_started(
    arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.keras").write_text("model")
    (tmp_path / "model.h5").write_text("model")
    with pytest.raises(InputError, match=message):
        gakeras.synthesize(**({"x": TABLE.x, "y": TABLE.y, "progress": False} | arguments))
    assert not log.exists()


def test_a_run_of_another_kind_or_with_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", generations=1)
    assert holds_synthesis(tmp_path / "run", stub_settings(generations=9))
    assert not holds_synthesis(tmp_path / "nowhere", stub_settings())
    with pytest.raises(InputError, match="others for keep"):
        holds_synthesis(tmp_path / "run", stub_settings(keep=0.3))
    with pytest.raises(InputError, match="a run of the kind 'synthesis'"):
        _ = open_run(tmp_path / "run").settings
    with pytest.raises(InputError, match="max_evaluations for the run of a search"):
        resume(tmp_path / "run", max_evaluations=5)


def test_a_lineage_refuses_what_it_does_not_have(tmp_path: Path) -> None:
    lineage = run_stub(tmp_path / "run", generations=1)
    with pytest.raises(InputError, match="a number of 0, 1. Received: number=7"):
        lineage.compact(7)
    with pytest.raises(InputError, match="max_drop >= 0"):
        lineage.best(-0.1)
    with pytest.raises(InputError, match=r"a path ending in \.keras"):
        lineage.save(tmp_path / "model.h5")


def test_a_directory_that_holds_a_run_is_left_alone(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", generations=1)
    with pytest.raises(InputError, match="which holds one"):
        run_stub(tmp_path / "run")


def test_data_without_enough_examples_of_a_class_are_refused(tmp_path: Path) -> None:
    arrays = Arrays(TABLE.x, np.array([0] * 39 + [1]))
    with pytest.raises(InputError, match="class 1 has 1"):
        create_synthesis(tmp_path / "run", stub_settings(), arrays, None)
    assert issubclass(Unfinished, RunError)
