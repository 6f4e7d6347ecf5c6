"""Laws of dispatch: every job comes back once, deaths are tried again once, and nothing is left behind."""

from __future__ import annotations

import multiprocessing
import time
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import pytest
from stub_runs import wait_until, workers_of

from gakeras.dispatch import Dispatcher
from gakeras.errors import RunError, Stalled, Unfinished
from gakeras.executors import ExecutorChoice, choose_executor
from gakeras.jobs import Job
from gakeras.workers import ChildOptions

pytestmark = pytest.mark.usefixtures("stub_jobs")


def open_dispatcher(
    folder: Path, choice: ExecutorChoice = "serial", workers: int | None = None, timeout: float | None = 60.0
) -> Dispatcher:
    options = ChildOptions(str(folder), str(folder / "workers"), "stub_jobs")
    return Dispatcher(choose_executor(choice, workers), options, timeout)


def tell(number: int, **payload: Any) -> Job:
    return Job(str(number), "tell", {"echo": number, **payload})


def fault(how: str) -> Job:
    return Job(how, "fault", {"how": how})


def fault_at_first(how: str, times: int, log: Path) -> Job:
    return Job(how, "once", {"how": how, "times": times, "log": str(log)})


def workers() -> list[psutil.Process]:
    return workers_of(psutil.Process().pid)


def test_results_come_back_in_the_order_of_their_jobs(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, "process", 3) as dispatcher:
        jobs = [tell(n, seconds=0.2 if n == 0 else 0.0) for n in range(7)]
        results = dispatcher.run(jobs)
        assert [result.measures["echo"] for result in results] == list(range(7))
        assert dispatcher.num_in_flight == 0


def test_a_result_is_collected_as_soon_as_it_is_there(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, "process", 2) as dispatcher:
        dispatcher.submit(tell(0, seconds=3600))
        dispatcher.submit(tell(1))
        assert [result.job_id for result in dispatcher.collect()] == ["1"]
        assert dispatcher.num_in_flight == 1


def test_collecting_returns_nothing_on_time(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path) as dispatcher:
        dispatcher.submit(tell(0, seconds=3600))
        for timeout in (0.0, 0.3):
            start = time.monotonic()
            assert dispatcher.collect(timeout) == []
            assert timeout <= time.monotonic() - start < timeout + 2
        assert dispatcher.num_in_flight == 1


# Deaths


def test_a_job_whose_worker_died_is_tried_once_more(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path) as dispatcher:
        (result,) = dispatcher.run([fault_at_first("kills itself", 1, tmp_path / "log")])
    assert (result.status, result.attempt, result.measures["echo"]) == ("ok", 2, "survived")


def test_the_attempt_that_died_is_charged_with_the_one_that_did_not(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path) as dispatcher:
        job = Job(
            "slow", "once", {"how": "kills itself", "times": 1, "log": str(tmp_path / "log"), "seconds": 0.5}
        )
        (result,) = dispatcher.run([job])
    assert (result.status, result.attempt) == ("ok", 2) and result.cpu_seconds >= 0.5


def test_the_second_death_is_the_result(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path) as dispatcher:
        (result,) = dispatcher.run([fault_at_first("kills itself", 9, tmp_path / "log")])
    assert (result.status, result.attempt) == ("died", 2)
    assert "exit status -9" in str(result.reason)
    assert (tmp_path / "log").read_text() == "kills itself\n" * 2


@pytest.mark.parametrize("how", ["raises", "hangs"])
def test_errors_and_timeouts_are_not_tried_again(how: str, tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, timeout=1.0) as dispatcher:
        (result,) = dispatcher.run([fault_at_first(how, 9, tmp_path / "log")])
    assert result.status == {"raises": "error", "hangs": "timeout"}[how] and result.attempt == 1
    assert (tmp_path / "log").read_text() == f"{how}\n"


def test_one_death_disturbs_no_other_job(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, "process", 2) as dispatcher:
        jobs = [fault("kills itself"), *(tell(n) for n in range(6)), fault("aborts")]
        statuses = [result.status for result in dispatcher.run(jobs)]
    assert statuses == ["died", *["ok"] * 6, "died"]


@pytest.mark.parametrize("others", [1, 2])
def test_a_death_is_tried_again_by_another_worker(others: int, tmp_path: Path) -> None:
    """Also where no other is free at first: it is waited for."""
    with open_dispatcher(tmp_path, "process", 1 + others) as dispatcher:
        for number in range(others):
            dispatcher.submit(tell(number, seconds=0.5))
        dispatcher.submit(fault_at_first("kills itself", 9, tmp_path / "log"))
        results = {}
        while dispatcher.num_in_flight:
            results |= {result.job_id: result for result in dispatcher.collect()}
    died = results.pop("kills itself")
    assert (died.status, died.attempt) == ("died", 2) and len(results) == others
    assert died.worker in {result.worker for result in results.values()}


def test_while_a_job_waits_for_another_worker_its_own_gets_other_work(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, "process", 2) as dispatcher:
        dispatcher.submit(tell(0, seconds=4))
        dispatcher.submit(fault_at_first("kills itself", 1, tmp_path / "log"))
        assert dispatcher.slots == 2
        assert dispatcher.collect(30) == [] and dispatcher.slots == 3
        dispatcher.submit(tell(1))
        (first,) = dispatcher.collect(30)
        assert first.job_id == "1"
        results = []
        while dispatcher.num_in_flight:
            results += dispatcher.collect()
    by_id = {result.job_id: result for result in results}
    assert by_id["kills itself"].worker == by_id["0"].worker != first.worker
    assert by_id["kills itself"].attempt == 2


def test_a_job_nobody_else_can_do_is_tried_again_by_the_same_worker(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as pool, open_dispatcher(tmp_path, pool, 2) as dispatcher:
        (result,) = dispatcher.run([fault_at_first("kills itself", 1, tmp_path / "log")])
    assert (result.status, result.attempt) == ("ok", 2)


# Workers that do not work


def test_a_worker_that_does_not_start_loses_no_job_and_gets_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_BROKEN", "worker_1")
    with open_dispatcher(tmp_path, "process", 2) as dispatcher:
        with pytest.warns(UserWarning, match=r"worker_1 has lost 5 .*did not start, its log is "):
            results = dispatcher.run([tell(n, seconds=0.5) for n in range(20)])
        assert dispatcher.slots == 1
    assert [(result.status, result.attempt) for result in results] == [("ok", 1)] * 20
    assert len({result.worker for result in results}) == 1


def test_a_worker_that_cannot_work_is_given_no_more_than_one_job_ahead_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_BROKEN", "worker_1")
    with open_dispatcher(tmp_path, "process", 2) as dispatcher:
        for number in range(2):
            dispatcher.submit(tell(number, seconds=4))
        assert dispatcher.collect(30) == [] and dispatcher.slots == 3
        dispatcher.submit(tell(2))
        assert dispatcher.collect(30) == [] and dispatcher.slots == 3


def test_where_no_worker_starts_the_first_one_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_BROKEN", "worker_")
    with (
        pytest.raises(RunError, match=r"No worker can do anything\. .*did not start, its log is ") as raised,
        pytest.warns(UserWarning, match="has lost 5"),
        open_dispatcher(tmp_path, "process", 2) as dispatcher,
    ):
        dispatcher.run([tell(n) for n in range(8)])
    assert not isinstance(raised.value, Unfinished)


# Stalls


class Silent(Executor):
    """Takes jobs and never answers."""

    def submit(self, function: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()
        return future


def test_workers_that_fall_silent_are_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gakeras.dispatch._POLL_SECONDS", 0.1)
    options = ChildOptions(str(tmp_path), str(tmp_path), "stub_jobs", start_seconds=0.2)
    start = time.monotonic()
    factory = choose_executor(Silent(), 2)
    with pytest.raises(Stalled, match="no worker has answered"), Dispatcher(factory, options, 0.3, 0.5) as d:
        d.run([tell(0), tell(1)])
    assert 1.0 <= time.monotonic() - start < 5


def test_jobs_that_may_take_for_ever_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gakeras.dispatch._POLL_SECONDS", 0.1)
    options = ChildOptions(str(tmp_path), str(tmp_path), "stub_jobs", start_seconds=0.1)
    with Dispatcher(choose_executor(Silent(), 2), options, None, 0.1) as dispatcher:
        dispatcher.submit(tell(0))
        assert dispatcher.collect(1.5) == []
        dispatcher.submit(tell(1), timeout_seconds=0.3)  # it is known by now how long jobs may take
        with pytest.raises(Stalled, match="no worker has answered"):
            dispatcher.collect(10)


# Executors that break


def test_a_broken_pool_of_the_users_ends_the_run_to_be_resumed(tmp_path: Path) -> None:
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(Unfinished, match="cannot be opened again"),
        open_dispatcher(tmp_path, pool) as dispatcher,
    ):
        dispatcher.run([fault("kills the pool"), tell(1)])


class ClosedClientError(Exception):
    """What Dask raises, by its name."""


class Closed(Silent):
    """An executor whose client was closed."""

    def submit(self, *arguments: Any, **options: Any) -> Future[Any]:
        raise ClosedClientError("the client is closed")


def test_an_executor_that_was_closed_ends_the_run_unfinished(tmp_path: Path) -> None:
    shut = ThreadPoolExecutor(1)
    shut.shutdown()
    for executor in (shut, Closed()):
        with (
            pytest.raises(Unfinished, match="cannot be opened again"),
            open_dispatcher(tmp_path, executor, 1) as dispatcher,
        ):
            dispatcher.submit(tell(1))


class Pools:
    """Opens pools of processes and counts them."""

    def __init__(self) -> None:
        self.opened: list[ProcessPoolExecutor] = []

    def __call__(self) -> Executor:
        context = multiprocessing.get_context("spawn")
        self.opened.append(ProcessPoolExecutor(2, mp_context=context))
        return self.opened[-1]


def test_a_broken_pool_is_opened_anew_and_what_was_in_flight_is_done_again(tmp_path: Path) -> None:
    pools = Pools()
    with open_dispatcher(tmp_path, pools, workers=2) as dispatcher:
        jobs = [fault_at_first("kills the pool", 1, tmp_path / "log"), *(tell(n) for n in range(5))]
        results = dispatcher.run(jobs)
        assert [result.status for result in results] == ["ok"] * 6
        assert results[0].attempt == 2 and len(pools.opened) == 2
    wait_until(lambda: not workers())


def test_a_job_that_breaks_every_pool_died_of_it(tmp_path: Path) -> None:
    pools = Pools()
    with open_dispatcher(tmp_path, pools, workers=2) as dispatcher:
        (result,) = dispatcher.run([fault_at_first("kills the pool", 9, tmp_path / "log")])
        assert (result.status, result.attempt) == ("died", 2)
        assert "the executor broke" in str(result.reason)
        assert dispatcher.run([tell(1)])[0].status == "ok"


def test_a_job_that_an_executor_cannot_carry_is_an_error(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, Pools(), workers=2) as dispatcher:
        results = dispatcher.run([Job("0", "tell", {"echo": lambda: None}), tell(1)])
    assert [result.status for result in results] == ["error", "ok"]


# Leaving


@pytest.mark.parametrize("choice", ["serial", "process", "a pool of the user's"])
def test_leaving_kills_what_runs_and_leaves_no_child(choice: str, tmp_path: Path) -> None:
    with ThreadPoolExecutor(2) as pool:
        executor = pool if choice.startswith("a pool") else choice
        with open_dispatcher(tmp_path, executor) as dispatcher:
            for number in range(4):
                dispatcher.submit(tell(number, seconds=3600, log=str(tmp_path / "log")))
            wait_until((tmp_path / "log").exists)
            start = time.monotonic()
        assert time.monotonic() - start < 10
        assert not workers()
        assert len((tmp_path / "log").read_text().split()) <= dispatcher.slots


def test_leaving_by_an_error_leaves_no_child_either(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), open_dispatcher(tmp_path, "process", 2) as dispatcher:
        dispatcher.run([tell(n) for n in range(4)])
        assert workers()
        raise KeyboardInterrupt
    assert not workers()


def test_what_is_given_up_never_comes_back_and_other_jobs_do(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path, "process", 2) as dispatcher:
        dispatcher.give_up()
        for number in range(3):
            dispatcher.submit(tell(number, seconds=3600))
        start = time.monotonic()
        dispatcher.give_up()
        assert dispatcher.num_in_flight == 0
        assert [result.status for result in dispatcher.run([tell(7), tell(8)])] == ["ok", "ok"]
        assert time.monotonic() - start < 20 and dispatcher.collect(0.0) == []


def test_after_leaving_another_dispatcher_of_the_same_run_works(tmp_path: Path) -> None:
    for _ in range(2):
        with open_dispatcher(tmp_path) as dispatcher:
            assert dispatcher.run([tell(0)])[0].status == "ok"


def test_one_dispatcher_leaves_the_children_of_another_alone(tmp_path: Path) -> None:
    with open_dispatcher(tmp_path / "one") as first:
        pid = first.run([tell(0)])[0].measures["pid"]
        with open_dispatcher(tmp_path / "other") as second:
            second.run([tell(0)])
        assert first.run([tell(1)])[0].measures["pid"] == pid
