"""Laws of the supervisor: whatever a job does ends a child, never the worker, and comes back as a result."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from stub_runs import has_lines, wait_until

from gakeras.jobs import JobResult
from gakeras.workers import ChildOptions, run_job, stop_children
from gakeras.workers.place import current_place
from gakeras.workers.supervisor import allow_children, keras_environment, options_to_json

pytestmark = pytest.mark.usefixtures("stub_jobs")
FOREVER = 60.0


@pytest.fixture
def options(tmp_path: Path) -> Iterator[ChildOptions]:
    """Options of children that are stopped at the end of the test."""
    owner = str(tmp_path)
    yield ChildOptions(owner, str(tmp_path / "workers"), "stub_jobs", environment={"STUB_SETTING": "seven"})
    stop_children(owner)


def do(
    options: ChildOptions, kind: str = "tell", timeout_seconds: float | None = FOREVER, **payload: Any
) -> JobResult:
    job = {"id": f"{kind} {payload}", "kind": kind, "payload": payload}
    result = JobResult.from_json(run_job(job, options_to_json(options), timeout_seconds))
    assert result.job_id == job["id"]
    return result


def pid_of(options: ChildOptions) -> int:
    return int(do(options).measures["pid"])


# Ordinary jobs


def test_a_job_comes_back_with_its_measures_and_who_did_it_when(options: ChildOptions) -> None:
    before = time.time()
    result = do(options, echo={"a": [1, 2.5, None, "ü\n"]})
    assert (result.status, result.reason, result.artifacts) == ("ok", None, {"log": "somewhere"})
    assert result.measures["echo"] == {"a": [1, 2.5, None, "ü\n"]}
    assert result.measures["memory_bytes"] > 1_000_000
    assert before <= result.start <= result.end <= time.time()
    assert 0 <= result.cpu_seconds < FOREVER
    assert result.worker.endswith(threading.current_thread().name) and result.host


def test_a_child_is_warm_across_jobs_and_another_process(options: ChildOptions) -> None:
    pids = {pid_of(options) for _ in range(4)}
    assert len(pids) == 1 and os.getpid() not in pids


def test_a_child_is_replaced_after_its_number_of_jobs(options: ChildOptions) -> None:
    short_lived = ChildOptions(**options_to_json(options) | {"max_jobs": 2})
    pids = [pid_of(short_lived) for _ in range(6)]
    assert pids[0::2] == pids[1::2] and len(set(pids)) == 3
    assert [psutil.pid_exists(pid) for pid in pids[1::2]] == [False, False, True]


def test_other_options_get_another_child(options: ChildOptions) -> None:
    other = ChildOptions(**options_to_json(options) | {"environment": {"STUB_SETTING": "eight"}})
    for child in (options, other, options):
        setting = do(child, environment=["STUB_SETTING"]).measures["environment"]
        assert setting == dict(child.environment)


def test_every_thread_has_a_child_of_its_own(options: ChildOptions) -> None:
    both_running = threading.Barrier(2, timeout=FOREVER)

    def work() -> int:
        both_running.wait()
        return pid_of(options)

    with ThreadPoolExecutor(2) as pool:
        pids = [future.result() for future in [pool.submit(work) for _ in range(2)]]
    assert len(set(pids)) == 2


def test_prints_go_to_the_log_and_do_not_disturb(options: ChildOptions, tmp_path: Path) -> None:
    payload = {"genome": {}, "folds": [], "from_epoch": 0, "to_epoch": 0}
    result = do(options, "fault", how="raises")
    assert "no such layer" in str(result.reason)
    assert do(options, "evaluate", **payload).status == "error"
    (log,) = (tmp_path / "workers").iterdir()
    assert "a print while the child starts" in log.read_text()
    assert "ValueError: no such layer" in log.read_text()


def test_the_environment_is_there_at_the_first_import(
    options: ChildOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = tmp_path / "curious_jobs.py"
    module.write_text(
        "import os\nSEEN = dict(os.environ)\nKINDS = {'tell': 'curious_jobs:tell'}\n"
        "def warm_up(): pass\n"
        "def tell(payload): return {'measures': {name: SEEN.get(name) for name in payload['names']}}\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    environment = keras_environment("jax", threads=3)
    child = ChildOptions(options.owner, options.log_dir, "curious_jobs", environment)
    seen = do(child, names=list(environment)).measures
    assert environment.items() <= seen.items()
    assert (seen["KERAS_BACKEND"], seen["TF_NUM_INTRAOP_THREADS"], seen["OMP_NUM_THREADS"]) == (
        "jax",
        "3",
        "3",
    )


# Places and files


def test_a_file_stops_a_child_from_afar(options: ChildOptions, tmp_path: Path) -> None:
    stop_file = tmp_path / "stop"
    job = {"id": "0", "kind": "tell", "payload": {"seconds": 3600, "log": str(tmp_path / "log")}}
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(run_job, job, options_to_json(options), None, str(stop_file))
        wait_until(lambda: has_lines(tmp_path / "log", 1))
        stop_file.touch()
        result = JobResult.from_json(running.result(timeout=20))
        pid = int((tmp_path / "log").read_text())
    assert (result.status, result.reason) == ("died", "the run was stopped")
    assert not psutil.pid_exists(pid)


def test_the_worker_a_job_is_to_avoid_declines_it_without_a_child(options: ChildOptions) -> None:
    job = {"id": "0", "kind": "tell", "payload": {}, "avoid": current_place().name}
    result = JobResult.from_json(run_job(job, options_to_json(options), FOREVER))
    assert result.status == "declined" and not Path(options.log_dir).exists()


def test_a_child_is_no_rank_of_the_job_its_worker_belongs_to(
    options: ChildOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK", "PRTE_X", "HYDI_CONTROL_FD"]
    for name in names:
        monkeypatch.setenv(name, "1")
    assert set(do(options, environment=names).measures["environment"].values()) == {None}


# Faults


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("raises", "error", "ValueError: no such layer"),
        ("gives up", "error", "diverged"),
        ("gives up with NaN", "error", "diverged"),
        ("gives up with an object", "error", "diverged"),
        ("runs out of memory", "error", "MemoryError: no 80 GiB"),
        ("recurses", "error", "RecursionError"),
        ("sys.exit", "error", "SystemExit: 3"),
        ("os._exit", "died", "exit status 3"),
        ("kills itself", "died", "exit status -9"),
        ("aborts", "died", "exit status -6"),
        ("hangs", "timeout", "stopped after 1 seconds"),
        ("busy", "timeout", "stopped after 1 seconds"),
    ],
)
def test_every_fault_is_a_status_with_a_reason_and_the_next_job_is_fine(
    options: ChildOptions, how: str, status: str, reason: str
) -> None:
    assert do(options).status == "ok"
    result = do(options, "fault", timeout_seconds=1.0 if status == "timeout" else FOREVER, how=how)
    assert result.status == status
    assert reason in str(result.reason)
    assert 0 < result.start <= result.end
    assert do(options, echo="next").measures["echo"] == "next"


@pytest.mark.parametrize("kind", ["unheard of", "missing"])
def test_a_kind_that_is_not_there_is_an_error_of_the_job(options: ChildOptions, kind: str) -> None:
    result = do(options, kind)
    assert result.status == "error" and ("KeyError" in result.reason or "AttributeError" in result.reason)
    assert do(options).status == "ok"


def test_an_error_leaves_the_child_warm_and_a_death_or_a_timeout_does_not(options: ChildOptions) -> None:
    first = pid_of(options)
    do(options, "fault", how="raises")
    assert pid_of(options) == first
    do(options, "fault", how="os._exit")
    second = pid_of(options)
    do(options, "fault", how="hangs", timeout_seconds=0.5)
    assert len({first, second, pid_of(options)}) == 3
    assert not psutil.pid_exists(first) and not psutil.pid_exists(second)


def test_what_a_job_measured_before_it_gave_up_is_kept(options: ChildOptions) -> None:
    assert do(options, "fault", how="gives up").measures["folds"] == []


def test_starting_does_not_count_to_the_timeout(
    options: ChildOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_START_SECONDS", "1.5")
    result = do(options, timeout_seconds=0.75)
    assert result.status == "ok" and result.end - result.start < 0.75


def test_a_child_that_takes_too_long_to_start_has_not_tried_its_job_and_names_its_log(
    options: ChildOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_START_SECONDS", "60")
    result = do(ChildOptions(**options_to_json(options) | {"start_seconds": 0.5}))
    assert result.status == "unstarted" and "did not start" in result.reason and ".log" in result.reason


def test_a_module_that_cannot_be_imported_names_its_log(options: ChildOptions) -> None:
    result = do(ChildOptions(**options_to_json(options) | {"module": "there_is_no_such_module"}))
    assert result.status == "unstarted" and "did not start" in result.reason  # another worker may have it
    log = str(result.reason).split("its log is ")[1].split(" (")[0]
    assert "there_is_no_such_module" in Path(log).read_text()


def test_a_child_killed_while_it_starts_has_not_tried_its_job(
    options: ChildOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_START_SECONDS", "60")
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(do, options)
        wait_until(lambda: children())
        children()[0].kill()
        result = future.result()
    assert result.status == "unstarted" and "did not start" in result.reason


def test_a_machine_that_starts_no_process_has_not_tried_its_job(
    options: ChildOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_many(*args: Any, **kwargs: Any) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(subprocess, "Popen", too_many)
    result = do(options)
    assert result.status == "unstarted" and "Resource temporarily unavailable" in str(result.reason)


def test_an_idle_child_ends_by_itself_and_the_next_job_gets_another(options: ChildOptions) -> None:
    idle = ChildOptions(**options_to_json(options) | {"idle_seconds": 0.2})
    first = pid_of(idle)
    os.waitid(os.P_PID, first, os.WEXITED | os.WNOWAIT)
    result = do(idle)
    assert (result.status, result.reason) == ("ok", None)
    assert result.measures["pid"] != first


# Stopping


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGUSR1"])
def test_signals_to_a_child_do_nothing(options: ChildOptions, name: str) -> None:
    pid = pid_of(options)
    with ThreadPoolExecutor(1) as pool:
        os.kill(pid, getattr(signal, name))
        assert pid_of(options) == pid
        log = Path(options.owner) / "log"
        running = pool.submit(do, options, seconds=0.5, log=str(log))
        wait_until(lambda: has_lines(log, 1))
        os.kill(int(log.read_text()), getattr(signal, name))
        assert running.result().status == "ok"


def test_stopped_children_are_killed_and_their_jobs_died(options: ChildOptions, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(do, options, "once", how="hangs", times=9, log=f"{tmp_path}/{n}") for n in (0, 1)]
        wait_until(lambda: (tmp_path / "0").exists() and (tmp_path / "1").exists())
        assert len(children()) == 2
        stop_children(options.owner)
        assert [job.result().status for job in jobs] == ["died", "died"]
    assert not children()


def test_a_stopped_run_starts_no_child_until_it_is_allowed_again(options: ChildOptions) -> None:
    stop_children(options.owner)
    assert (do(options).status, children()) == ("died", [])
    allow_children(options.owner)
    assert do(options).status == "ok"


def test_stopping_one_run_leaves_another_alone(options: ChildOptions) -> None:
    pid = pid_of(options)
    stop_children("another run")
    assert pid_of(options) == pid


def children() -> list[psutil.Process]:
    """Return the worker processes; there may be others, as that of multiprocessing's resource tracker."""
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.NoSuchProcess):
            if "gakeras.workers.child" in child.cmdline() and child.status() != psutil.STATUS_ZOMBIE:
                found.append(child)
    return found
