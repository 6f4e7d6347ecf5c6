"""The history of a growth, from its journal alone: every training as a row, and how far the run is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gakeras.growth.ensembles import Ensemble
from gakeras.growth.population import Population, Training, next_trainings, ranked, stop_reason
from gakeras.growth.records import replay
from gakeras.growth.settings import GrowthSettings, growth_settings
from gakeras.jobs import JobResult
from gakeras.journal import Record, read_run_of


@dataclass(frozen=True)
class GrownNetwork:
    """One row of a history: a network as it was after one of its trainings.

    Attributes:
        number: In the order in which trainings were proposed; the start network's is 0.
        iteration: 0 for the start network.
        role: `start`, `survivor`, `newcomer`, or `last`: a survivor after its last leg.
        network: The training in which its architecture was made: the same for all that go on from it.
        parent: The training that it goes on from or is a mutation of; None for the start network.
        transforms: What was done to the saved network that it began with: kind, layer, and how large;
            that of a newcomer's newcomer includes its parent's.
        steps, age: Optimizer steps of this training, and of its weights, their ancestors' included.
        parameters, flops: Of the network, the second for a forward pass of one example.
        training_flops, validation_flops: What this training has spent.
        total_flops: What the run had spent, all trainings up to this number.
        train_loss: Mean over the steps of this training; None where there were none.
        train_accuracy: On some of the training examples, after it.
        loss, accuracy: On the validation part.
        test: Loss and accuracy on the test set, empty without one. Nothing was decided by it.
    """

    number: int
    iteration: int
    role: str
    network: int
    parent: int | None
    transforms: Sequence[Mapping[str, Any]]
    steps: int
    age: int
    parameters: int
    flops: int
    training_flops: int
    validation_flops: int
    total_flops: int
    train_loss: float | None
    train_accuracy: float
    loss: float
    accuracy: float
    test: Mapping[str, float]


@dataclass(frozen=True)
class GrowthHistory:
    """A growth as its journal tells it, finished, interrupted or going on.

    Attributes:
        header: The journal's first record: versions, settings, digests.
        settings: The settings, validated.
        population: All trainings, what came of them, and what they have spent.
        networks: A row for every training that succeeded, in order.
        ensembles: Those that were saved, in order.
        elapsed: Seconds the growth has taken, over all its sessions.
    """

    header: Record
    settings: GrowthSettings
    population: Population
    networks: Sequence[GrownNetwork]
    ensembles: Sequence[Ensemble] = ()
    elapsed: float = 0.0

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.settings.name

    @property
    def best(self) -> GrownNetwork | None:
        """The network that selection ranks first, of all after each of their trainings."""
        members = list(self.population.members.values())
        if not members:
            return None
        number = ranked(members, self.population, self.settings)[0].number
        return next(network for network in self.networks if network.number == number)

    @property
    def final(self) -> set[int]:
        """The numbers of the population as it is by now."""
        return {member.number for member in self.population.final()}

    @property
    def went_on(self) -> set[int]:
        """The numbers of the trainings that another went on from as a survivor or in a last leg."""
        going_on = (t for t in self.population.trainings if t.role in ("survivor", "last"))
        return {training.parent for training in going_on if training.parent is not None}

    @property
    def failures(self) -> list[tuple[Training, JobResult]]:
        """The trainings that came to nothing."""
        trainings = {training.number: training for training in self.population.trainings}
        return [(trainings[number], result) for number, result in sorted(self.population.failures.items())]

    @property
    def stop_reason(self) -> str | None:
        """Why there is nothing left to do; None where there is."""
        if self.population.in_flight or next_trainings(self.population, self.settings):
            return None
        return stop_reason(self.population, self.settings)

    def origin(self, number: int) -> GrownNetwork | None:
        """Return the network that a training comes from: its parent, or where that failed, the parent's."""
        parents = {training.number: training.parent for training in self.population.trainings}
        networks = {network.number: network for network in self.networks}
        parent = parents[number]
        while parent is not None and parent not in networks:
            parent = parents[parent]
        return None if parent is None else networks[parent]

    def line(self, number: int) -> list[GrownNetwork]:
        """Return a network after each training that led to it, the start network first."""
        current = next((network for network in self.networks if network.number == number), None)
        found: list[GrownNetwork] = []
        while current is not None:
            found.append(current)
            current = self.origin(current.number)
        return found[::-1]


def read_growth(path: str | Path) -> GrowthHistory:
    """Read the history of a growth from its run directory, or from a journal alone.

    Nothing but the journal is opened, and nothing is locked: it may be a copy, or that of a
    run that is going on.

    Raises:
        JournalError: There is no journal, it is damaged, or its records contradict each other.
        InputError: It is not the journal of a growth, or its settings are of another version.
    """
    file, journal = read_run_of("growth", path)
    settings = growth_settings(journal.header["settings"], origin=str(file))
    past = replay(journal)
    joined = [record["ensemble"] for record in journal.records if record["type"] == "joined"]
    ensembles = [
        Ensemble(**plain | {"members": tuple(plain["members"]), "shares": tuple(plain["shares"])})
        for plain in joined
    ]
    networks = grown_networks(past.population)
    return GrowthHistory(journal.header, settings, past.population, networks, ensembles, past.elapsed)


def grown_networks(population: Population) -> list[GrownNetwork]:
    """Return a row for every training that succeeded, in order."""
    accounts, spent = population.ledger.accounts, 0
    rows = []
    for training in population.trainings:
        charge = accounts.get(str(training.number))
        spent += charge.flops if charge is not None else 0
        member = population.members.get(training.number)
        if member is None or charge is None:
            continue
        measures = member.measures
        test = {name: measures[f"test_{name}"] for name in ("loss", "accuracy") if f"test_{name}" in measures}
        rows.append(
            GrownNetwork(
                training.number,
                training.iteration,
                training.role,
                training.network,
                training.parent,
                measures["transforms"],
                training.steps,
                training.age,
                measures["parameters"],
                measures["flops"],
                charge.training,
                charge.validation,
                spent,
                measures["loss"],
                measures["train_accuracy"],
                measures["val_loss"],
                measures["val_accuracy"],
                test,
            )
        )
    return rows


def describe(transform: Mapping[str, Any]) -> str:
    """Say a transform in a few words: `widen conv_1 to 12`."""
    what, layer = transform["kind"], transform["layer"]
    if "units" in transform and what == "widen":
        return f"widen {layer} to {transform['units']}"
    if "window" in transform:
        return f"kernel of {layer} to {transform['window'][0]}"
    return f"{what} behind {layer}"
