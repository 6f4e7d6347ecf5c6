"""How much of the workers' time is idle, asynchronously and in generations, simulated and measured.

    python tests/benchmarks/worker_idle.py --seeds 200 --json idle.json
    python tests/benchmarks/worker_idle.py --seeds 200 --measured 5 --scale 1 --measured-loops steady

Times are lognormal (sigma 1), predictable within 30 %, 40 evaluations a worker. Idle is
1 - useful / (workers x makespan), so what is discarded is idle too. The loops are the real
ones. Measured runs sleep, in child processes behind the real dispatcher, for the very times
that the simulation beside them has drawn; `--scale` says how many seconds the median is.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from simulated_search import (
    DrawnTimes,
    SimulatedWorkers,
    known_within,
    lognormal_seconds,
    percent,
    result_of,
    search_loop,
)

from gakeras.dispatch import Dispatcher
from gakeras.evolution import Budget, Finished, LongestFirst, Proposal, SearchState
from gakeras.executors import choose_executor
from gakeras.jobs import Job
from gakeras.workers import ChildOptions

EVALUATIONS_PER_WORKER = 40
LOOPS = {
    "steady state, longest last evaluations first": ("steady_state", 10),
    "steady state, in the order of proposals": ("steady_state", 0),
    "generational, population = workers": ("generational", 1),
    "generational, population = 4 x workers": ("generational", 4),
}


def arguments_of(name: str, workers: int, seed: int, times: DrawnTimes) -> dict[str, Any]:
    """Return what the loop of that name is called with."""
    algorithm, number = LOOPS[name]
    if algorithm == "generational":
        return {"seed": seed, "population_size": workers * number}
    predict = known_within(times, seed, spread=0.3)
    return {"seed": seed, "population_size": 20, "schedule": LongestFirst(predict, num_last=number)}


def simulate(name: str, slots: int, seed: int, scale: float = 1.0) -> dict[str, float]:
    """Run a search on a simulated clock; return its idle share and the age of the parents."""
    workers = SimulatedWorkers(slots, DrawnTimes(lognormal_seconds(seed, median=scale)))
    budget = Budget(max_evaluations=EVALUATIONS_PER_WORKER * slots)
    arguments = arguments_of(name, slots, seed, workers.times)
    for events in search_loop(LOOPS[name][0], SearchState(), workers, budget, **arguments):
        workers.note(events)
    ages = list(workers.ages.values())
    return {"idle": workers.idle_share, "makespan": workers.now, "mean_age": statistics.fmean(ages)}


class SleepingWorkers:
    """Child processes that sleep, behind the real dispatcher."""

    def __init__(self, dispatcher: Dispatcher, times: DrawnTimes) -> None:
        self.dispatcher, self.times = dispatcher, times
        self.proposals: dict[int, Proposal] = {}

    @property
    def slots(self) -> int:
        return self.dispatcher.slots

    def submit(self, proposal: Proposal) -> None:
        self.proposals[proposal.number] = proposal
        seconds = self.times.seconds_of(proposal.number)
        self.dispatcher.submit(Job(str(proposal.number), "sleep", {"seconds": seconds}))

    def collect(self, timeout: float | None) -> list[Finished]:
        done = self.dispatcher.collect(timeout)
        results = [(self.proposals[int(result.job_id)], result) for result in done]
        return [Finished(proposal.number, result_of(proposal, r.start, r.end)) for proposal, r in results]


def measure(name: str, slots: int, seed: int, scale: float) -> dict[str, float]:
    """Run the same search with workers that sleep."""
    with tempfile.TemporaryDirectory() as directory:
        options = ChildOptions(directory, f"{directory}/workers", "benchmark_jobs")
        with Dispatcher(choose_executor("process", slots), options) as dispatcher:
            dispatcher.run([Job(f"warm {n}", "sleep", {"seconds": 1.0}) for n in range(slots)])
            times = DrawnTimes(lognormal_seconds(seed, median=scale))
            workers, start = SleepingWorkers(dispatcher, times), time.perf_counter()
            budget = Budget(max_evaluations=EVALUATIONS_PER_WORKER * slots)
            arguments, useful = arguments_of(name, slots, seed, times), 0.0
            for events in search_loop(LOOPS[name][0], SearchState(), workers, budget, **arguments):
                times.note(events)
                useful += sum(times.seconds_of(e.number) for e in events if isinstance(e, Finished))
            makespan = time.perf_counter() - start
    return {"idle": 1 - useful / (slots * makespan), "makespan": makespan}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[4, 8, 16])
    parser.add_argument("--seeds", type=int, default=200, help="simulated runs of each kind")
    parser.add_argument("--measured", type=int, default=0, help="measured runs of each kind")
    parser.add_argument("--measured-loops", default="", help="only loops whose name contains this")
    parser.add_argument("--scale", type=float, default=1.0, help="median seconds of a measured sleep")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    os.environ["PYTHONPATH"] = os.pathsep.join(
        filter(None, [str(Path(__file__).parent), os.environ.get("PYTHONPATH")])
    )
    rows = []
    for slots in arguments.workers:
        for name in LOOPS:
            runs = [simulate(name, slots, seed) for seed in range(arguments.seeds)]
            row: dict[str, Any] = {
                "workers": slots,
                "loop": name,
                "idle": [run["idle"] for run in runs],
                "mean_age": statistics.fmean(run["mean_age"] for run in runs),
            }
            print(f"{slots:3} workers, {name:45} idle {percent(row['idle']):12} %  ", end="")
            print(f"parents older by {row['mean_age']:.1f} evaluations", flush=True)
            pairs = []
            for seed in range(arguments.measured if arguments.measured_loops in name else 0):
                simulated = simulate(name, slots, seed, arguments.scale)["idle"]
                measured = measure(name, slots, seed, arguments.scale)["idle"]
                pairs.append((simulated, measured))
                print(
                    f"    seed {seed}: simulated {100 * simulated:5.1f}, measured {100 * measured:5.1f} %",
                    flush=True,
                )
            rows.append(row | {"pairs": pairs})
            if arguments.json:
                summary = {"scale": arguments.scale, "rows": rows}
                arguments.json.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
