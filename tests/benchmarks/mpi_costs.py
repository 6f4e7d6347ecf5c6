"""What MPI itself costs: the CPU of ranks that wait, and the time and memory of data on many workers.

    python tests/benchmarks/mpi_costs.py --json mpi_costs.json

1. A search of three ranks trains on digits; the CPU time of each rank's own process over the
   training is read from /proc, the children's apart.
2. Data of 188 MB (60,000 images of 28 x 28 in float32) reach three MPI workers: seconds from opening them
   to having them, and the proportional set size of the mapped pages summed over the workers, that is
   what the machine holds of them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from mpi_jobs import end, ranks_of, run_ranks, start_ranks  # noqa: E402

WORKERS = 3


def idle_cpu(seconds: float) -> dict[str, float]:
    """Return the share of a core that each rank's process takes while two workers train."""
    with tempfile.TemporaryDirectory() as directory:
        budget = ("--max-seconds", "10000", "--run-dir", f"{directory}/run", "--no-progress")
        job = start_ranks(sys.executable, "-m", "gakeras", "search", "digits", *budget)
        try:
            journal = Path(directory) / "run" / "journal.jsonl"
            while not journal.exists() or b'"finished"' not in journal.read_bytes():
                assert job.poll() is None, job.communicate()
                time.sleep(0.5)
            ranks = ranks_of(job)
            before = {number: cpu_of(process) for number, process in ranks.items()}
            children = [p for p in psutil.Process(job.pid).children(recursive=True) if is_child(p)]
            trained = sum(map(cpu_of, children))
            time.sleep(seconds)
            shares = {f"rank {n}": (cpu_of(p) - before[n]) / seconds for n, p in sorted(ranks.items())}
            shares["the children that train, together"] = (sum(map(cpu_of, children)) - trained) / seconds
        finally:
            end(job)
    return shares


def cpu_of(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def is_child(process: psutil.Process) -> bool:
    return "gakeras.workers.child" in process.cmdline()


def master() -> None:
    """Under mpirun: store the data, hand them to the workers, and print what they found."""
    from gakeras.data import Arrays, check_arrays, open_data, store_arrays
    from gakeras.dispatch import Dispatcher
    from gakeras.executors import choose_executor
    from gakeras.jobs import Job
    from gakeras.workers import ChildOptions

    factory = choose_executor("mpi")
    with tempfile.TemporaryDirectory() as directory:
        x = np.random.default_rng(0).random((60_000, 28, 28), dtype=np.float32)
        arrays = Arrays(x, np.arange(60_000) % 10, None, None)
        store_arrays(arrays, check_arrays(arrays, num_folds=5), Path(directory) / "data")
        expected = int(open_data(Path(directory) / "data").x.sum())
        options = ChildOptions(directory, f"{directory}/workers", "benchmark_jobs")
        jobs = [
            Job(str(n), "load", {"data_dir": f"{directory}/data", "hold_seconds": 5.0})
            for n in range(factory.slots)
        ]
        with Dispatcher(factory, options) as dispatcher:
            dispatcher.run([Job(f"warm {n}", "sleep", {"seconds": 1.0}) for n in range(factory.slots)])
            results = dispatcher.run(jobs)
    assert all(result.measures["total"] == expected for result in results)
    summary = {
        "megabytes": results[0].measures["bytes"] / 1e6,
        "workers": [result.worker for result in results],
        "seconds": [result.measures["seconds"] for result in results],
        "pss_megabytes": [result.measures["pss"] / 1e6 for result in results],
    }
    print(json.dumps(summary))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=40)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--master", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.master:
        master()
        return
    shares = idle_cpu(arguments.seconds)
    for name, share in shares.items():
        print(f"{name:35} {100 * share:6.2f} % of a core", flush=True)
    path = os.pathsep.join(filter(None, [str(HERE), os.environ.get("PYTHONPATH")]))
    code, out, err = run_ranks(
        sys.executable, __file__, "--master", ranks=WORKERS + 1, environment={"PYTHONPATH": path}
    )
    if code:
        raise subprocess.SubprocessError(err)
    data: dict[str, Any] = json.loads(out.splitlines()[-1])
    print(
        f"{data['megabytes']:.0f} MB on {len(data['workers'])} workers: ready after "
        f"{max(data['seconds']):.3f} s at the latest; held, over all of them, "
        f"{sum(data['pss_megabytes']):.0f} MB"
    )
    if arguments.json:
        arguments.json.write_text(json.dumps({"cpu_shares": shares, "data": data}, indent=1) + "\n")


if __name__ == "__main__":
    main()
