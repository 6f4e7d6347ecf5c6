"""How the memory of master and worker grows over a long run of small networks.

    python tests/benchmarks/memory_growth.py --json memory.json
    python tests/benchmarks/memory_growth.py --max-jobs-per-child 50

A real search on digits with one worker: the worker's memory after each evaluation is in the
journal, the master's is sampled meanwhile. Reported are medians over evaluations 21 to 30
and over the last ten. Restarts of the worker are off unless --max-jobs-per-child is given.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import threading
import time
from pathlib import Path

import psutil

from gakeras.api import run_search
from gakeras.config import find_config, load_config
from gakeras.data import load_source
from gakeras.journal import read_journal


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--evaluations", type=int, default=300)
    parser.add_argument("--max-jobs-per-child", type=int)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    overrides = [
        f"max_evaluations={arguments.evaluations}",
        "population_size=20",
        "training.epochs=1",
        f"workers.max_jobs_per_child={arguments.max_jobs_per_child or 10**9}",
    ]
    settings = load_config(find_config("smoke"), overrides)
    samples: list[tuple[float, int]] = []
    sampler = threading.Thread(target=sample_own_memory, args=(samples,), daemon=True)
    with tempfile.TemporaryDirectory() as directory:
        sampler.start()
        arrays = load_source("digits", limit=200)
        result = run_search(
            settings, arrays, run_dir=Path(directory) / "run", executor="serial", progress=False
        )
        finished = [r for r in read_journal(result.run.journal).records if r["type"] == "finished"]
    child = [record["measures"]["memory_bytes"] for record in finished if record["status"] == "ok"]
    master = [max(size for when, size in samples if when <= record["end"]) for record in finished]
    summary = {
        "evaluations": len(finished),
        "max_jobs_per_child": arguments.max_jobs_per_child,
        "master": growth(master),
        "worker": growth(child),
    }
    print(json.dumps(summary, indent=2))
    if arguments.json:
        arguments.json.write_text(json.dumps(summary | {"worker_bytes": child}, indent=2) + "\n")


def growth(sizes: list[int]) -> dict[str, float]:
    early, late = statistics.median(sizes[20:30]), statistics.median(sizes[-10:])
    return {"early_mb": early / 1e6, "late_mb": late / 1e6, "ratio": late / early}


def sample_own_memory(samples: list[tuple[float, int]]) -> None:
    process = psutil.Process()
    while True:
        samples.append((time.time(), process.memory_info().rss))
        time.sleep(0.2)


if __name__ == "__main__":
    main()
