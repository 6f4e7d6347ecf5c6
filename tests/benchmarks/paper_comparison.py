"""The paper's comparison: how many evaluations each loop finishes in the same time.

    python tests/benchmarks/paper_comparison.py --data PATH/mnist.npz --networks 60 --json comparison.json
    python tests/benchmarks/paper_comparison.py --data PATH/mnist.npz --times times.json --measured 3
    python tests/benchmarks/paper_comparison.py --data PATH/mnist.npz --times times.json --real-seconds 120

Vidnerova and Neruda (2018, section 5): 5 processors, population 20, 4 days: 140 evaluations
asynchronously, 100 synchronously.

1. Random networks of the paper's space are trained alone on one thread; their CPU-seconds
   are kept in `--times`.
2. Both loops get evaluations of times drawn from these: on a simulated clock, for many seeds,
   and, with `--measured`, as workers that really sleep. The time is that in which the synchronous
   loop finishes 100.
3. With `--real-seconds`, both loops train for real on this machine, for that long each.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from simulated_search import DrawnTimes, SimulatedWorkers, search_loop
from worker_idle import SleepingWorkers

from gakeras.api import run_search
from gakeras.beginning import create_run
from gakeras.config import settings_from
from gakeras.data import load_source
from gakeras.dispatch import Dispatcher
from gakeras.encoding import SearchSpace, random_genome
from gakeras.evaluations import evaluation_job
from gakeras.evolution import Budget, Finished, Proposal, SearchState, Step
from gakeras.executors import choose_executor
from gakeras.jobs import Job
from gakeras.supervision import child_options
from gakeras.workers import ChildOptions

SYNCHRONOUS_EVALUATIONS = 100
CASES = [(4, 4), (4, 20), (5, 5), (5, 20)]


def train_networks(data: str, number: int) -> list[float]:
    """Return the CPU-seconds of an epoch of random networks of the paper's space, the first one left out.

    The evaluations of the paper have a hundred epochs or so, in which building and tracing the
    network, a matter of a second, does not count.
    """
    settings = settings_from(
        {
            "name": "times",
            "space": "paper",
            "variation": "paper",
            "num_folds": 2,
            "max_evaluations": number,
            "training": {"epochs": 2, "batch_size": 128, "optimizer": "rmsprop"},
        }
    )
    rng = random.Random(5)
    with tempfile.TemporaryDirectory() as directory:
        run = create_run(Path(directory) / "run", settings, load_source(data, limit=2000))
        genomes = [random_genome(SearchSpace.paper(), run.info.input_shape, rng) for _ in range(number)]
        jobs = [
            evaluation_job(Step(Proposal(n, genome)), run, settings, SearchState())
            for n, genome in enumerate(genomes)
        ]
        jobs = [replace(job, payload={**job.payload, "folds": [0]}) for job in jobs]
        with Dispatcher(choose_executor("serial"), child_options(run, settings)) as dispatcher:
            results = dispatcher.run(jobs)
    return [
        result.measures["folds"][0]["epochs"][1]["cpu_seconds"] for result in results if result.status == "ok"
    ]


def drawn_from(times: list[float], seed: int, mean: float = 1.0) -> Any:
    """Return the time of the n-th evaluation: one of those measured, scaled to a mean."""
    scale = mean / statistics.fmean(times)
    return lambda number: scale * random.Random(f"{seed}/{number}").choice(times)


def seconds_in_shares(seconds: Any, slots: int, population_size: int) -> float:
    """Return the time of 100 evaluations where each processor has a fixed share of every generation.

    So the paper describes its synchronous algorithm; our generational loop gives the next
    individual to whoever is free.
    """
    total = 0.0
    for first in range(0, SYNCHRONOUS_EVALUATIONS, population_size):
        generation = range(first, min(first + population_size, SYNCHRONOUS_EVALUATIONS))
        size = -(-len(generation) // slots)
        shares = [generation[start : start + size] for start in range(0, len(generation), size)]
        total += max(sum(map(seconds, share)) for share in shares)
    return total


def simulate(times: list[float], slots: int, population_size: int, seed: int) -> tuple[int, int]:
    """Return how many evaluations the asynchronous loop finishes while a synchronous one finishes 100.

    The first is against our generational loop, the second against fixed shares.
    """
    ends: dict[str, list[float]] = {}
    for algorithm in ("generational", "steady_state"):
        workers, state = SimulatedWorkers(slots, DrawnTimes(drawn_from(times, seed))), SearchState()
        budget = Budget(max_evaluations=5 * SYNCHRONOUS_EVALUATIONS)
        loop = search_loop(algorithm, state, workers, budget, seed=seed, population_size=population_size)
        ends[algorithm] = []
        for events in loop:
            workers.note(events)
            ends[algorithm] += [event.result.end for event in events if isinstance(event, Finished)]
    limits = (
        sorted(ends["generational"])[SYNCHRONOUS_EVALUATIONS - 1],
        seconds_in_shares(drawn_from(times, seed), slots, population_size),
    )
    one, other = (sum(end <= limit for end in ends["steady_state"]) for limit in limits)
    return one, other


def measure(
    times: list[float], slots: int, population_size: int, seed: int, mean: float
) -> tuple[int, float]:
    """Return the same with workers that sleep, and the seconds it took."""
    counts, limit = {}, None
    for algorithm in ("generational", "steady_state"):
        with tempfile.TemporaryDirectory() as directory:
            options = ChildOptions(directory, f"{directory}/workers", "benchmark_jobs")
            with Dispatcher(choose_executor("process", slots), options) as dispatcher:
                dispatcher.run([Job(f"warm {n}", "sleep", {"seconds": 0.5}) for n in range(slots)])
                drawn = DrawnTimes(drawn_from(times, seed, mean))
                workers, start = SleepingWorkers(dispatcher, drawn), time.monotonic()
                budget = Budget(
                    max_evaluations=SYNCHRONOUS_EVALUATIONS if limit is None else None,
                    deadline=None if limit is None else start + limit,
                )
                loop = search_loop(
                    algorithm, SearchState(), workers, budget, seed=seed, population_size=population_size
                )
                counts[algorithm] = 0
                for events in loop:
                    drawn.note(events)
                    counts[algorithm] += sum(isinstance(event, Finished) for event in events)
                limit = time.monotonic() - start
    return counts["steady_state"], limit or 0.0


def train_for_real(data: str, seconds: float, workers: int) -> dict[str, int]:
    """Return how many evaluations each loop finishes on this machine in so many seconds."""
    counts = {}
    for algorithm in ("generational", "steady_state"):
        settings = settings_from(
            {
                "name": algorithm,
                "algorithm": algorithm,
                "population_size": 20,
                "space": "paper",
                "variation": "paper",
                "num_folds": 2,
                "max_seconds": seconds,
                "max_first_failures": 50,
                "caps": {"max_parameters": 2_000_000, "max_flops": 60_000_000},  # and none on time
                "training": {"epochs": 1, "batch_size": 128, "optimizer": "rmsprop"},
                "workers": {"workers": workers},
            }
        )
        with tempfile.TemporaryDirectory() as directory:
            arrays = load_source(data, limit=1000)
            result = run_search(settings, arrays, run_dir=Path(directory) / "run", progress=False)
            counts[algorithm] = result.num_evaluations
    return counts


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="an .npz with MNIST")
    parser.add_argument("--networks", type=int, default=60)
    parser.add_argument("--times", type=Path, help="JSON of an earlier run with the networks' times")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--measured", type=int, default=0)
    parser.add_argument("--mean-seconds", type=float, default=0.5, help="mean of a sleep")
    parser.add_argument("--real-seconds", type=float, default=0)
    parser.add_argument("--workers", type=int, default=2, help="of the real training")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
    )
    times = (
        json.loads(arguments.times.read_text())["times"]
        if arguments.times
        else train_networks(arguments.data, arguments.networks)
    )
    summary: dict[str, Any] = {"times": times, "cases": []}
    quantiles = statistics.quantiles(times, n=10)
    print(
        f"{len(times)} networks, CPU-seconds: 10 % {quantiles[0]:.2f}, median {quantiles[4]:.2f}, "
        f"90 % {quantiles[-1]:.2f}, largest {max(times):.2f}"
    )
    for slots, population_size in CASES:
        counts = [simulate(times, slots, population_size, seed) for seed in range(arguments.seeds)]
        case: dict[str, Any] = {"workers": slots, "population_size": population_size, "counts": counts}
        columns = [
            f"{statistics.fmean(c):.0f} +- {statistics.stdev(c):.0f}" for c in zip(*counts, strict=True)
        ]
        print(
            f"{slots} workers, population {population_size:2}, simulated: synchronous "
            f"{SYNCHRONOUS_EVALUATIONS}, asynchronous {columns[0]}; {columns[1]} against fixed shares",
            flush=True,
        )
        case["measured"] = [
            measure(times, slots, population_size, seed, arguments.mean_seconds)
            for seed in range(arguments.measured)
        ]
        for seed, (count, seconds) in enumerate(case["measured"]):
            print(
                f"    seed {seed}: {count} measured in {seconds:.0f} s, {counts[seed][0]} simulated",
                flush=True,
            )
        summary["cases"].append(case)
    if arguments.real_seconds:
        summary["real"] = train_for_real(arguments.data, arguments.real_seconds, arguments.workers)
        print(f"real training, {arguments.workers} workers, {arguments.real_seconds:g} s: {summary['real']}")
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
