"""Laws of a run: bad directories are refused before any work, budgets hold, and the seed decides."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from stub_runs import (
    TABLE,
    count_trained,
    digests,
    finished,
    has_lines,
    records,
    run_stub,
    scores,
    spawn_master,
    stub_settings,
    wait_until,
    without_times,
    workers_of,
)

from gakeras.api import run_search
from gakeras.beginning import create_run
from gakeras.data import Arrays
from gakeras.errors import InputError, JournalError, RunError
from gakeras.journal import JournalWriter
from gakeras.resuming import resume
from gakeras.run import open_run
from gakeras.session import Session

pytestmark = pytest.mark.usefixtures("stub_jobs")


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stub writes down what it trains."""
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "log"))
    return tmp_path / "log"


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# Directories


def test_a_run_owns_its_data_and_says_what_they_are(tmp_path: Path) -> None:
    settings = stub_settings(fidelity="full")
    run = create_run(tmp_path / "deep" / "run", settings, TABLE)
    opened = open_run(tmp_path / "deep" / "run")
    assert opened.settings == settings and opened.info == run.info
    header = opened.header()
    assert (header["data_digest"], header["data"]) == (run.info.digest, run.info.to_json())
    assert header["versions"]["python"] and header["versions"]["keras"]
    assert np.bincount(np.load(run.folds)).tolist() == [10, 10]


def test_a_run_can_be_moved(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", max_evaluations=3)
    (tmp_path / "run").rename(tmp_path / "moved")
    assert resume(tmp_path / "moved", max_evaluations=5, progress=False).num_evaluations == 5


def existing_run(folder: Path) -> Path:
    create_run(folder, stub_settings(), TABLE)
    return folder


def foreign(folder: Path) -> Path:
    (folder / "thesis.tex").write_text("years of work")
    return folder


def below_a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file" / "run"


def a_file(folder: Path) -> Path:
    (folder / "file").write_text("")
    return folder / "file"


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(foreign, "empty or new run_dir.*which holds thesis.tex", id="foreign"),
        pytest.param(existing_run, "without a run.*which holds one.*gakeras resume", id="with a run"),
        pytest.param(below_a_file, "writable run_dir.*Not a directory", id="below a file"),
        pytest.param(a_file, "writable run_dir.*File exists", id="a file"),
    ],
)
def test_a_directory_that_cannot_be_used_is_refused_and_left_as_it_was(
    prepare: Callable[[Path], Path], message: str, tmp_path: Path
) -> None:
    run_dir = prepare(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        run_stub(run_dir)
    assert contents(tmp_path) == before


def test_a_directory_without_permission_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(InputError, match="which is not"):
        run_stub(tmp_path / "run")


@pytest.mark.parametrize(
    ("changes", "arrays"),
    [
        pytest.param({}, Arrays(TABLE.x, TABLE.y[:-1]), id="data"),
        pytest.param({"num_folds": 11}, TABLE, id="folds"),
        pytest.param({}, Arrays(np.full((20, 2), np.nan), TABLE.y), id="NaN"),
    ],
)
def test_data_that_cannot_be_used_leave_no_directory(
    changes: dict[str, Any], arrays: Arrays, tmp_path: Path
) -> None:
    with pytest.raises(InputError):
        create_run(tmp_path / "run", stub_settings(**changes), arrays)
    assert not (tmp_path / "run").exists()


def test_an_executor_that_is_not_there_leaves_no_directory(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such executor"):
        run_stub(tmp_path / "run", executor="cluster")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("where", [".", "missing", "file"])
def test_there_is_no_run_to_resume_without_a_journal(where: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"a directory with a journal.*gakeras search --run-dir"):
        resume(tmp_path / where, progress=False)


def shuffle_folds(run_dir: Path) -> None:
    np.save(run_dir / "folds.npy", np.load(run_dir / "folds.npy")[::-1])


def spoil_line(run_dir: Path) -> None:
    journal = run_dir / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"proposed"', b'"proposed', 1))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        pytest.param(shuffle_folds, "not the folds the run was started with", id="other folds"),
        pytest.param(lambda run: (run / "folds.npy").unlink(), "folds", id="no folds"),
        pytest.param(lambda run: (run / "folds.npy").write_bytes(b""), "folds", id="empty folds"),
        pytest.param(lambda run: (run / "data" / "x.npy").unlink(), "must hold stored data", id="no data"),
        pytest.param(spoil_line, "journal.jsonl, line 2", id="damaged journal"),
        pytest.param(lambda run: (run / "journal.jsonl").write_bytes(b""), "is empty", id="empty journal"),
    ],
)
def test_a_run_that_was_changed_is_refused_before_any_work(
    spoil: Callable[[Path], None], message: str, tmp_path: Path, log: Path
) -> None:
    run_stub(tmp_path / "run", max_evaluations=2)
    spoil(tmp_path / "run")
    before = contents(tmp_path)
    with pytest.raises((InputError, JournalError), match=message):
        resume(tmp_path / "run", max_evaluations=4, progress=False)
    assert contents(tmp_path) == before


def test_a_run_has_one_master(tmp_path: Path, log: Path) -> None:
    run = create_run(tmp_path / "run", stub_settings(), TABLE)
    with JournalWriter(run.journal), pytest.raises(InputError, match="one master"):
        resume(run.root, progress=False)
    assert not log.exists()


INTERRUPTIONS = {
    "at the folds": "gakeras.beginning.assign_folds_of_part",
    "at the data": "gakeras.beginning.store_arrays",
    "at the header": "gakeras.beginning._header",
    "at the lock": "gakeras.beginning.JournalWriter",
}


@pytest.mark.parametrize("interruption", INTERRUPTIONS)
def test_a_set_up_that_was_interrupted_can_be_started_again(interruption: str, tmp_path: Path) -> None:
    def fail(*args: Any, **kwargs: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(INTERRUPTIONS[interruption], fail)
        run_stub(tmp_path)
    assert run_stub(tmp_path).num_evaluations == 12


@pytest.mark.parametrize("text", ["", '{"type":"header","schema":1,"ki'], ids=["empty", "torn"])
def test_a_set_up_that_was_killed_at_its_header_can_be_started_again(text: str, tmp_path: Path) -> None:
    create_run(tmp_path, stub_settings(), TABLE)
    (tmp_path / "journal.jsonl").write_text(text)
    assert run_stub(tmp_path).num_evaluations == 12


# The seed decides


@pytest.mark.parametrize("algorithm", ["steady_state", "generational"])
def test_two_runs_of_one_seed_have_the_same_journal_apart_from_times(algorithm: str, tmp_path: Path) -> None:
    for name in ("one", "other"):
        run_stub(tmp_path / name, algorithm=algorithm, max_evaluations=18)
    assert without_times(tmp_path / "one") == without_times(tmp_path / "other")
    assert len(finished(tmp_path / "one")) == 18


def test_another_seed_gives_another_run(tmp_path: Path) -> None:
    for seed in (3, 4):
        run_stub(tmp_path / str(seed), seed=seed)
    assert not scores(tmp_path / "3") & scores(tmp_path / "4")


def test_a_generational_run_does_not_depend_on_the_number_of_workers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_SECONDS", "0.01")
    for workers in (1, 2, 4):
        changes = {"algorithm": "generational", "max_evaluations": 18, "workers": {"workers": workers}}
        run_stub(tmp_path / str(workers), executor="process", **changes)
    assert len(scores(tmp_path / "1")) == 18
    assert scores(tmp_path / "1") == scores(tmp_path / "2") == scores(tmp_path / "4")


def test_every_executor_can_run_a_search(tmp_path: Path) -> None:
    for executor in ("serial", "debug"):
        run_stub(tmp_path / executor, executor=executor)
    assert scores(tmp_path / "serial") == scores(tmp_path / "debug")
    result = run_stub(tmp_path / "process", executor="process", workers={"workers": 3})
    assert result.num_evaluations == 12 and result.statuses["ok"] == 12


# Budgets


@pytest.mark.parametrize("algorithm", ["steady_state", "generational"])
@pytest.mark.parametrize("workers", [1, 3], ids="{} workers".format)
@pytest.mark.parametrize("max_evaluations", [1, 9], ids="{} evaluations".format)
def test_the_number_of_evaluations_holds(
    algorithm: str, workers: int, max_evaluations: int, tmp_path: Path, log: Path
) -> None:
    changes = {"algorithm": algorithm, "max_evaluations": max_evaluations, "workers": {"workers": workers}}
    result = run_stub(tmp_path / "run", executor="process", **changes)
    assert result.num_evaluations == len(finished(tmp_path / "run")) == max_evaluations
    assert count_trained(log).total() == max_evaluations
    assert result.stop_reason == "the evaluations are used up"


@pytest.mark.parametrize("algorithm", ["steady_state", "generational"])
def test_the_seconds_hold_and_what_still_ran_is_abandoned(
    algorithm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stub(tmp_path / "short", algorithm=algorithm, max_evaluations=3)
    stuck = digests(tmp_path / "short")[finished(tmp_path / "short")[2]]
    monkeypatch.setenv("STUB_SECONDS", "0.1")
    monkeypatch.setenv("STUB_FAULT", "hangs")
    monkeypatch.setenv("STUB_FAULT_AMONG", stuck[0])
    run_dir = tmp_path / "run"
    changes = {"algorithm": algorithm, "max_evaluations": None, "max_seconds": 3.0}
    start = time.monotonic()
    result = run_stub(run_dir, executor="process", workers={"workers": 2}, **changes)
    assert 3.0 <= time.monotonic() - start < 10.0
    assert result.stop_reason == "the time is used up" and 3.0 <= result.seconds < 6.0
    abandoned = {record["number"] for record in records(run_dir, "abandoned")}
    assert abandoned == set(digests(run_dir)) - set(finished(run_dir))
    assert stuck in {digests(run_dir)[number] for number in abandoned}
    assert not workers_of(os.getpid())


def test_an_evaluation_that_never_ends_does_not_hold_up_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAULT", "hangs")
    start = time.monotonic()
    result = run_stub(tmp_path, max_evaluations=None, max_seconds=1.5)
    assert time.monotonic() - start < 10.0
    assert result.num_evaluations == 0 and len(records(tmp_path, "abandoned")) == 1
    with pytest.raises(RunError, match="no evaluation succeeded"):
        result.best  # noqa: B018


def test_a_larger_budget_goes_on_where_the_smaller_ended(tmp_path: Path) -> None:
    run_stub(tmp_path / "whole", max_evaluations=14)
    run_stub(tmp_path / "parts", max_evaluations=5)
    resume(tmp_path / "parts", max_evaluations=14, progress=False)
    parts, whole = (without_times(tmp_path / name)[1:] for name in ("parts", "whole"))
    ends = [record["budget"]["max_evaluations"] for record in parts if record["type"] == "ended"]
    assert ends == [5, 14]
    assert [r for r in parts if r["type"] not in ("ended", "resumed")] == [
        r for r in whole if r["type"] != "ended"
    ]


def test_a_budget_stays_with_the_run_until_another_one_is_given(tmp_path: Path) -> None:
    run_stub(tmp_path / "run", max_evaluations=5)
    resume(tmp_path / "run", max_evaluations=14, time_limit=0.001, progress=False)
    assert len(finished(tmp_path / "run")) < 14
    resume(tmp_path / "run", progress=False)
    resume(tmp_path / "run", progress=False)
    assert len(finished(tmp_path / "run")) == 14 and len(records(tmp_path / "run", "resumed")) == 1


def test_abandoned_work_is_done_when_the_run_is_resumed(
    tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stub(tmp_path / "whole")
    stuck = digests(tmp_path / "whole")[finished(tmp_path / "whole")[3]]
    with monkeypatch.context() as patch:  # it is under way when the time is used up, however slow the machine
        patch.setenv("STUB_FAULT", "hangs")
        patch.setenv("STUB_FAULT_AMONG", stuck[0])
        run_stub(tmp_path / "run", max_seconds=2.0)
    assert records(tmp_path / "run", "abandoned")
    resume(tmp_path / "run", max_evaluations=12, progress=False)
    assert scores(tmp_path / "run") == scores(tmp_path / "whole")
    assert sorted(finished(tmp_path / "run")) == finished(tmp_path / "whole")


@pytest.mark.parametrize("budget", [{"max_evaluations": 5}, {"max_seconds": 1.0, "max_evaluations": None}])
def test_resuming_a_finished_run_trains_nothing(budget: dict[str, Any], tmp_path: Path, log: Path) -> None:
    first = run_stub(tmp_path / "run", **budget)
    before = (tmp_path / "run" / "journal.jsonl").read_bytes()
    trained = count_trained(log)
    again = resume(tmp_path / "run", progress=False)
    assert (tmp_path / "run" / "journal.jsonl").read_bytes() == before
    assert count_trained(log) == trained
    assert (again.rows(1), again.num_evaluations, again.stop_reason) == (
        first.rows(1),
        first.num_evaluations,
        first.stop_reason,
    )


# Failures


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("raises", "error: ValueError: no such layer"),
        ("gives up with NaN", "error: diverged"),
        ("kills itself", "died: the worker process ended, exit status -9"),
        ("hangs", "timeout: stopped after 0.2 seconds"),
    ],
)
def test_a_run_where_the_first_evaluations_all_fail_stops_with_their_reason(
    fault: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAULT", fault)
    with pytest.raises(RunError, match=f"first 3 evaluations all failed.*{reason}"):
        run_stub(tmp_path, max_first_failures=3, workers={"timeout_seconds": 0.2})
    assert [record["status"] for record in records(tmp_path, "finished")] == [reason.split(":")[0]] * 3
    assert not workers_of(os.getpid())


def test_a_run_that_failed_at_once_goes_on_when_what_was_wrong_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("STUB_FAULT", "raises")
        with pytest.raises(RunError, match="first 3 evaluations all failed"):
            run_stub(tmp_path / "run", max_first_failures=3, max_evaluations=8)
    result = resume(tmp_path / "run", progress=False)
    assert result.num_evaluations == 8 and result.statuses["ok"] == 5  # type: ignore[union-attr]


def test_calibration_ends_with_the_session_and_is_done_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_CALIBRATION_SECONDS", "3600")
    start = time.monotonic()
    arguments = {"max_evaluations": 4, "caps": {"max_cpu_seconds": 9.0}}
    settings = stub_settings(**arguments)
    result = run_search(
        settings, TABLE, run_dir=tmp_path / "run", session=Session(2.0, grace_seconds=1.0), progress=False
    )
    assert time.monotonic() - start < 30 and result.is_unfinished and not result.num_evaluations
    monkeypatch.setenv("STUB_CALIBRATION_SECONDS", "0")
    assert resume(tmp_path / "run", progress=False).num_evaluations == 4  # type: ignore[union-attr]
    assert len(records(tmp_path / "run", "calibrated")) == 1


def test_a_calibration_that_is_interrupted_leaves_a_run_to_go_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*given: Any) -> None:
        raise KeyboardInterrupt

    arguments = {"max_evaluations": 4, "caps": {"max_cpu_seconds": 9.0}}
    with monkeypatch.context() as patch:
        patch.setattr("gakeras.searching._calibrate", interrupt)
        result = run_stub(tmp_path / "run", **arguments)
    assert result.was_interrupted and result.is_unfinished and not result.num_evaluations
    assert resume(tmp_path / "run", progress=False).num_evaluations == 4  # type: ignore[union-attr]


def test_workers_that_cannot_start_stop_the_run_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="did not start, its log is"):
        run_stub(tmp_path, max_first_failures=2, workers={"job_module": "there_is_no_such_module"})


# Ctrl-C


def interrupt_after(lines: int, run_dir: Path, master: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Send Ctrl-C to a master once its journal has so many lines; return the workers it had."""
    wait_until(lambda: has_lines(run_dir / "journal.jsonl", lines))
    wait_until(lambda: bool(workers_of(master.pid)))
    workers = workers_of(master.pid)
    os.kill(master.pid, signal.SIGINT)
    assert master.wait(timeout=20) == 0
    return workers


@pytest.mark.parametrize("algorithm", ["steady_state", "generational"])
def test_ctrl_c_ends_the_run_cleanly_and_resuming_finishes_it(
    algorithm: str, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_dir = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setenv("STUB_SECONDS", "0.3")
        changes: dict[str, Any] = {"algorithm": algorithm, "workers": {"executor": "process", "workers": 2}}
        with spawn_master(run_dir, **changes) as master:
            workers = interrupt_after(5, run_dir, master)
    assert not any(worker.is_running() for worker in workers)
    done = finished(run_dir)
    abandoned = [record["number"] for record in records(run_dir, "abandoned")]
    # of a generation all have been proposed; else one of the two workers may just have ended
    assert abandoned and (len(abandoned) <= 2 or algorithm == "generational")
    assert sorted(done + abandoned) == sorted(digests(run_dir)) and len(done) < 12
    result = resume(run_dir, progress=False)
    assert result.num_evaluations == 12 and finished(run_dir)[: len(done)] == done
    genomes = digests(run_dir)
    assert all(count_trained(log)[genomes[number]] == 1 for number in done)
