"""What a search of peers.py has come to: its winner, and the curve that smaller budgets are read from."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from peer_answers import Json

from gakeras.encoding import Genome
from gakeras.evolution import Finished, Measured
from gakeras.history import read_history
from gakeras.journal import read_journal
from gakeras.replay import event_of


@dataclass(frozen=True)
class Point:
    """A moment at which the best loss fell: after so many CPU-seconds and trials, by this genome."""

    cpu_seconds: float
    trials: int
    loss: float
    genome: Json


@dataclass(frozen=True)
class Outcome:
    """A search: its winner, what it took, how the best loss fell, and how to train the winner.

    Attributes:
        genome: The winner as JSON; None where there is none.
        loss: The winner's, as the search itself has it; None for a network that was not searched.
        cpu_seconds: Those of training processes, imports left out.
        trials: Candidates whose training began.
        curve: One point for every time the best loss fell.
        own: The final training the system itself recommends, as fields of a `train` task, if any.
        trained: Parameters, accuracy and loss on the test data of a model the search has trained itself.
        points: (CPU-seconds, loss, parameters) of all candidates.
        read_from: The budget of the run this was read from, where that was a longer one.
        census: How many candidates gakeras trained, stopped and turned away, and a sample of the last two.
        reason: Why there is no winner.
    """

    genome: Json | None = None
    loss: float | None = None
    cpu_seconds: float = 0.0
    trials: int = 0
    curve: tuple[Point, ...] = ()
    own: Json | None = None
    trained: Json | None = None
    points: tuple[tuple[float, float, int], ...] = ()
    read_from: float | None = None
    census: Json | None = None
    reason: str | None = None

    def at(self, budget: float) -> Self:
        """Return what the search had come to after fewer CPU-seconds, as if it had been stopped then.

        What was under way at that moment does not count.
        """
        done = tuple(point for point in self.curve if point.cpu_seconds <= budget)
        points = tuple(point for point in self.points if point[0] <= budget)
        part = replace(self, cpu_seconds=budget, curve=done, points=points, census=None)
        if not done:
            reason = "nothing had ended by then"
            return replace(part, genome=None, loss=None, own=None, trials=len(points), reason=reason)
        trials = len(points) or done[-1].trials
        return replace(part, genome=done[-1].genome, loss=done[-1].loss, trials=trials)

    def to_json(self) -> Json:
        """Return plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return what `to_json` wrote; other fields are left out."""
        own = {name: values[name] for name in cls.__dataclass_fields__ if name in values}
        curve = tuple(Point(**point) for point in own.pop("curve", ()))
        points = tuple(tuple(point) for point in own.pop("points", ()))
        return cls(**own, curve=curve, points=points)  # type: ignore[arg-type]


@dataclass
class Notes:
    """Takes note of trials as they end, in the order in which they do."""

    curve: list[Point] = field(default_factory=list)
    points: list[tuple[float, float, int]] = field(default_factory=list)

    def add(self, cpu_seconds: float, loss: float, genome: Genome, parameters: int) -> None:
        """Take note of a trial that has ended."""
        if not math.isfinite(loss):
            return
        self.points.append((round(cpu_seconds, 2), loss, parameters))
        if not self.curve or loss < self.curve[-1].loss:
            point = Point(round(cpu_seconds, 2), len(self.points), loss, genome.to_json())
            self.curve.append(point)

    def outcome(self, cpu_seconds: float, trials: int) -> Outcome:
        """Return what the trials come to."""
        last = self.curve[-1] if self.curve else None
        return Outcome(
            last and last.genome, last and last.loss, cpu_seconds, trials, tuple(self.curve),
            points=tuple(self.points), reason=None if last else "no trial ended",
        )  # fmt: skip


def notes_of_run(root: Path) -> Notes:
    """Read the trials of a search of gakeras off its journal, with what had been spent when each ended."""
    notes, spent, pieces = Notes(), 0.0, dict[int, float]()
    individuals = read_history(root).individuals
    for record in read_journal(root / "journal.jsonl").records:
        event = event_of(record)
        if record["type"] == "calibrated":
            spent += record["cpu_seconds"]
        if isinstance(event, Measured):
            spent += event.result.cpu_seconds
            if event.stage == "search":
                pieces[event.number] = pieces.get(event.number, 0.0) + event.result.cpu_seconds
        if isinstance(event, Finished):
            spent += event.result.cpu_seconds - pieces.get(event.number, 0.0)
            individual = individuals.get(event.number)
            if individual is not None:
                notes.add(spent, individual.loss, individual.genome, individual.parameters)
    return notes


def census_of(root: Path, seed: int, sample: int = 10) -> Json:
    """Count whom a search of gakeras has trained, stopped, and turned away as too dear, and draw a sample."""
    history = read_history(root)
    stopped = [each.proposal for each in history.evaluations if each.result.status == "stopped"]
    dear = [
        proposal
        for proposal in history.proposals.values()
        if proposal.verdict == "oversized" and "CPU-seconds" in (proposal.reason or "")
    ]
    dropped = [proposal.genome.to_json() for proposal in (*stopped, *dear)]
    return {
        "evaluated": len(history.evaluations),
        "stopped": len(stopped),
        "dear": len(dear),
        "dropped": random.Random(seed).sample(dropped, min(sample, len(dropped))),
    }


def write_json(path: Path, values: Any) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(values, allow_nan=False), encoding="utf-8")
    temporary.rename(path)
