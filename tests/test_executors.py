"""Laws of executors: they are transport only, so every one of them gives the same results."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gakeras.dispatch import Dispatcher
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice, ExecutorFactory, choose_executor, num_cores
from gakeras.jobs import Job, JobResult
from gakeras.workers import ChildOptions, devices

GENOMES = [Genome.parse(f"dense #{units} activation=relu").to_json() for units in (3, 5, 8)]
FOLDS = {"folds": [0, 1], "from_epoch": 0, "to_epoch": 2}
JOBS = [
    *(Job(f"evaluate {n}", "evaluate", {"genome": genome, **FOLDS}) for n, genome in enumerate(GENOMES)),
    Job("raises", "fault", {"how": "raises"}),
    Job("sys.exit", "fault", {"how": "sys.exit"}),
    Job("unheard of", "unheard of", {}),
]


class Mute(Executor):
    """An executor that does not tell how many jobs it runs."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        raise AssertionError("nothing is submitted")


@pytest.fixture
def to_close() -> Iterator[ExitStack]:
    """Where a test leaves the executors that are its own."""
    with ExitStack() as stack:
        yield stack


def spawning_pool(workers: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))


CHOICES: dict[str, Callable[[ExitStack], ExecutorFactory]] = {
    "serial": lambda stack: choose_executor("serial"),
    "process, 1 worker": lambda stack: choose_executor("process", 1),
    "process, 3 workers": lambda stack: choose_executor("process", 3),
    "debug": lambda stack: choose_executor("debug"),
    "a thread pool of the user's": lambda stack: choose_executor(stack.enter_context(ThreadPoolExecutor(2))),
    "a process pool of the user's": lambda stack: choose_executor(stack.enter_context(spawning_pool(2))),
    "a function of the user's": lambda stack: choose_executor(lambda: spawning_pool(1), workers=1),
}


@pytest.mark.usefixtures("stub_jobs")
@pytest.mark.parametrize("choice", CHOICES)
def test_every_executor_gives_the_same_results(choice: str, tmp_path: Path, to_close: ExitStack) -> None:
    options = ChildOptions(str(tmp_path), str(tmp_path / "workers"), "stub_jobs")
    with Dispatcher(CHOICES["serial"](to_close), options) as dispatcher:
        expected = dispatcher.run(JOBS)
    with Dispatcher(CHOICES[choice](to_close), options) as dispatcher:
        results = dispatcher.run(JOBS)
    assert [what_was_found(result) for result in results] == [what_was_found(result) for result in expected]
    assert [result.status for result in results] == ["ok"] * 3 + ["error"] * 3


def what_was_found(result: JobResult) -> tuple[Any, ...]:
    measures = {name: value for name, value in result.measures.items() if name != "memory_bytes"}
    return result.job_id, result.status, result.reason, measures, result.artifacts, result.attempt


@pytest.mark.parametrize(
    ("choice", "workers", "slots"),
    [
        pytest.param("serial", None, 1, id="serial"),
        pytest.param("serial", 4, 1, id="serial whatever the workers"),
        pytest.param("process", 3, 3, id="process"),
        pytest.param("process", None, num_cores(), id="process, one a core"),
        pytest.param("debug", None, 1, id="debug"),
        pytest.param(ThreadPoolExecutor(3), None, 3, id="a pool that tells"),
        pytest.param(ThreadPoolExecutor(3), 2, 2, id="a pool, and fewer workers"),
        pytest.param(Mute(), 5, 5, id="one that does not tell"),
        pytest.param(Mute, 5, 5, id="a function"),
    ],
)
def test_the_number_of_slots(choice: ExecutorChoice, workers: int | None, slots: int) -> None:
    assert choose_executor(choice, workers).slots == slots


def test_an_executor_of_the_users_is_left_open() -> None:
    with ThreadPoolExecutor(1) as pool:
        factory = choose_executor(pool)
        assert factory.open() is pool and not factory.is_ours


@pytest.mark.parametrize(
    ("choice", "workers", "message"),
    [
        pytest.param("proces", None, r"no such executor.*serial, process.*executor='proces'", id="unknown"),
        pytest.param(7, None, "no such executor.*executor=7", id="not an executor"),
        pytest.param("process", 0, "workers >= 1.*workers=0", id="no workers"),
        pytest.param("serial", -1, "workers >= 1.*workers=-1", id="fewer than none"),
        pytest.param(Mute(), None, r"how many jobs.*workers=\.\.\. beside it", id="one that does not tell"),
        pytest.param(Mute, None, r"how many jobs.*workers=\.\.\. beside it", id="a function that does not"),
    ],
)
def test_what_cannot_be_an_executor_is_refused(choice: Any, workers: int | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        choose_executor(choice, workers)


def test_ctrl_c_reaches_the_user_in_debug_mode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(payload: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("stub_jobs.tell", interrupted)
    options = ChildOptions(str(tmp_path), str(tmp_path), "stub_jobs")
    with Dispatcher(choose_executor("debug"), options) as dispatcher, pytest.raises(KeyboardInterrupt):
        dispatcher.run([Job("0", "tell", {})])


def test_the_debug_executor_works_under_the_backend_of_the_run_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "tensorflow")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    choose_executor("debug", backend="jax")
    assert os.environ["KERAS_BACKEND"] == "jax"
    monkeypatch.setitem(
        sys.modules, "keras", SimpleNamespace(backend=SimpleNamespace(backend=lambda: "torch"))
    )
    with pytest.raises(
        InputError, match=r"the backend of the run, jax\. Received: Keras with the backend torch"
    ):
        choose_executor("debug", backend="jax")


def test_devices_that_keras_does_not_see_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    said = {"tensorflow": "tensorflow cpu:0", "jax": "jax cuda:0 cuda:1 cuda:2", "torch": ""}

    def probe(backend: str, environ: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], int(backend == "torch"), said[backend], "")

    monkeypatch.setattr(devices, "probe_keras", probe)
    devices.num_usable.cache_clear()
    with pytest.warns(UserWarning, match=r"accelerators \(0, 1, 2\), and tensorflow can use none"):
        assert choose_executor("process", backend="tensorflow").slots == num_cores()
    assert choose_executor("process", None, 2, backend="jax").slots == 6
    assert choose_executor("process", backend="torch").slots == 3  # the first job says what is wrong
    devices.num_usable.cache_clear()


def test_debugging_in_a_job_of_ranks_leaves_the_others_without_work(monkeypatch: pytest.MonkeyPatch) -> None:
    joined: list[bool] = []
    monkeypatch.setattr("gakeras.executors.choice.num_launched", lambda: 3)
    monkeypatch.setattr("gakeras.executors.choice.mpi.open_world", lambda: joined.append(True))
    assert choose_executor("debug").slots == 1 and joined == [True]
