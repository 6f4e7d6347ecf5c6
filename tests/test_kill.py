"""Whatever is killed and whenever, nothing that was done is lost and nothing of it is done again."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from stub_runs import (
    TABLE,
    count_trained,
    digests,
    finished,
    has_lines,
    kill_master,
    records,
    run_stub,
    scores,
    spawn_master,
    stub_settings,
    wait_until,
    workers_of,
)

from gakeras.beginning import create_run
from gakeras.config import find_config, load_config
from gakeras.data import load_source
from gakeras.resuming import resume

pytestmark = pytest.mark.usefixtures("stub_jobs")

NUM_EVALUATIONS = 24
SECONDS = 0.03
MOMENTS = [(n + random.Random(f"moment {n}").random()) / 10 for n in range(10)]
"""One in each tenth of a run, as the share of it that has passed."""


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the stub writes down what it trains."""
    monkeypatch.setenv("STUB_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("STUB_SECONDS", str(SECONDS))
    return tmp_path / "log"


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The serial run that the killed ones are compared with."""
    run_dir = tmp_path_factory.mktemp("uninterrupted") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(Path(__file__).parent))
        run_stub(run_dir, max_evaluations=NUM_EVALUATIONS)
    return run_dir


def kill_during(run_dir: Path, after_lines: int, delay: float, **changes: Any) -> None:
    """Run a search in a process of its own, or resume it, and kill it."""
    with spawn_master(run_dir, max_evaluations=NUM_EVALUATIONS, **changes) as master:
        wait_until(lambda: has_lines(run_dir / "journal.jsonl", after_lines) or master.poll() is not None)
        time.sleep(delay)
        kill_master(master)


def check_nothing_was_lost_or_repeated(run_dir: Path, log: Path, done: list[int], trained: Any) -> None:
    """Compare a resumed run with what it had finished and trained when it was killed."""
    genomes, now_trained = digests(run_dir), count_trained(log)
    assert finished(run_dir)[: len(done)] == done
    assert len(set(finished(run_dir))) == len(finished(run_dir)) == NUM_EVALUATIONS
    for number in done:
        assert now_trained[genomes[number]] == trained[genomes[number]]
    assert set(now_trained) == {genomes[number] for number in finished(run_dir)}


@pytest.mark.parametrize("executor", ["serial", "process"])
@pytest.mark.parametrize("moment", MOMENTS, ids="{:.2f}".format)
def test_a_killed_run_resumes_to_what_it_would_have_been(
    moment: float, executor: str, tmp_path: Path, log: Path, uninterrupted: Path
) -> None:
    run_dir, workers = tmp_path / "run", 2 if executor == "process" else 1
    changes = {"executor": executor, "workers": workers}
    create_run(run_dir, stub_settings(max_evaluations=NUM_EVALUATIONS, workers=changes), TABLE)
    # With four lines, the first evaluation is done.
    kill_during(run_dir, 4, delay=moment * NUM_EVALUATIONS * SECONDS / workers)
    done, trained = finished(run_dir), count_trained(log)
    result = resume(run_dir, progress=False)
    assert result.num_evaluations == NUM_EVALUATIONS
    check_nothing_was_lost_or_repeated(run_dir, log, done, trained)
    assert count_trained(log).total() <= NUM_EVALUATIONS + workers
    assert max(count_trained(log).values()) <= 2
    if executor == "serial":
        assert scores(run_dir) == scores(uninterrupted)


@pytest.mark.parametrize("algorithm", ["steady_state", "generational"])
def test_a_run_that_is_killed_again_and_again_ends_all_the_same(
    algorithm: str, tmp_path: Path, log: Path
) -> None:
    run_dir, changes = tmp_path / "run", {"algorithm": algorithm, "workers": {"executor": "process"}}
    kill_during(run_dir, 1, 0.0, **changes)  # as early as can be
    for _ in range(3):
        lines = len((run_dir / "journal.jsonl").read_bytes().splitlines())
        done, trained = finished(run_dir), count_trained(log)
        kill_during(run_dir, lines + 6, 0.0, **changes)
        genomes = digests(run_dir)
        assert finished(run_dir)[: len(done)] == done
        assert all(count_trained(log)[genomes[n]] == trained[genomes[n]] for n in done)
    done, trained = finished(run_dir), count_trained(log)
    assert resume(run_dir, progress=False).num_evaluations == NUM_EVALUATIONS
    check_nothing_was_lost_or_repeated(run_dir, log, done, trained)


def test_a_run_killed_while_its_worker_starts_begins_with_what_it_had_proposed(
    tmp_path: Path, log: Path, uninterrupted: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("STUB_START_SECONDS", "60")
        kill_during(tmp_path / "run", 2, 0.1)
    assert finished(tmp_path / "run") == [] and not log.exists()
    resume(tmp_path / "run", progress=False)
    assert scores(tmp_path / "run") == scores(uninterrupted)


@pytest.mark.parametrize("cut", range(1, 8), ids="{} bytes short".format)
def test_a_run_whose_last_line_was_torn_resumes_to_the_same(
    cut: int, tmp_path: Path, uninterrupted: Path
) -> None:
    run_stub(tmp_path, max_evaluations=6)
    journal = tmp_path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[: -(cut**3)])
    resume(tmp_path, max_evaluations=NUM_EVALUATIONS, progress=False)
    assert scores(tmp_path) == scores(uninterrupted)


# Workers


class Killer:
    """Kills workers of this process, at random moments and while they evaluate, until it is enough."""

    def __init__(self, log: Path, seed: int, number: int) -> None:
        self.log, self.rng, self.left = log, random.Random(seed), number
        self.is_over = threading.Event()
        self.thread = threading.Thread(target=self.work)

    def __enter__(self) -> Killer:
        self.thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.is_over.set()
        self.thread.join()

    def work(self) -> None:
        while self.left and not self.is_over.wait(self.rng.uniform(0.05, 0.4)):
            victim = self.who_begins() if self.left % 2 else self.anyone()
            if victim is not None:
                with suppress(ProcessLookupError):
                    os.kill(victim, signal.SIGKILL)
                    self.left -= 1

    def anyone(self) -> int | None:
        workers = workers_of(psutil.Process().pid)
        return self.rng.choice(workers).pid if workers else None

    def who_begins(self) -> int | None:
        """Wait until the next evaluation begins, and return the process that does it."""
        begun = self.begun()
        while self.begun() == begun and not self.is_over.is_set():
            time.sleep(0.002)
        return int(self.begun()[-1]) if self.begun() else None

    def begun(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


@pytest.mark.parametrize("workers", [1, 3], ids="{} workers".format)
def test_a_run_whose_workers_are_killed_goes_on_and_ends_normally(
    workers: int, tmp_path: Path, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_PID_LOG", str(tmp_path / "pids"))
    with Killer(tmp_path / "pids", seed=workers, number=5) as killer:
        result = run_stub(
            tmp_path / "run", executor="process", max_evaluations=60, workers={"workers": workers}
        )
    assert killer.left == 0, "the run was over too soon for this test to mean anything"
    assert result.num_evaluations == len(set(finished(tmp_path / "run"))) == 60
    assert set(result.statuses) <= {"ok", "died"} and result.statuses["ok"] >= 58
    attempts = [record["attempt"] for record in records(tmp_path / "run", "finished")]
    assert 2 in attempts and count_trained(log).total() <= 60 + 5
    assert not workers_of(psutil.Process().pid)


# The same with Keras


@pytest.mark.slow
def test_a_run_of_real_networks_killed_twice_resumes_to_what_it_would_have_been(tmp_path: Path) -> None:
    changes = ["workers.executor=serial", "population_size=2", "max_evaluations=4", "training.epochs=1"]
    settings = load_config(find_config("smoke"), changes)
    assert settings.data is not None
    arrays = load_source(settings.data.source, limit=settings.data.limit)
    whole, run_dir = tmp_path / "whole", tmp_path / "run"
    for folder in (whole, run_dir):
        create_run(folder, settings, arrays)
    with ThreadPoolExecutor(1) as beside:
        uninterrupted = beside.submit(resume, whole, progress=False)
        for after_lines, delay in ((4, 0.1), (6, 0.0)):
            kill_during(run_dir, after_lines, delay)
            done = records(run_dir, "finished")
            assert 1 <= len(done) < 4
        result = resume(run_dir, progress=False)
        assert uninterrupted.result().statuses == result.statuses == {"ok": 4}
    assert records(run_dir, "finished")[: len(done)] == done
    assert len(set(finished(run_dir))) == len(finished(run_dir)) == 4
    assert scores(run_dir) == scores(whole)
