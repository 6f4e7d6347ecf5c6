"""Laws of runs on a Dask cluster: the same results, deaths tried again, and nothing left running."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest
from distributed import Client, LocalCluster
from stub_runs import count_trained, finished, has_lines, records, run_stub, scores, wait_until, workers_of

from gakeras.dispatch import Dispatcher
from gakeras.executors import ExecutorFactory, choose_executor
from gakeras.jobs import Job
from gakeras.workers import ChildOptions

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("stub_jobs"),
]


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two Dask workers, each a process of its own, that find the stub."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        cluster = LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        yield client


@pytest.fixture
def factory(client: Client) -> ExecutorFactory:
    return choose_executor(client.get_executor(pure=False), workers=2)


def test_a_search_on_dask_is_that_of_any_other_workers(client: Client, tmp_path: Path) -> None:
    changes = {"algorithm": "generational", "max_evaluations": 12}
    run_stub(tmp_path / "serial", **changes)
    executor = client.get_executor(pure=False)
    run_stub(tmp_path / "dask", executor, workers={"workers": 2}, **changes)
    assert scores(tmp_path / "dask") == scores(tmp_path / "serial")
    assert len({record["worker"] for record in records(tmp_path / "dask", "finished")}) == 2


@pytest.mark.parametrize("pure", [True, False])
def test_a_job_whose_child_died_is_tried_once_more(pure: bool, client: Client, tmp_path: Path) -> None:
    """Also where Dask would take a second call of the same job for the first."""
    job = Job("0", "once", {"how": "kills itself", "times": 1, "log": str(tmp_path / "log")})
    options = ChildOptions(str(tmp_path), str(tmp_path / "workers"), "stub_jobs")
    factory = choose_executor(client.get_executor(pure=pure), workers=2)
    with Dispatcher(factory, options) as dispatcher:
        (result,) = dispatcher.run([job])
    assert (result.status, result.attempt) == ("ok", 2)


def test_leaving_ends_what_runs_on_the_workers(factory: ExecutorFactory, tmp_path: Path) -> None:
    options = ChildOptions(str(tmp_path), str(tmp_path / "workers"), "stub_jobs")
    with Dispatcher(factory, options) as dispatcher:
        for number in range(2):
            dispatcher.submit(Job(str(number), "tell", {"seconds": 3600, "log": str(tmp_path / "log")}))
        wait_until(lambda: (tmp_path / "log").exists() and len((tmp_path / "log").read_text().split()) == 2)
        pids = {int(pid) for pid in (tmp_path / "log").read_text().split()}
    wait_until(lambda: not pids & {child.pid for child in workers_of(psutil.Process().pid)}, seconds=20)
    with Dispatcher(factory, options) as dispatcher:
        assert dispatcher.run([Job("2", "tell", {})])[0].status == "ok"


def test_a_killed_dask_worker_costs_nothing_but_its_evaluation(client: Client, tmp_path: Path) -> None:
    environment = {"STUB_SECONDS": "0.2", "STUB_LOG": str(tmp_path / "log")}
    client.run(lambda: os.environ.update(environment))
    victim = psutil.Process(next(iter(client.run(os.getpid).values())))

    def kill_in_the_middle() -> None:
        wait_until(lambda: has_lines(tmp_path / "log", 4))
        victim.kill()

    with ThreadPoolExecutor(1) as beside:
        killing = beside.submit(kill_in_the_middle)
        executor = client.get_executor(pure=False)
        result = run_stub(tmp_path / "run", executor, max_evaluations=20, workers={"workers": 2})
        killing.result()
    assert result.num_evaluations == len(set(finished(tmp_path / "run"))) == 20
    assert result.statuses == {"ok": 20}
    trained = count_trained(
        tmp_path / "log"
    )  # the worker that takes the place of the killed one logs nothing
    assert sum(times > 1 for times in trained.values()) <= 1 and max(trained.values()) <= 2
