"""The state of a search: everything the next step depends on, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from gakeras.encoding import Genome
from gakeras.evolution.durations import Duration
from gakeras.evolution.individual import Individual
from gakeras.jobs import JobResult, Status


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
class Abandoned:
    """A proposal that was still being evaluated when the run stopped; resuming evaluates it again."""

    number: int


Event = Proposal | Finished | Abandoned


@dataclass
class SearchState:
    """What a search has come to. Only a loop changes it, and replaying a journal rebuilds it.

    `known` maps the digest of every genome that is being or has been evaluated to the
    number of its proposal; one that timed out or died is forgotten, for that says more
    about the machine than about the genome. `newcomers` are the offspring of a generation
    that is not complete yet. `turned_away` counts the proposals in a row that were not
    evaluated. `durations` says how long the evaluations that succeeded took.
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
    durations: list[Duration] = field(default_factory=list)

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
        self.num_evaluated += 1
        if finished.result.status != "ok":
            self.num_failed += 1
            self.last_failure = f"{finished.result.status}: {finished.result.reason}"
        if finished.result.status in ("died", "timeout"):
            self.known.pop(proposal.genome.digest, None)
        if finished.result.status == "ok" and "flops" in finished.result.measures:
            seconds = finished.result.end - finished.result.start
            self.durations.append(Duration(int(finished.result.measures["flops"]), seconds))
        return proposal
