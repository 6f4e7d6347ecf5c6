"""The real loops of the search, with evaluations that take time and train nothing.

Proposals come from the real operators on the space of MNIST; only the evaluation is replaced: its
time is drawn from the proposal's number, its loss is a smooth function of the genome. What
benchmarks of workers, clocks and schedules share.
"""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from gakeras.encoding import Genome, SearchSpace, genome_cost
from gakeras.evolution import (
    Budget,
    Caps,
    Event,
    Finished,
    Fitness,
    LongestFirst,
    Proposal,
    Proposer,
    SearchState,
    Variation,
    discard_worst,
    generational,
    make_toolbox,
    replace_generation,
    steady_state,
)
from gakeras.jobs import JobResult

INPUT_SHAPE, OUTPUTS = (28, 28), 10
Seconds = Callable[[int], float]
"""Time of the n-th evaluation."""


def lognormal_seconds(seed: int, sigma: float = 1.0, median: float = 1.0) -> Seconds:
    """Return times whose logarithms are normal: many short ones and a few very long ones."""
    return lambda number: median * random.Random(f"{seed}/{number}").lognormvariate(0.0, sigma)


@dataclass
class DrawnTimes:
    """Times of evaluations by the order in which they are proposed, what is not evaluated left out.

    So a simulated search and a measured one get the same times, whatever they propose.
    """

    seconds: Seconds
    places: dict[int, int] = field(default_factory=dict)

    def note(self, events: Sequence[Event]) -> None:
        """Take note of proposals; to be called with every batch before it is started."""
        for event in events:
            if isinstance(event, Proposal) and event.verdict is None:
                self.places[event.number] = len(self.places)

    def seconds_of(self, number: int) -> float:
        """Return the time of a proposal's evaluation."""
        return self.seconds(self.places[number])


def known_within(times: DrawnTimes, seed: int, spread: float) -> Callable[..., list[float]]:
    """Return a prediction that is off by a lognormal factor of that spread (0.3: within 30 % or so)."""

    def predict(state: SearchState, proposals: Sequence[Proposal]) -> list[float]:
        return [
            times.seconds_of(proposal.number)
            * random.Random(f"{seed}/{proposal.number}/predicted").lognormvariate(0.0, spread)
            for proposal in proposals
        ]

    return predict


def synthetic_loss(genome: Genome) -> float:
    """Return a loss that evolution can lower step by step: how far a genome is from one that is good.

    It is 0 for a convolution, a pool, and two more convolutions of 20, 30 and 45 filters and
    kernels of 5, 4 and 2, and a dense layer of 200 units with a dropout of 0.3, all of them relu.
    """
    target = (("conv", 20, 5), ("pool", 2, 0), ("conv", 30, 4), ("conv", 45, 2))
    loss = abs(len(genome.conv) - len(target)) + abs(len(genome.dense) - 1.0)
    for block, (kind, size, kernel_size) in zip(genome.conv, target, strict=False):
        if block.kind != kind:
            loss += 1.0
        elif block.kind == "pool":
            loss += 0.3 * abs(block.pool_size - size)
        else:
            loss += abs(block.filters - size) / 40 + 0.2 * abs(block.kernel_size - kernel_size)
            loss += 0.3 * (block.activation != "relu")
    for dense in genome.dense[:1]:
        loss += abs(dense.units - 200) / 290 + abs(dense.dropout - 0.3) + 0.3 * (dense.activation != "relu")
    return loss


def assess(result: JobResult) -> Fitness:
    """Return the fitness of a simulated evaluation."""
    return Fitness([result.measures["loss"]])


def result_of(proposal: Proposal, start: float, end: float) -> JobResult:
    """Return the result of a simulated evaluation, with measures as large as those of a real one."""
    loss = synthetic_loss(proposal.genome)
    flops = genome_cost(proposal.genome, INPUT_SHAPE, OUTPUTS).flops
    epochs = [
        {
            "epoch": epoch,
            "loss": loss,
            "val_loss": loss,
            "val_metric": 0.5,
            "seconds": 1.5,
            "cpu_seconds": 1.5,
        }
        for epoch in range(5)
    ]
    folds = [{"fold": fold, "epochs": epochs} for fold in range(3)]
    measures = {"loss": loss, "parameters": 100_000, "flops": flops, "folds": folds}
    return JobResult(str(proposal.number), "ok", measures=measures, start=start, end=end)


@dataclass
class SimulatedWorkers:
    """Workers on a clock that jumps from event to event; the master's time on it is up to the caller.

    `ages` says for every evaluation how many others ended between its proposal and its start.
    """

    slots: int
    times: DrawnTimes
    now: float = 0.0
    busy_seconds: float = 0.0
    waited_seconds: float = 0.0
    num_finished: int = 0
    ages: dict[int, int] = field(default_factory=dict)
    _ends: list[tuple[float, int, float, Proposal]] = field(default_factory=list)
    _free_since: list[float] = field(default_factory=list)
    _proposed: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._free_since = [0.0] * self.slots

    def note(self, events: Sequence[Event]) -> None:
        """Remember when proposals were made."""
        self.times.note(events)
        for event in events:
            if isinstance(event, Proposal):
                self._proposed[event.number] = self.num_finished

    def submit(self, proposal: Proposal) -> None:
        """Start an evaluation on the worker that has been free the longest."""
        self.waited_seconds += self.now - heapq.heappop(self._free_since)
        self.ages[proposal.number] = self.num_finished - self._proposed.get(
            proposal.number, self.num_finished
        )
        seconds = self.times.seconds_of(proposal.number)
        self.busy_seconds += seconds
        heapq.heappush(self._ends, (self.now + seconds, proposal.number, self.now, proposal))

    def collect(self, timeout: float | None) -> list[Finished]:
        """Return what has ended by now; wait for the next one if that is nothing and one may wait."""
        if timeout and self._ends:
            self.now = max(self.now, self._ends[0][0])
        finished = []
        while self._ends and self._ends[0][0] <= self.now:
            end, number, start, proposal = heapq.heappop(self._ends)
            heapq.heappush(self._free_since, end)
            self.num_finished += 1
            finished.append(Finished(number, result_of(proposal, start, end)))
        return finished

    @property
    def idle_share(self) -> float:
        """The share of all workers' time until now in which they did nothing useful."""
        return 1 - self.busy_seconds / (self.slots * self.now)


def proposer(seed: int, population_size: int, space: SearchSpace | None = None) -> Proposer:
    """Return the real proposer on images of 28 x 28."""
    space, variation = space or SearchSpace(), Variation()
    return Proposer(
        run_seed=seed,
        toolbox=make_toolbox(space, INPUT_SHAPE, variation),
        variation=variation,
        input_shape=INPUT_SHAPE,
        outputs=OUTPUTS,
        min_population_size=population_size,
        caps=Caps(max_parameters=2_000_000, max_flops=60_000_000),
    )


def search_loop(
    algorithm: str,
    state: SearchState,
    workers: Any,
    budget: Budget,
    *,
    seed: int,
    population_size: int,
    schedule: LongestFirst | None = None,
) -> Iterator[list[Event]]:
    """Return the real loop of an algorithm over simulated or sleeping workers."""
    common: dict[str, Any] = {
        "propose": proposer(seed, population_size),
        "assess": assess,
        "workers": workers,
        "budget": budget,
    }
    if algorithm == "generational":
        replace = replace_generation(population_size)
        return generational(state, replace=replace, generation_size=population_size, **common)
    return steady_state(state, replace=discard_worst(population_size), schedule=schedule, **common)


def percent(values: Sequence[float]) -> str:
    """Return mean and standard error of shares in percent."""
    mean = sum(values) / len(values)
    error = math.sqrt(sum((value - mean) ** 2 for value in values) / max(1, len(values) - 1) / len(values))
    return f"{100 * mean:.1f} +- {100 * error:.1f}"
