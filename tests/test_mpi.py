"""Laws of MPI jobs: one master, workers that never fail, and whatever dies, nothing finished is lost."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from mpi_jobs import end, ranks_of, run_ranks, start_ranks
from stub_runs import (
    TABLE,
    count_trained,
    digests,
    finished,
    has_lines,
    records,
    run_stub,
    scores,
    stub_settings,
    wait_until,
    workers_of,
)

from gakeras.beginning import create_run
from gakeras.journal import JournalWriter
from gakeras.launcher import num_launched
from gakeras.resuming import resume

pytestmark = [pytest.mark.mpi, pytest.mark.usefixtures("stub_jobs")]

GAKERAS = (sys.executable, "-m", "gakeras")
CONFIG = """
name = "stub"
seed = 3
population_size = 4
max_evaluations = 16
num_folds = 2
data.source = "iris"
space = { max_dense_layers = 2, dense_units = [1, 200] }
training.epochs = 2
final.baselines = ["table_baseline"]
workers = { job_module = "stub_jobs", start_seconds = 20 }
"""
UNFINISHED = 75


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A config whose evaluations are the stub's, in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "log"))
    path = tmp_path / "stub.toml"
    path.write_text(CONFIG)
    return path


@pytest.fixture
def slow_run(config: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A function that starts a long search in three ranks and waits until some of it is done."""
    jobs: list[subprocess.Popen[str]] = []
    monkeypatch.setenv("STUB_SECONDS", "0.2")

    def start(*arguments: str, evaluations: int = 60) -> subprocess.Popen[str]:
        budget = ("--max-evaluations", str(evaluations))
        jobs.append(start_ranks(*GAKERAS, "search", config, "--run-dir", "run", *budget, *arguments))
        wait_until(lambda: has_lines(Path("run/journal.jsonl"), 10) or jobs[-1].poll() is not None)
        return jobs[-1]

    yield start
    for job in jobs:
        end(job)


def check_nothing_is_lost(done: list[int], evaluations: int) -> None:
    """Resume the run without MPI; what was done before is there once and was not done again."""
    trained = count_trained(Path("log"))
    result = resume("run", executor="process", workers=2, progress=False)
    genomes, now_trained = digests(Path("run")), count_trained(Path("log"))
    assert finished(Path("run"))[: len(done)] == done
    assert len(set(finished(Path("run")))) == len(finished(Path("run"))) == evaluations
    assert result.num_evaluations == evaluations
    assert all(now_trained[genomes[number]] == trained[genomes[number]] for number in done)


# Ordinary jobs


def test_a_search_of_three_ranks_has_one_master_and_two_workers(config: Path) -> None:
    code, out, err = run_ranks(*GAKERAS, "search", config, "--run-dir", "run")
    assert code == 0, err
    assert out.count("SearchResult") == 1 and out.count("wrote") == 1 and Path("run/best.keras").exists()
    results = records(Path("run"), "finished")
    assert len(results) == len(set(finished(Path("run")))) == 16
    assert {record["worker"] for record in results} == {"rank 1", "rank 2"}
    assert {record["result"]["worker"] for record in records(Path("run"), "trained")} <= {"rank 1", "rank 2"}


def test_a_run_goes_back_and_forth_between_mpi_and_this_machine(config: Path) -> None:
    assert run_ranks(*GAKERAS, "search", config, "--run-dir", "run")[0] == 0
    assert resume("run", max_evaluations=20, executor="serial", progress=False).num_evaluations == 20
    code, _, err = run_ranks(*GAKERAS, "resume", "run", "--max-evaluations", "24")
    assert code == 0, err
    assert len(set(finished(Path("run")))) == 24


def test_generations_under_mpi_are_those_of_one_worker(config: Path, tmp_path: Path) -> None:
    run_stub(tmp_path / "serial", algorithm="generational", max_evaluations=12)
    create_run(tmp_path / "run", stub_settings(algorithm="generational", max_evaluations=12), TABLE)
    code, _, err = run_ranks(*GAKERAS, "resume", "run", "--executor", "mpi")
    assert code == 0, err
    assert scores(tmp_path / "run") == scores(tmp_path / "serial")


def test_a_script_searches_under_mpi_as_it_stands(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import gakeras, numpy as np, sys\n"
        "x, y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2\n"
        "result = gakeras.search(x, y, max_evaluations=6, num_folds=2, run_dir='run', population_size=3,\n"
        "                        workers={'job_module': 'stub_jobs'}, progress=False)\n"
        "print('evaluations', result.num_evaluations)\n"
        "print('trained', result.train_best().parameters)\n"
    )
    code, out, err = run_ranks(sys.executable, script)
    assert code == 0, err
    assert out.split() == ["evaluations", "6", "trained", "1"]


PROBE = """
import json, os, sys
from pathlib import Path
from gakeras.dispatch import Dispatcher
from gakeras.executors import choose_executor
from gakeras.jobs import Job
from gakeras.workers import ChildOptions

def modules():
    return sorted({name.partition(".")[0] for name in sys.modules} & {"keras", "tensorflow", "jax"})

factory = choose_executor("mpi")
names = ["CUDA_VISIBLE_DEVICES", "TF_FORCE_GPU_ALLOW_GROWTH", *sys.argv[1:]]
jobs = [Job(str(n), "tell", {"seconds": 0.5, "environment": names}) for n in range(4)]
options = ChildOptions("probe", "logs", "stub_jobs", workers_per_device=WORKERS)
with Dispatcher(factory, options) as dispatcher:
    results = dispatcher.run(jobs)
print(json.dumps({
    "slots": factory.slots,
    "workers": {r.worker: r.measures["environment"] for r in results},
    "imported": [*modules(), *factory.open().submit(modules).result()],
}))
"""


def probe(tmp_path: Path, visible: str, workers_per_device: int = 1, ranks: int = 3) -> dict[str, Any]:
    """Return what the children of an MPI job's workers find in their environment."""
    script = tmp_path / "probe.py"
    script.write_text(PROBE.replace("WORKERS", str(workers_per_device)))
    names = [name for name in os.environ if name.startswith("OMPI_")]
    names += ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK"]
    environment = {"CUDA_VISIBLE_DEVICES": visible}
    code, out, err = run_ranks(sys.executable, script, *names, ranks=ranks, environment=environment)
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_every_worker_has_its_own_device_and_no_rank_imports_keras(tmp_path: Path) -> None:
    found = probe(tmp_path, "4,7")
    assert found["slots"] == 2 and found["imported"] == []
    devices = {worker: seen["CUDA_VISIBLE_DEVICES"] for worker, seen in found["workers"].items()}
    assert devices == {"rank 1": "4", "rank 2": "7"}
    for seen in found["workers"].values():
        assert seen["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
        assert {seen[name] for name in seen if name.startswith(("OMPI_", "PMI"))} == {None}


def test_workers_share_devices_as_asked_and_keep_one_that_was_given(tmp_path: Path) -> None:
    found = probe(tmp_path, "4,7", workers_per_device=2)
    assert {seen["CUDA_VISIBLE_DEVICES"] for seen in found["workers"].values()} == {"4"}
    found = probe(tmp_path, "3")
    assert {seen["CUDA_VISIBLE_DEVICES"] for seen in found["workers"].values()} == {"3"}


# Refusals


def test_a_mistake_ends_all_ranks_with_its_message(config: Path) -> None:
    code, _, err = run_ranks(*GAKERAS, "search", config, "--set", "populatoin_size=3")
    assert code == 2 and err.count("the nearest is `population_size`") == 1


def test_one_rank_is_refused(config: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = subprocess.run([*GAKERAS, "search", config, "--executor", "mpi"], capture_output=True, text=True)
    assert done.returncode == 2 and "a master and at least one worker" in done.stderr
    assert not Path("runs").exists()


def test_worlds_of_one_rank_are_refused(config: Path) -> None:
    """As when an mpirun of another MPI has started them."""
    environment = {**os.environ, "PMI_SIZE": "4"}
    done = subprocess.run(
        [*GAKERAS, "search", config, "--run-dir", "run"], capture_output=True, text=True, env=environment
    )
    assert done.returncode == 2 and "4 worlds of one rank" in done.stderr
    assert not Path("run").exists()


def test_other_workers_are_refused_under_mpi(config: Path) -> None:
    code, _, err = run_ranks(*GAKERAS, "search", config, "--run-dir", "run", "--executor", "process")
    assert code == 2 and "has one master" in err and "'process' in 3 ranks" in err
    assert not Path("run").exists()


def test_a_second_master_is_refused(config: Path, tmp_path: Path) -> None:
    create_run(tmp_path / "run", stub_settings(), TABLE)
    with JournalWriter(tmp_path / "run" / "journal.jsonl"):
        code, _, err = run_ranks(*GAKERAS, "resume", "run", "--executor", "mpi")
    assert code == 2 and "one master at a time" in err


def test_the_size_of_a_job_is_what_its_launcher_says() -> None:
    assert num_launched({}) == 1
    assert num_launched({"PMI_SIZE": "5", "PMI_RANK": "0"}) == 5
    assert num_launched({"SLURM_NTASKS": "9"}) == 1  # a batch script: nothing was launched yet
    assert num_launched({"SLURM_NTASKS": "9", "SLURM_STEP_NUM_TASKS": "9"}) == 9


# Faults


@pytest.mark.parametrize(
    ("fault", "status"),
    [("hangs", "timeout"), ("runs out of memory", "error"), ("kills itself", "died"), ("aborts", "died")],
)
def test_a_faulty_evaluation_is_a_result_and_no_rank_is_lost(
    fault: str, status: str, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_FAULT", fault)
    monkeypatch.setenv("STUB_FAULT_AMONG", "048c")
    limit = "workers.timeout_seconds=1"
    code, _, err = run_ranks(*GAKERAS, "search", config, "--run-dir", "run", "--set", limit)
    assert code == 0, err
    genomes = digests(Path("run"))
    faulty = {n for n in finished(Path("run")) if genomes[n][0] in "048c"}
    results = {record["number"]: record for record in records(Path("run"), "finished")}
    assert faulty and {results[number]["status"] for number in faulty} == {status}
    assert {record["status"] for number, record in results.items() if number not in faulty} == {"ok"}
    assert {results[number]["attempt"] for number in faulty} == {2 if status == "died" else 1}


def test_a_death_is_tried_again_on_another_worker(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_FAULT", "kills itself")
    monkeypatch.setenv("STUB_FAULT_AMONG", "048c")
    monkeypatch.setenv("STUB_SECONDS", "0.1")
    monkeypatch.setenv("STUB_PARENT_LOG", str(Path("ranks.log").absolute()))
    assert run_ranks(*GAKERAS, "search", config, "--run-dir", "run")[0] == 0
    died = {r["number"]: r["worker"] for r in records(Path("run"), "finished") if r["status"] == "died"}
    assert died
    genomes = digests(Path("run"))
    attempts = [line.split() for line in Path("ranks.log").read_text().splitlines()]
    for number in died:
        places = [place for digest, place in attempts if digest == genomes[number]]
        assert len(places) == 2 and len(set(places)) == 2, attempts


def test_a_killed_child_costs_nothing_but_its_evaluation(
    slow_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ranks = Path("ranks.log").absolute()
    monkeypatch.setenv("STUB_PARENT_LOG", str(ranks))
    monkeypatch.setenv("STUB_SECONDS", "0.5")
    job = slow_run(evaluations=30)
    begun = ranks.read_text().count("\n")
    wait_until(lambda: has_lines(ranks, begun + 1))  # an evaluation has just begun
    rank = int(ranks.read_text().split()[-1])
    (child,) = workers_of(rank)
    child.kill()
    _, err = job.communicate(timeout=120)
    assert job.returncode == 0, err
    assert len(set(finished(Path("run")))) == 30
    assert sum(record["attempt"] == 2 for record in records(Path("run"), "finished")) == 1


@pytest.mark.parametrize("rank", [0, 2], ids=["master", "worker"])
def test_a_killed_rank_ends_the_job_and_loses_only_what_was_in_flight(rank: int, slow_run: Any) -> None:
    job = slow_run()
    children = workers_of(job.pid)
    ranks_of(job)[rank].kill()
    job.communicate(timeout=60)
    assert job.returncode != 0
    wait_until(lambda: not any(child.is_running() for child in children), seconds=20)
    done = finished(Path("run"))
    assert 0 < len(done) < 60
    check_nothing_is_lost(done, evaluations=60)


def test_an_exception_of_the_master_ends_the_job(config: Path, tmp_path: Path) -> None:
    script = tmp_path / "failing.py"
    script.write_text(
        "import sys\n"
        "from gakeras import cli\n"
        "from gakeras.journal import JournalWriter\n"
        "append = JournalWriter.append\n"
        "def fail(self, records):\n"
        "    append(self, records)\n"
        "    if self.path.read_bytes().count(b'\\n') > 10:\n"
        "        raise OSError('no space left on device')\n"
        "JournalWriter.append = fail\n"
        f"sys.argv = ['gakeras', 'search', {str(config)!r}, '--run-dir', 'run']\n"
        "cli.main()\n"
    )
    code, _, err = run_ranks(sys.executable, script)
    assert code != 0 and err.count("OSError: no space left on device") == 1
    check_nothing_is_lost(finished(Path("run")), evaluations=16)


def test_a_script_that_fails_on_the_master_before_its_search_ends_the_job(tmp_path: Path) -> None:
    script = tmp_path / "early.py"
    script.write_text(
        "import os, gakeras, numpy as np\n"
        "if (os.environ.get('OMPI_COMM_WORLD_RANK') or os.environ['PMI_RANK']) == '0':\n"
        "    raise ValueError('the data cannot be read')\n"
        "gakeras.search(np.arange(40.0).reshape(20, 2), np.arange(20) % 2, num_folds=2, run_dir='run')\n"
    )
    code, _, err = run_ranks(sys.executable, script)
    assert code != 0 and "the data cannot be read" in err


def test_a_rank_that_falls_silent_is_noticed_and_the_job_ends_to_be_resumed(slow_run: Any) -> None:
    limits = ("workers.timeout_seconds=1", "workers.start_seconds=2", "workers.stall_seconds=1")
    job = slow_run(*(word for limit in limits for word in ("--set", limit)))
    for number, process in ranks_of(job).items():
        if number > 0:
            process.send_signal(signal.SIGSTOP)
    _, err = job.communicate(timeout=60)
    assert job.returncode == UNFINISHED and "no worker has answered" in err
    check_nothing_is_lost(finished(Path("run")), evaluations=60)


# Limits and signals


def test_a_time_limit_ends_the_job_in_time_and_says_resume(slow_run: Any) -> None:
    start = time.monotonic()
    job = slow_run("--time-limit", "8", evaluations=400)
    _, err = job.communicate(timeout=60)
    assert job.returncode == UNFINISHED and "time limit" in err
    assert time.monotonic() - start < 8 + 15
    done = finished(Path("run"))
    assert 0 < len(done) < 400
    code, _, err = run_ranks(*GAKERAS, "resume", "run", "--max-evaluations", str(len(done) + 6))
    assert code == 0, err
    assert finished(Path("run"))[: len(done)] == done and len(finished(Path("run"))) == len(done) + 6


@pytest.mark.parametrize("name", ["SIGUSR1", "SIGTERM"])
def test_a_signal_to_mpirun_loses_nothing(name: str, slow_run: Any) -> None:
    job = slow_run()
    job.send_signal(getattr(signal, name))
    _, err = job.communicate(timeout=60)
    assert job.returncode != 0
    if name == "SIGUSR1":  # harmless to every rank, so there is time to end in order
        assert job.returncode == UNFINISHED and "received SIGUSR1" in err
    done = finished(Path("run"))
    assert 0 < len(done) < 60
    check_nothing_is_lost(done, evaluations=60)


def test_a_signal_to_the_master_alone_ends_the_job_in_order(slow_run: Any) -> None:
    job = slow_run()
    ranks_of(job)[0].send_signal(signal.SIGTERM)
    _, err = job.communicate(timeout=60)
    assert job.returncode == UNFINISHED and "received SIGTERM" in err
    check_nothing_is_lost(finished(Path("run")), evaluations=60)


def test_resume_auto_starts_a_run_and_goes_on_with_it(config: Path) -> None:
    command = (*GAKERAS, "search", config, "--run-dir", "run", "--resume", "auto")
    assert run_ranks(*command)[0] == 0
    done = finished(Path("run"))
    code, _, err = run_ranks(*command, "--max-evaluations", "20")
    assert code == 0, err
    assert finished(Path("run"))[:16] == done and len(finished(Path("run"))) == 20
    code, _, err = run_ranks(*command, "--seed", "4")
    assert code == 2 and re.search("started with.*others for seed", err)


def test_nothing_is_left_behind(config: Path) -> None:
    assert run_ranks(*GAKERAS, "search", config, "--run-dir", "run")[0] == 0
    wait_until(lambda: not workers_of(psutil.Process().pid), seconds=10)
    assert not list(Path("run/workers").glob("stop-*"))
