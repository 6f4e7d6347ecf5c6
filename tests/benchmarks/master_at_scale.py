"""A thousand and ten thousand workers on one master: a simulation that runs the real loop.

    python tests/benchmarks/master_at_scale.py --json scale.json

The clock is simulated, and so are the workers: an evaluation takes 60 seconds on average
(lognormal, sigma 0.5) and its loss is a synthetic function of the genome. The master is
real: what its loop, its operators, the dispatcher's messages and the journal's lines take is
measured as it runs, in CPU-seconds, and the simulated clock goes on by it; to that come a fixed
cost of each message to a worker and of each fsync (`--message-ms`, `--fsync-ms`, as measured
elsewhere). Workers that have finished wait until the master comes to them.

The second table shows what stale parents cost: the best loss after the same number of
evaluations, for more and more workers, on the same synthetic fitness.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

from simulated_search import DrawnTimes, SimulatedWorkers, lognormal_seconds, search_loop

from gakeras.evaluations import linger_seconds
from gakeras.evolution import Budget, Finished, Proposal, SearchState
from gakeras.replay import record_of

MEAN_SECONDS, SIGMA = 60.0, 0.5


class ChargedWorkers(SimulatedWorkers):
    """Simulated workers whose master pays for every message it sends or receives."""

    message_seconds = 0.0
    master_seconds = 0.0

    def submit(self, proposal: Proposal) -> None:
        json.dumps({"id": proposal.number, "payload": {"genome": proposal.genome.to_json()}})
        self._pay(1)
        super().submit(proposal)

    def collect(self, timeout: float | None) -> list[Finished]:
        finished = super().collect(timeout)
        linger = linger_seconds(self.slots, MEAN_SECONDS)
        if finished and linger:
            self.now += linger
            finished += super().collect(0.0)
        self._pay(len(finished))
        return finished

    def _pay(self, num_messages: int) -> None:
        self.now += self.message_seconds * num_messages
        self.master_seconds += self.message_seconds * num_messages


def simulate(
    slots: int,
    evaluations: int,
    population_size: int,
    seed: int,
    message_seconds: float,
    fsync_seconds: float,
) -> dict[str, Any]:
    """Run one search; return how busy the master was and how long workers waited for it."""
    median = MEAN_SECONDS / pow(2.718281828459045, SIGMA**2 / 2)
    workers = ChargedWorkers(slots, DrawnTimes(lognormal_seconds(seed, SIGMA, median)))
    workers.message_seconds = message_seconds
    state = SearchState()
    loop = search_loop(
        "steady_state",
        state,
        workers,
        Budget(max_evaluations=evaluations),
        seed=seed,
        population_size=population_size,
    )
    busy = waited = 0.0
    full_at, num_batches = None, 0
    mark = time.process_time()
    for events in loop:
        workers.note(events)
        assert "\n".join(json.dumps(record_of(event, workers.now)) for event in events)
        cost = time.process_time() - mark + fsync_seconds
        workers.now += cost
        workers.master_seconds += cost
        num_batches += 1
        if full_at is None and len(state.in_flight) >= slots:  # from here on it is about the steady state
            full_at, busy, waited = workers.now, workers.master_seconds, workers.waited_seconds
            num_batches = 0
        if state.num_proposed >= evaluations:
            break  # what follows is the end of the run, which `worker_idle.py` is about
        mark = time.process_time()
    assert full_at is not None
    seconds = workers.now - full_at
    return {
        "workers": slots,
        "evaluations": evaluations,
        "master_busy": (workers.master_seconds - busy) / seconds,
        "worker_idle": (workers.waited_seconds - waited) / (slots * seconds),
        "evaluations_per_batch": 2 * state.num_evaluated / num_batches,
        "seconds_until_all_work": full_at,
    }


def quality(slots: int, evaluations: int, population_size: int, seed: int) -> float:
    """Return the best loss that so many workers reach with so many evaluations."""
    workers, state = SimulatedWorkers(slots, DrawnTimes(lognormal_seconds(seed, SIGMA))), SearchState()
    loop = search_loop(
        "steady_state",
        state,
        workers,
        Budget(max_evaluations=evaluations),
        seed=seed,
        population_size=population_size,
    )
    for events in loop:
        workers.note(events)
    return state.population[0].loss


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--evaluations-per-worker", type=int, default=6)
    parser.add_argument("--message-ms", type=float, default=0.07, help="mpi4py.futures, a job or a result")
    parser.add_argument("--fsync-ms", type=float, default=3.5)
    parser.add_argument("--quality-evaluations", type=int, default=4000)
    parser.add_argument("--quality-seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    costs = arguments.message_ms / 1e3, arguments.fsync_ms / 1e3
    scale = []
    for slots in arguments.workers:
        row = simulate(slots, arguments.evaluations_per_worker * slots, min(slots, 1000), 1, *costs)
        scale.append(row)
        print(
            f"{slots:6} workers: master busy {100 * row['master_busy']:.1f} %, workers wait for it "
            f"{100 * row['worker_idle']:.2f} % of their time, {row['evaluations_per_batch']:.1f} evaluations "
            f"a batch, all at work after {row['seconds_until_all_work']:.1f} s",
            flush=True,
        )
    staleness = []
    for slots in (1, 10, 100, 1000):
        for population_size in (30, 300):
            losses = [
                quality(slots, arguments.quality_evaluations, population_size, seed)
                for seed in range(arguments.quality_seeds)
            ]
            staleness.append({"workers": slots, "population_size": population_size, "losses": losses})
            print(
                f"{slots:6} workers, population {population_size:4}: best loss after "
                f"{arguments.quality_evaluations} evaluations {statistics.fmean(losses):.3f} "
                f"+- {statistics.stdev(losses):.3f}",
                flush=True,
            )
    if arguments.json:
        summary = {"scale": scale, "staleness": staleness, "message_fsync_seconds": costs}
        arguments.json.write_text(json.dumps(summary, indent=1) + "\n")


if __name__ == "__main__":
    main()
