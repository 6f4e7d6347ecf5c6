"""The history of a synthesis, from its journal alone: every network as a row, and how far the run is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gakeras.jobs import JobResult
from gakeras.journal import Record, read_run_of
from gakeras.lineage.family import Birth, Member, next_births, stop_reason
from gakeras.lineage.records import Replay, replay
from gakeras.lineage.settings import SynthesisSettings, synthesis_settings


@dataclass(frozen=True)
class Descendant:
    """One row of a history: a network of the family, as it was after its training.

    Attributes:
        number: In the order of birth; the ancestor is 0.
        generation: The ancestor's is 0.
        role: `ancestor`, `offspring`, or `last`: another, trained once more.
        parents: Their numbers.
        synapses, efficiency: Without dead synapses; `synapses_drawn` and `efficiency_drawn` with them.
        accuracy, precision, recall, loss: On the validation part; precision and recall are
            means over the classes.
        test: The same four on the test set, empty without one. Nothing was decided by it.
        clusters: Cluster efficiency by kernel, of the sort of clusters that was synthesized.
        parameters, multiply_accumulates: After compaction.
        sparse_bytes: Living weights at their precision, with an index.
        cpu_seconds: Of its job: drawing, training and measuring.
    """

    number: int
    generation: int
    role: str
    parents: tuple[int, ...]
    synapses: int
    synapses_drawn: int
    efficiency: float
    efficiency_drawn: float
    accuracy: float
    precision: float
    recall: float
    loss: float
    test: Mapping[str, float]
    clusters: Mapping[str, float]
    parameters: int
    multiply_accumulates: int
    sparse_bytes: int
    cpu_seconds: float


@dataclass(frozen=True)
class SynthesisHistory:
    """A synthesis as its journal tells it, finished, interrupted or going on.

    Attributes:
        header: The journal's first record: versions, settings, digests.
        settings: The settings, validated.
        past: The family, and the CPU-seconds of every job by its network's number.
        descendants: A row for every network that was measured, the ancestor first, by generation.
    """

    header: Record
    settings: SynthesisSettings
    past: Replay
    descendants: Sequence[Descendant]

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.settings.name

    @property
    def elapsed(self) -> float:
        """Seconds the synthesis has taken, over all its sessions."""
        return self.past.elapsed

    @property
    def best(self) -> Descendant | None:
        """The smallest network that is accurate enough (`max_drop`); None before the ancestor is measured."""
        accepted = self.past.family.accepted(self.settings.max_drop)
        return descendant(accepted[0], self.past, self.settings) if accepted else None

    @property
    def leaders(self) -> list[Descendant]:
        """The ancestor and the fittest of every generation, without last trainings."""
        rows = {row.number: row for row in self.descendants}
        generations = sorted({row.generation for row in self.descendants})
        members = (self.past.family.generation_members(generation) for generation in generations)
        return [rows[fittest[0].birth.number] for fittest in members if fittest]

    @property
    def last(self) -> list[Descendant]:
        """The networks that were trained once more."""
        return [row for row in self.descendants if row.role == "last"]

    @property
    def failures(self) -> list[tuple[Birth, JobResult]]:
        """The births that came to nothing."""
        births = {birth.number: birth for birth in self.past.family.births}
        return [(births[number], result) for number, result in sorted(self.past.family.failures.items())]

    @property
    def stop_reason(self) -> str | None:
        """Why there is nothing left to do; None where there is."""
        family = self.past.family
        if family.in_flight or next_births(family, self.settings):
            return None
        return stop_reason(family, self.settings)


def read_synthesis(path: str | Path) -> SynthesisHistory:
    """Read the history of a synthesis from its run directory, or from a journal alone.

    Nothing but the journal is opened, and nothing is locked: it may be a copy, or that of a
    run that is going on.

    Raises:
        JournalError: There is no journal, it is damaged, or its records contradict each other.
        InputError: It is not the journal of a synthesis, or its settings are of another version.
    """
    file, journal = read_run_of("synthesis", path)
    settings = synthesis_settings(journal.header["settings"], origin=str(file))
    past = replay(journal)
    return SynthesisHistory(journal.header, settings, past, descendants(past, settings))


def descendants(past: Replay, settings: SynthesisSettings) -> list[Descendant]:
    """Return a row for every network that was measured, the ancestor first, by generation."""
    members = past.family.members.values()
    ordered = sorted(members, key=lambda m: (m.birth.generation, m.birth.role == "last", m.birth.number))
    return [descendant(member, past, settings) for member in ordered]


def descendant(member: Member, past: Replay, settings: SynthesisSettings) -> Descendant:
    """Return the row of a network."""
    measures, birth = member.measures, member.birth
    source = past.family.members[birth.parents[0]].measures if birth.role == "last" else measures
    tested = {key.removeprefix("test_"): v for key, v in measures.items() if key.startswith("test_")}
    return Descendant(
        birth.number,
        birth.generation,
        birth.role,
        birth.parents,
        member.synapses,
        source.get("synapses_drawn", member.synapses),
        member.efficiency,
        source.get("efficiency_drawn", member.efficiency),
        member.accuracy,
        measures["val_precision"],
        measures["val_recall"],
        measures["val_loss"],
        tested,
        measures["clusters"][settings.drawing.cluster],
        measures["parameters"],
        measures["multiply_accumulates"],
        measures["sparse_bytes"],
        past.cpu_seconds[birth.number],
    )
