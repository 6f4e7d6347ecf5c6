"""A growing population as a value: who was trained from whom, what became of it, and who stays."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from gakeras.growth.settings import GrowthSettings
from gakeras.jobs import JobResult
from gakeras.morphism.ledger import Ledger
from gakeras.seeding import derive_seed

Role = Literal["start", "survivor", "newcomer", "last"]


@dataclass(frozen=True)
class Training:
    """A member that is to be trained for some steps.

    Attributes:
        number: From 0, in the order in which trainings were proposed.
        iteration: 0 for the start network; a last leg belongs to the last iteration.
        role: Whether it is the start network, has survived, is new, or has its last leg.
        network: The number of the training in which its architecture was made.
        parent: The number of the training that it goes on from or is a mutation of.
        source: The training whose saved network it begins with.
        mutations: What is done to that network, each by the number that it is drawn from.
        steps: Optimizer steps of this training.
        age: Steps that its weights will have had, those of its ancestors included.
    """

    number: int
    iteration: int
    role: Role
    network: int
    parent: int | None = None
    source: int | None = None
    mutations: tuple[int, ...] = ()
    steps: int = 0
    age: int = 0


@dataclass(frozen=True)
class Trained:
    """What became of a training."""

    number: int
    result: JobResult


Event = Training | Trained


@dataclass(frozen=True)
class Member:
    """A network as it was after one of its trainings."""

    training: Training
    measures: Mapping[str, Any]

    @property
    def number(self) -> int:
        """That of its training."""
        return self.training.number

    @property
    def loss(self) -> float:
        """On the validation part."""
        return float(self.measures["val_loss"])

    @property
    def flops(self) -> int:
        """Of one forward pass."""
        return int(self.measures["flops"])


@dataclass
class Population:
    """All trainings of a run, what came of them, and what is under way; changed in place."""

    trainings: list[Training] = field(default_factory=list)
    members: dict[int, Member] = field(default_factory=dict)
    failures: dict[int, JobResult] = field(default_factory=dict)
    in_flight: dict[int, Training] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    ledger: Ledger = field(default_factory=Ledger)

    @property
    def start(self) -> Member | None:
        """The start network, once it was trained."""
        return self.members.get(0)

    @property
    def iteration(self) -> int:
        """The latest iteration of which a training was proposed; -1 before the start network's."""
        return max((training.iteration for training in self.trainings), default=-1)

    @property
    def first_newcomers(self) -> list[Training]:
        """The members that are to be mutated in the first iteration."""
        return [each for each in self.trainings if each.iteration == 1 and each.role == "newcomer"]

    @property
    def failed_at_once(self) -> bool:
        """Whether no transform fitted any of these, so that nothing grows."""
        failures = [self.failures.get(training.number) for training in self.first_newcomers]
        return bool(failures) and all(failure is not None and failure.refused for failure in failures)

    @property
    def has_last_leg(self) -> bool:
        """Whether last legs were proposed."""
        return any(training.role == "last" for training in self.trainings)

    @property
    def latest_round(self) -> list[int]:
        """The numbers of the last legs, or before there are any of the latest iteration."""
        return [
            training.number
            for training in self.trainings
            if (training.role == "last" if self.has_last_leg else training.iteration == self.iteration)
        ]

    def propose(self, training: Training) -> None:
        """Add a training that is now under way."""
        self.trainings.append(training)
        self.in_flight[training.number] = training

    def absorb(self, event: Trained) -> None:
        """Take in what became of a training, and charge for it; what failed is no member."""
        training, result = self.in_flight.pop(event.number), event.result
        if result.end > result.start:
            self.seconds.append(result.end - result.start)
        self._charge(training, result.measures)
        if result.status == "ok":
            self.members[event.number] = Member(training, result.measures)
        else:
            self.failures[event.number] = result

    def retry(self, number: int) -> None:
        """Put a training that has failed under way again."""
        del self.failures[number]
        self.in_flight[number] = self.trainings[number]

    def generation(self, iteration: int) -> list[Member]:
        """Return the members of an iteration before any last leg, in order."""
        return [
            member
            for member in self.members.values()
            if member.training.iteration == iteration and member.training.role != "last"
        ]

    def final(self) -> list[Member]:
        """Return the population as it is by now: after its last leg, or its latest iteration.

        A leg or an iteration counts once nothing of it is in flight.
        """
        waiting = {(training.iteration, training.role == "last") for training in self.in_flight.values()}
        last = [member for member in self.members.values() if member.training.role == "last"]
        if last and not any(is_last for _, is_last in waiting):
            return last
        complete = (k for k in range(self.iteration, -1, -1) if (k, False) not in waiting)
        return next((members for k in complete if (members := self.generation(k))), [])

    def _charge(self, training: Training, measures: Mapping[str, Any]) -> None:
        """Charge a training, a failed one as far as it says what it has spent; a killed one cannot."""
        if "flops" in measures:
            spender, flops = str(training.number), measures["flops"]
            ledger = self.ledger.train(spender, flops=flops, examples=measures.get("trained_examples", 0))
            examples = measures.get("validated_examples", 0)
            self.ledger = ledger.validate(spender, flops=flops, examples=examples)


def score(member: Member, population: Population, settings: GrowthSettings) -> float:
    """Return what selection makes small: the loss, times a power of the relative FLOPs."""
    start = population.start
    relative = member.flops / start.flops if start is not None and start.flops else 1.0
    return float(member.loss * relative**settings.flops_exponent)


def ranked(members: Sequence[Member], population: Population, settings: GrowthSettings) -> list[Member]:
    """Return members with the best first; of equally good ones the older."""
    return sorted(members, key=lambda member: (score(member, population, settings), member.number))


def survivors(population: Population, settings: GrowthSettings) -> list[Member]:
    """Return the M2 best of the final population by validation, the places of newcomers kept for them."""
    best = ranked(population.final(), population, settings)
    newcomers = [member for member in best if member.training.role == "newcomer"][: settings.num_newcomers]
    others = [member for member in best if member not in newcomers]
    return ranked([*newcomers, *others][: settings.num_survivors], population, settings)


def stop_reason(population: Population, settings: GrowthSettings) -> str | None:
    """Return why there is no further iteration, in words, or None; asked when nothing is in flight."""
    iteration, spent = population.iteration, population.ledger.total.flops
    if iteration < 0 or population.start is None:
        return None
    if population.failed_at_once:
        return f"no transform fits: {_last_failure(population)}"
    if not population.generation(iteration):
        return f"iteration {iteration} failed: {_last_failure(population)}"
    if population.has_last_leg:
        return f"{iteration} iterations and the last leg are done"
    if iteration >= settings.iterations:
        return f"{iteration} iterations are done"
    if settings.max_flops is not None and spent >= settings.max_flops:
        return f"{spent / 1e9:,.1f} GFLOPs are spent"
    return None


def next_trainings(population: Population, settings: GrowthSettings) -> list[Training]:
    """Return what is to be trained next when nothing is in flight: nothing where the growth is over.

    While the population has fewer than M1 members, one is drawn, of those that are new as well, and
    mutated (Painter 2018, steps 2 and 3). The draw depends on the run's seed and the new member's number.
    """
    if not population.trainings:
        steps = settings.initial_steps
        return [Training(0, 0, "start", 0, steps=steps, age=steps)]
    if population.start is None:
        return []
    if stop_reason(population, settings) is not None:
        return _last_legs(population, settings)
    kept, number = survivors(population, settings), len(population.trainings)
    trainings = [
        _going_on(member, number + place, population.iteration + 1, "survivor", settings.steps)
        for place, member in enumerate(kept)
    ]
    while len(trainings) < settings.population_size:
        new = number + len(trainings)
        picked = random.Random(derive_seed(settings.seed, "pick", new)).choice(trainings)
        trainings.append(_mutated(picked, new, settings))
    return trainings


def _going_on(member: Member, number: int, iteration: int, role: Role, steps: int) -> Training:
    before = member.training
    return Training(
        number, iteration, role, before.network, before.number, before.number, (), steps, before.age + steps
    )


def _mutated(picked: Training, number: int, settings: GrowthSettings) -> Training:
    age = picked.age if settings.inherit or settings.equal_age else settings.steps
    return replace(
        picked,
        number=number,
        role="newcomer",
        network=number,
        parent=picked.number if picked.role == "newcomer" else picked.source,
        mutations=(*picked.mutations, number),
        steps=settings.steps if settings.inherit else age,
        age=age,
    )


def _last_legs(population: Population, settings: GrowthSettings) -> list[Training]:
    if not settings.last_steps or population.has_last_leg or population.failed_at_once:
        return []
    kept, number, steps = survivors(population, settings), len(population.trainings), settings.last_steps
    legs = [
        _going_on(member, number + place, member.training.iteration, "last", steps)
        for place, member in enumerate(kept)
    ]
    return legs if settings.last_shrink else [replace(leg, age=steps) for leg in legs]


def _last_failure(population: Population) -> str:
    if not population.failures:
        return "nothing was trained"
    result = population.failures[max(population.failures)]
    return f"{result.status}: {result.reason}"
