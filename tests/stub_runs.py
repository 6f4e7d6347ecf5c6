"""Searches over a small table whose evaluations are the stub's; as a program, a master to be killed.

`python stub_runs.py RUN_DIR SETTINGS_AS_JSON` starts a search, or resumes the one that is there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from gakeras.api import run_search
from gakeras.config import Settings, settings_from
from gakeras.data import Arrays
from gakeras.encoding import Genome
from gakeras.executors import ExecutorChoice
from gakeras.fitness.objectives import fold_losses
from gakeras.journal import read_journal
from gakeras.results import SearchResult
from gakeras.resuming import resume

TABLE = Arrays(np.arange(40.0).reshape(20, 2), np.arange(20) % 2)
RUNGS: dict[str, Any] = {
    "fidelity": "rungs",
    "training": {"epochs": 6},
    "final": {"epochs": 9},
    "num_folds": 3,
    "max_evaluations": 16,
}
"""A search that has finals."""

PATIENCE = 60.0
CHANGES_FROM_RUN_TO_RUN = ("elapsed", "worker", "host", "start", "end", "cpu_seconds")


def stub_settings(**changes: Any) -> Settings:
    """Return the settings of a small search; a table in `changes` is merged into the one there is."""
    values: dict[str, Any] = {
        "name": "stub",
        "seed": 3,
        "population_size": 4,
        "max_evaluations": 12,
        "num_folds": 2,
        "space": {"max_dense_layers": 2, "dense_units": [1, 200]},
        "training": {"epochs": 2},
        "workers": {"job_module": "stub_jobs", "executor": "serial"},
    }
    for key, value in changes.items():
        values[key] = values.get(key, {}) | value if isinstance(value, Mapping) else value
    return settings_from(values)


def run_stub(run_dir: Path, executor: ExecutorChoice | None = None, **changes: Any) -> SearchResult:
    """Run a small search to its end."""
    return run_search(stub_settings(**changes), TABLE, run_dir=run_dir, executor=executor, progress=False)


def spawn_master(run_dir: Path, **changes: Any) -> subprocess.Popen[bytes]:
    """Run a small search, or resume it, in a process of its own."""
    return subprocess.Popen([sys.executable, __file__, str(run_dir), json.dumps(changes)])


def records(run_dir: Path, kind: str) -> list[Mapping[str, Any]]:
    """Return the records of one type in a run's journal."""
    journal = read_journal(run_dir / "journal.jsonl")
    return [record for record in journal.records if record["type"] == kind]


def finished(run_dir: Path) -> list[int]:
    """Return the numbers of the individuals that were evaluated, in their order."""
    return [record["number"] for record in records(run_dir, "finished")]


def digests(run_dir: Path) -> dict[int, str]:
    """Return the digest of the genome of every individual by its number."""
    return {r["number"]: Genome.from_json(r["genome"]).digest for r in records(run_dir, "proposed")}


def scores(run_dir: Path) -> set[tuple[str, tuple[float, ...]]]:
    """Return (genome, loss of each fold) of everything that was evaluated; it must all have succeeded."""
    genomes = digests(run_dir)
    return {
        (genomes[record["number"]], tuple(fold_losses(record["measures"])))
        for record in records(run_dir, "finished")
    }


def without_times(run_dir: Path) -> list[dict[str, Any]]:
    """Return the journal without what may differ between two runs of the same search."""
    journal = read_journal(run_dir / "journal.jsonl")
    plain = json.loads(json.dumps([journal.header, *journal.records]))
    for record in plain:
        for name in CHANGES_FROM_RUN_TO_RUN:
            record.pop(name, None)
        record.get("measures", {}).pop("memory_bytes", None)
    return plain


def count_trained(log: Path) -> Counter[str]:
    """Return how often the evaluation of each genome was begun, as the stub has logged it."""
    return Counter(log.read_text().split()) if log.exists() else Counter()


def wait_until(condition: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Poll until a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds:g} seconds: {condition}"
        time.sleep(0.005)


def has_lines(path: Path, number: int) -> bool:
    """Tell whether a file is there and has at least so many whole lines."""
    return path.exists() and path.read_bytes().count(b"\n") >= number


def workers_of(pid: int) -> list[psutil.Process]:
    """Return the worker processes that descend from a process."""
    found = []
    with suppress(psutil.NoSuchProcess):
        for process in psutil.Process(pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "gakeras.workers.child" in process.cmdline():
                    found.append(process)
    return found


def is_running(pid: int) -> bool:
    """Tell whether a process is there and is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def kill_master(master: subprocess.Popen[bytes]) -> None:
    """Kill a master and wait until all that descends from it is gone too.

    It is stopped before they are counted: a worker that it forks meanwhile would be missed, and holds the
    run's lock until it has become another program.
    """
    os.kill(master.pid, signal.SIGSTOP)
    os.waitpid(master.pid, os.WUNTRACED)
    descendants = psutil.Process(master.pid).children(recursive=True)
    os.kill(master.pid, signal.SIGKILL)
    master.wait()
    wait_until(lambda: not any(is_running(each.pid) for each in descendants), seconds=10)


def main(run_dir: str, changes: str) -> None:
    """Start or resume the search in `run_dir`."""
    if has_lines(Path(run_dir) / "journal.jsonl", 1):
        result = resume(run_dir, progress=False)
    else:
        result = run_stub(Path(run_dir), **json.loads(changes))
    print(result.stop_reason)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    main(*sys.argv[1:])
