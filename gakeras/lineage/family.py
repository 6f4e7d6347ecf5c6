"""A family of networks as a value: who was born of whom, and what became of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gakeras.jobs import JobResult
from gakeras.lineage.settings import SynthesisSettings

Role = Literal["ancestor", "offspring", "last"]


@dataclass(frozen=True)
class Birth:
    """A network that is to be: the ancestor, an offspring, or the last training of a network.

    Attributes:
        number: From 0, the ancestor's, in the order in which births were proposed.
        generation: 0 is the ancestor; a last training belongs to its network's generation.
        role: Which of the three.
        parents: Their numbers, the fittest first.
    """

    number: int
    generation: int
    role: Role
    parents: tuple[int, ...] = ()


@dataclass(frozen=True)
class Grown:
    """What became of a birth."""

    number: int
    result: JobResult


Event = Birth | Grown


@dataclass(frozen=True)
class Member:
    """A network of the family that was trained and measured."""

    birth: Birth
    measures: Mapping[str, Any]
    artifacts: Mapping[str, str]

    @property
    def accuracy(self) -> float:
        """On the validation part."""
        return float(self.measures["val_accuracy"])

    @property
    def synapses(self) -> int:
        """Living ones, without dead."""
        return int(self.measures["synapses"])

    @property
    def efficiency(self) -> float:
        """The ancestor's synapses divided by these."""
        return float(self.measures["efficiency"])

    @property
    def fitness(self) -> tuple[float, float, int]:
        """What comes first is fitter: the more accurate, then the smaller loss, then the older."""
        return (-self.accuracy, float(self.measures["val_loss"]), self.birth.number)


@dataclass
class Family:
    """All births of a run, what came of them, and what is under way; changed in place."""

    births: list[Birth] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    failures: dict[int, JobResult] = field(default_factory=dict)
    in_flight: dict[int, Birth] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    @property
    def ancestor(self) -> Member | None:
        """The ancestor, once it was measured."""
        return self.members.get(0)

    @property
    def generation(self) -> int:
        """The latest generation of which a network was proposed; -1 before the ancestor."""
        return max((birth.generation for birth in self.births), default=-1)

    @property
    def latest_round(self) -> list[int]:
        """The numbers of the latest generation, and of the last trainings after it."""
        numbers = [birth.number for birth in self.births if birth.role != "last"]
        numbers = [number for number in numbers if self.births[number].generation == self.generation]
        return list(range(min(numbers), len(self.births))) if numbers else []

    def propose(self, birth: Birth) -> None:
        """Add a birth that is now under way."""
        self.births.append(birth)
        self.in_flight[birth.number] = birth

    def absorb(self, event: Grown) -> None:
        """Take in what became of a birth; what failed never enters the family."""
        birth = self.in_flight.pop(event.number)
        if event.result.status != "ok":
            self.failures[event.number] = event.result
            return
        if event.result.end > event.result.start:
            self.seconds.append(event.result.end - event.result.start)
        self.members[event.number] = Member(birth, event.result.measures, event.result.artifacts)

    def retry(self, number: int) -> None:
        """Put a birth that has failed under way again."""
        del self.failures[number]
        self.in_flight[number] = self.births[number]

    def generation_members(self, generation: int) -> list[Member]:
        """Return the ancestor or the offspring of a generation, the fittest first."""
        chosen = [
            member
            for member in self.members.values()
            if member.birth.generation == generation and member.birth.role != "last"
        ]
        return sorted(chosen, key=lambda member: member.fitness)

    def accepted(self, max_drop: float | None) -> list[Member]:
        """Return the networks at most `max_drop` below the ancestor's accuracy, the smallest first."""
        if self.ancestor is None:
            return []
        floor = -1.0 if max_drop is None else self.ancestor.accuracy - max_drop - _ROUNDING
        chosen = [member for member in self.members.values() if member.accuracy >= floor]
        return sorted(chosen, key=lambda member: (member.synapses, member.fitness))


_ROUNDING = 1e-9


def next_parents(family: Family, settings: SynthesisSettings) -> tuple[int, ...]:
    """Return the numbers of the parents of the next generation, the fittest first.

    They are the `parents` fittest of the latest generation, or with `parents_from="latest"` of
    the generations before it as well, from the latest back; fewer where there are fewer.
    """
    chosen: list[Member] = []
    oldest = family.generation if settings.parents_from == "preceding" else 0
    for generation in range(family.generation, oldest - 1, -1):
        chosen += family.generation_members(generation)[: settings.parents - len(chosen)]
    return tuple(member.birth.number for member in sorted(chosen, key=lambda member: member.fitness))


def stop_reason(family: Family, settings: SynthesisSettings) -> str | None:
    """Return why there is no further generation, in words, or None; asked when nothing is in flight."""
    generation = family.generation
    members = family.generation_members(generation)
    if generation < 0 or family.ancestor is None:
        return None
    if not members:
        return f"generation {generation} failed: {_last_failure(family)}"
    drop = family.ancestor.accuracy - members[0].accuracy
    if settings.max_drop is not None and drop > settings.max_drop + _ROUNDING:
        return (
            f"generation {generation} fell {100 * drop:.2f} points below the ancestor's validation accuracy "
            f"of {100 * family.ancestor.accuracy:.2f} %"
        )
    efficiency = max(member.efficiency for member in members)
    if settings.target_efficiency is not None and efficiency >= settings.target_efficiency:
        return f"an efficiency of {efficiency:.1f} is reached"
    if generation >= settings.generations:
        return f"{generation} generations are done"
    return None


def next_births(family: Family, settings: SynthesisSettings) -> Sequence[Birth]:
    """Return what is to be born next when nothing is in flight: nothing where the synthesis is over."""
    number = len(family.births)
    if number == 0:
        return [Birth(0, 0, "ancestor")]
    if family.ancestor is None:
        return []
    if stop_reason(family, settings) is None:
        parents, generation = next_parents(family, settings), family.generation + 1
        return [Birth(number + i, generation, "offspring", parents) for i in range(settings.offspring)]
    return _last_births(family, settings, number)


def _last_births(family: Family, settings: SynthesisSettings, number: int) -> list[Birth]:
    """Return the last trainings that were not tried yet.

    They are of the smallest accepted offspring, or of the largest that reach each of `last_efficiencies`.
    """
    if settings.last is None:
        return []
    offspring = [m for m in family.accepted(settings.max_drop) if m.birth.role == "offspring"]
    chosen = offspring[:1] if settings.last_efficiencies is None else []
    for efficiency in settings.last_efficiencies or ():
        chosen += [member for member in offspring if member.efficiency >= efficiency][-1:]
    numbers = {member.birth.number: member.birth.generation for member in chosen}
    tried = {birth.parents[0] for birth in family.births if birth.role == "last"}
    fresh = [(parent, generation) for parent, generation in numbers.items() if parent not in tried]
    return [Birth(number + i, generation, "last", (parent,)) for i, (parent, generation) in enumerate(fresh)]


def _last_failure(family: Family) -> str:
    if not family.failures:
        return "nothing was born"
    result = family.failures[max(family.failures)]
    return f"{result.status}: {result.reason}"
