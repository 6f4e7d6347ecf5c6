"""How many evaluations a master can hand out and take back in a second of its CPU time.

    python tests/benchmarks/master_throughput.py --evaluations 5000 --json throughput.json

Everything a master does is real: proposals by the operators, repair and digest included, the
dispatcher, replacement, and the journal with one fsync for every batch. Only the workers are
not: an executor answers at once with the measures of an evaluation of 3 folds and 5 epochs.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future
from pathlib import Path
from typing import Any

from simulated_search import assess, proposer, result_of, synthetic_loss

from gakeras.dispatch import Dispatcher
from gakeras.encoding import Genome
from gakeras.evolution import (
    Budget,
    Finished,
    LongestFirst,
    Proposal,
    SearchState,
    discard_worst,
    predict_by_flops,
    steady_state,
)
from gakeras.executors import ExecutorFactory
from gakeras.jobs import Job
from gakeras.journal import JournalWriter, read_journal
from gakeras.replay import record_of
from gakeras.workers import ChildOptions


class NullExecutor(Executor):
    """Answers every job at once."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Return a future that is done."""
        job = args[0]
        proposal = Proposal(int(job["id"]), Genome.from_json(job["payload"]["genome"]))
        future: Future[Any] = Future()
        future.set_result(result_of(proposal, 0.0, 1.0).to_json())
        return future


class NullWorkers:
    """The loop's view of the dispatcher, as `gakeras.evaluations` has it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher

    @property
    def slots(self) -> int:
        return self.dispatcher.slots

    def submit(self, proposal: Proposal) -> None:
        payload = {"genome": proposal.genome.to_json(), "folds": [0, 1, 2], "from_epoch": 0, "to_epoch": 5}
        self.dispatcher.submit(Job(str(proposal.number), "evaluate", payload), 60.0)

    def collect(self, timeout: float | None) -> list[Finished]:
        return [Finished(int(result.job_id), result) for result in self.dispatcher.collect(timeout)]


def measure(evaluations: int, slots: int, seed: int) -> dict[str, float]:
    """Run one search; return its evaluations per second of CPU and of the clock."""
    state = SearchState()
    with tempfile.TemporaryDirectory() as directory:
        journal_path = Path(directory) / "journal.jsonl"
        journal_path.write_text('{"type":"header","schema":1}\n')
        factory = ExecutorFactory(NullExecutor, slots)
        options = ChildOptions("benchmark", directory)
        with JournalWriter(journal_path) as journal, Dispatcher(factory, options) as dispatcher:
            start, cpu, batches = time.perf_counter(), time.process_time(), 0
            loop = steady_state(
                state,
                propose=proposer(seed, 30),
                replace=discard_worst(30),
                assess=assess,
                workers=NullWorkers(dispatcher),
                budget=Budget(max_evaluations=evaluations),
                schedule=LongestFirst(predict_by_flops(lambda genome: int(1e6 * synthetic_loss(genome)))),
            )
            for events in loop:
                journal.append(record_of(event, time.perf_counter() - start) for event in events)
                batches += 1
            seconds, cpu_seconds = time.perf_counter() - start, time.process_time() - cpu
        finished = sum(record["type"] == "finished" for record in read_journal(journal_path).records)
        assert finished == evaluations == state.num_evaluated, "what counts is on disk"
        return {
            "per_cpu_second": evaluations / cpu_seconds,
            "per_second": evaluations / seconds,
            "batches": batches,
            "journal_bytes_per_evaluation": journal_path.stat().st_size / evaluations,
        }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--evaluations", type=int, default=5000)
    parser.add_argument("--slots", type=int, nargs="+", default=[2, 16, 64])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    print("workers  evaluations per CPU-second (min, median, max)  per second  bytes on disk each")
    table = []
    for slots in arguments.slots:
        rounds = [measure(arguments.evaluations, slots, seed) for seed in range(arguments.rounds)]
        rates = sorted(each["per_cpu_second"] for each in rounds)
        row = {
            "workers": slots,
            "per_cpu_second": [rates[0], statistics.median(rates), rates[-1]],
            "per_second": statistics.median(each["per_second"] for each in rounds),
            "journal_bytes_per_evaluation": rounds[0]["journal_bytes_per_evaluation"],
        }
        table.append(row)
        print(
            f"{slots:7}  {rates[0]:12.0f} {statistics.median(rates):12.0f} {rates[-1]:12.0f}"
            f"  {row['per_second']:20.0f}  {row['journal_bytes_per_evaluation']:10.0f}"
        )
    if arguments.json:
        arguments.json.write_text(
            json.dumps({"evaluations": arguments.evaluations, "rows": table}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
