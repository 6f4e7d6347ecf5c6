"""The state of a search: everything the next step depends on, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from gakeras.encoding import Genome
from gakeras.evolution.durations import Duration
from gakeras.evolution.individual import Individual
from gakeras.evolution.pieces import (
    Timing,
    busy_seconds,
    charged_cpu_seconds,
    merge,
    reached_epoch,
    timing_of,
    total_busy_seconds,
    training_losses,
)
from gakeras.jobs import JobResult, Status

Stage = Literal["search", "folds", "final"]
"""What a piece of an evaluation is for: the search itself, a finalist's other folds, or its final length."""


@dataclass(frozen=True)
class Proposal:
    """Individual number n before it is evaluated: its genome and how it came about.

    `verdict` is None, or why it is recorded but not evaluated: `duplicate` or `oversized`.
    """

    number: int
    genome: Genome
    parents: tuple[int, ...] = ()
    operators: tuple[str, ...] = ()
    verdict: Status | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Finished:
    """The result of a proposal that was evaluated."""

    number: int
    result: JobResult


@dataclass(frozen=True)
class Measured:
    """A piece of an evaluation: one that goes on (`search`), or one fold of a finalist (see `finals`)."""

    number: int
    result: JobResult
    stage: Stage = "search"
    fold: int = 0


@dataclass(frozen=True)
class Abandoned:
    """A proposal that was still being evaluated when the run stopped; resuming evaluates it again."""

    number: int


@dataclass(frozen=True)
class Ended:
    """A part of a run that is over under a budget: under the same one there is nothing more to do."""

    part: Literal["search", "finals"]
    reason: str
    budget: Mapping[str, float | None]


Event = Proposal | Measured | Finished | Abandoned | Ended


@dataclass
class SearchState:
    """What a search has come to. Only a loop changes it, and replaying a journal rebuilds it.

    `known` maps the digest of every genome that is being or has been evaluated to the
    number of its proposal; one that timed out or died is forgotten, for that says more
    about the machine than about the genome. `newcomers` are the offspring of a generation
    that is not complete yet. `turned_away` counts the proposals in a row that were not
    evaluated. `durations` says how long the evaluations that succeeded took.

    `pieces` are the results so far of evaluations in steps that go on. `rungs` maps a number
    of epochs to every validation loss of the first fold that evaluations were judged by
    after so many. `finals` are the folds of the finalists by (number, stage, fold).
    `cpu_seconds` and `busy_seconds` are what the workers have spent, and `timings` what
    epochs of networks of different sizes took. `learnt` maps a number of epochs to the lowest training
    loss that any network had on the first fold after so many. `accepted` are the genomes, with their losses,
    of all individuals that ever became one, in the order in which they counted.
    """

    population: tuple[Individual, ...] = ()
    newcomers: tuple[Individual, ...] = ()
    in_flight: dict[int, Proposal] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)
    num_proposed: int = 0
    num_evaluated: int = 0
    num_failed: int = 0
    num_in_generation: int = 0
    turned_away: int = 0
    last_failure: str | None = None
    last_stop: str | None = None
    durations: list[Duration] = field(default_factory=list)
    pieces: dict[int, tuple[JobResult, ...]] = field(default_factory=dict)
    rungs: dict[int, list[float]] = field(default_factory=dict)
    finals: dict[tuple[int, Stage, int], JobResult] = field(default_factory=dict)
    cpu_seconds: float = 0.0
    busy_seconds: float = 0.0
    timings: list[Timing] = field(default_factory=list)
    learnt: dict[int, float] = field(default_factory=dict)
    accepted: list[tuple[Genome, float]] = field(default_factory=list)

    @property
    def num_accepted(self) -> int:
        """How many evaluations gave an individual."""
        return len(self.accepted)

    def add_proposal(self, proposal: Proposal) -> None:
        """Take note of a proposal; from now on its genome is known."""
        self.num_proposed = proposal.number + 1
        if proposal.verdict is not None:
            self.turned_away += 1
            if proposal.verdict == "oversized":
                self.known.setdefault(proposal.genome.digest, proposal.number)
            return
        self.turned_away = 0
        self.num_in_generation += 1
        self.in_flight[proposal.number] = proposal
        self.known[proposal.genome.digest] = proposal.number

    def add_result(self, finished: Finished) -> Proposal:
        """Take note that a proposal's evaluation ended, and return the proposal."""
        proposal = self.in_flight.pop(finished.number)
        earlier = self.pieces.pop(finished.number, ())
        self._spend(finished.result, earlier)
        self.num_evaluated += 1
        if finished.result.status not in ("ok", "stopped"):
            self.num_failed += 1
            self.last_failure = f"{finished.result.status}: {finished.result.reason}"
        if finished.result.status == "stopped":
            self.last_stop = finished.result.reason
        if finished.result.status in ("died", "timeout"):
            self.known.pop(proposal.genome.digest, None)
        if finished.result.status == "ok" and "flops" in finished.result.measures:
            seconds = total_busy_seconds(finished.result, earlier)
            self.durations.append(Duration(int(finished.result.measures["flops"]), seconds))
        return proposal

    def add_piece(self, measured: Measured) -> None:
        """Take note of a piece of an evaluation that goes on, or of a finalist's fold."""
        if measured.stage != "search":
            self.finals[measured.number, measured.stage, measured.fold] = measured.result
            self.cpu_seconds += charged_cpu_seconds(measured.result)
            self.busy_seconds += busy_seconds(measured.result)
            return
        pieces = self.pieces.get(measured.number, ())
        whole = merge([*pieces, measured.result])
        self._spend(whole, pieces)
        self.pieces[measured.number] = (*pieces, measured.result)

    def _spend(self, whole: JobResult, earlier: tuple[JobResult, ...]) -> None:
        """Count what the last piece of an evaluation has cost, and its loss at its rung."""
        self.cpu_seconds += charged_cpu_seconds(whole, earlier)
        self.busy_seconds += busy_seconds(whole, earlier)
        reached = reached_epoch(whole, earlier)
        if reached is not None:
            self.rungs.setdefault(reached[0], []).append(reached[1])
        for epochs, loss in training_losses(whole):
            self.learnt[epochs] = min(loss, self.learnt.get(epochs, loss))
        timing = timing_of(whole, earlier)
        if timing is not None:
            self.timings.append(timing)
