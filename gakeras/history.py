"""The history of a search, from its journal alone: what was tried, when, by whom, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gakeras.config import Settings, settings_from
from gakeras.data.tasks import Task
from gakeras.encoding import Genome
from gakeras.encoding.blocks import Shape
from gakeras.errors import JournalError
from gakeras.evolution import Ended, Finished, Individual, Measured, Proposal
from gakeras.evolution.finalists import FinalResults
from gakeras.evolution.pieces import busy_seconds
from gakeras.evolution.state import Stage
from gakeras.fitness.options import training_as_done
from gakeras.jobs import JobResult
from gakeras.journal import Record, read_run_of
from gakeras.replay import assessment, event_of, leaders


@dataclass(frozen=True)
class Evaluation:
    """A proposal that was evaluated; `individual` is None where that failed.

    `elapsed` are the seconds of the run's budget that were used when its result came in.
    """

    proposal: Proposal
    result: JobResult
    elapsed: float
    individual: Individual | None

    @property
    def number(self) -> int:
        """The number of the proposal, which is also the individual's id."""
        return self.proposal.number


@dataclass(frozen=True)
class Stint:
    """What a worker did for a proposal in one go: an evaluation, a step of one, or a fold of the finals.

    `seconds` are those it was busy, `elapsed` those of the run's budget that were used at its end.
    """

    number: int
    result: JobResult
    elapsed: float
    seconds: float


@dataclass(frozen=True)
class Training:
    """A final training: of which network (`best`, or a baseline's name), which repeat, and its result.

    `options` say how the network was trained, its own genes of learning included.
    """

    name: str
    repeat: int
    digest: str
    options: Mapping[str, object]
    data: str
    result: JobResult

    def is_winner(self, best: Individual | None) -> bool:
        """Tell whether it is that of this winner; an earlier one had been found by a smaller budget."""
        return self.name == "best" and best is not None and self.digest == best.genome.digest


@dataclass(frozen=True)
class History:
    """A search as its journal tells it, finished, interrupted or going on.

    Attributes:
        header: The journal's first record: versions, settings, digests.
        settings: The settings, validated.
        proposals: Every proposal by its number, those never evaluated included.
        evaluations: What was evaluated, in the order in which results came in.
        stints: What the workers did for that, in the same order; several for an evaluation in steps.
        trainings: The final trainings, in order.
        finals: What finalists got beyond the first fold, where the search has such.
        elapsed: Seconds of its budget the search has used, over all its sessions.
        is_settled: Whether the end of the search, or a final training, came after the last proposal.
    """

    header: Record
    settings: Settings
    proposals: Mapping[int, Proposal] = field(default_factory=dict)
    evaluations: Sequence[Evaluation] = ()
    trainings: Sequence[Training] = ()
    elapsed: float = 0.0
    is_settled: bool = False
    finals: FinalResults = field(default_factory=dict)
    stints: Sequence[Stint] = ()

    @property
    def succeeded(self) -> list[Evaluation]:
        """The evaluations that gave a finite loss."""
        return [evaluation for evaluation in self.evaluations if evaluation.individual is not None]

    @property
    def stopped(self) -> list[Evaluation]:
        """The evaluations that were given up early, for they could not matter any more: no failures."""
        return [evaluation for evaluation in self.evaluations if evaluation.result.status == "stopped"]

    @property
    def failed(self) -> list[Evaluation]:
        """The evaluations that came to nothing."""
        return [
            evaluation
            for evaluation in self.evaluations
            if evaluation.individual is None and evaluation.result.status != "stopped"
        ]

    @cached_property
    def individuals(self) -> dict[int, Individual]:
        """The individuals that were evaluated with success, by their ids."""
        found = (evaluation.individual for evaluation in self.evaluations)
        return {individual.id: individual for individual in found if individual is not None}

    @cached_property
    def best(self) -> Individual | None:
        """The individual with the best fitness; None while no evaluation has succeeded."""
        return next(iter(self.leaders(1)), None)

    @property
    def has_ended(self) -> bool:
        """Whether nothing is left to do, and the best individual of all, not an earlier one, was trained."""
        best = self.best
        is_trained = best is not None and any(
            training.is_winner(best) and training.result.status == "ok" for training in self.trainings
        )
        return is_trained and (self.is_settled or not self.open_proposals)

    @property
    def turned_away(self) -> list[Proposal]:
        """The proposals that were recorded but not evaluated: duplicate or oversized."""
        return [proposal for proposal in self.proposals.values() if proposal.verdict is not None]

    @property
    def open_proposals(self) -> list[Proposal]:
        """The proposals without a result: under way, or left when the run stopped."""
        done = {evaluation.number for evaluation in self.evaluations}
        return [
            proposal
            for proposal in self.proposals.values()
            if proposal.verdict is None and proposal.number not in done
        ]

    @property
    def input_shape(self) -> Shape:
        """The shape of one example."""
        return tuple(self.header["data"]["input_shape"])

    @property
    def task(self) -> Task:
        """What is learnt; `outputs` is the width of the output layer."""
        return Task(**self.header["data"]["task"])

    @property
    def metric(self) -> str:
        """The metric beside the loss."""
        return self.settings.metric or self.task.metric

    @property
    def aim(self) -> str:
        """What evolution is after, in words: the loss or the metric, with the penalty where one is set."""
        if self.settings.is_after_metric:
            return f"{self.metric} - penalty" if self.settings.penalty else self.metric
        return "loss + penalty" if self.settings.penalty else "loss"

    def value(self, individual: Individual) -> float:
        """Return what evolution has of its `aim` in an individual: of a metric the more, the better."""
        first = float(individual.fitness.values[0])
        return -first if self.settings.is_after_metric else first

    def leaders(self, n: int) -> list[Individual]:
        """Return the best `n` individuals, best first, no two with equal genomes."""
        return leaders(self.individuals.values(), self.finals, self.settings.fidelity.num_finalists, n)

    def ancestors(self, number: int) -> list[int]:
        """Return an individual's number and those of all its ancestors, youngest first."""
        found, waiting = set[int](), [number]
        while waiting:
            current = waiting.pop()
            if current not in found and current in self.proposals:
                found.add(current)
                waiting += self.proposals[current].parents
        return sorted(found, reverse=True)

    def gain(self, number: int) -> float | None:
        """Return how far an individual is better than its better parent; None without parents.

        In the unit of the first objective: lower by so much in the loss, or higher in the metric.
        """
        parents = [
            self.individuals[parent].fitness.values[0]
            for parent in self.proposals[number].parents
            if parent in self.individuals
        ]
        if not parents or number not in self.individuals:
            return None
        return float(min(parents) - self.individuals[number].fitness.values[0])


def read_history(path: str | Path) -> History:
    """Read the history of a search from its run directory, or from a journal alone.

    Nothing but the journal is opened, and nothing is locked: it may be a copy, or that of a
    run that is going on.

    Raises:
        JournalError: There is no journal, it is damaged, or its records contradict each other.
        InputError: It is not the journal of a search, or its settings are of another version.
    """
    file, journal = read_run_of("search", path)
    settings = settings_from(journal.header["settings"], origin=str(file))
    proposals: dict[int, Proposal] = {}
    evaluations: list[Evaluation] = []
    stints: list[Stint] = []
    pieces: dict[int, list[JobResult]] = {}
    trained: list[Record] = []
    finals: dict[tuple[int, Stage, int], JobResult] = {}
    elapsed, is_settled = 0.0, False
    for line, record in enumerate(journal.records, start=2):
        elapsed = max(elapsed, record.get("elapsed", 0.0))
        event = event_of(record)
        if isinstance(event, Measured | Finished):
            earlier = pieces.get(event.number, []) if isinstance(event, Finished) else []
            seconds = busy_seconds(event.result, earlier)
            stints.append(Stint(event.number, event.result, record["elapsed"], seconds))
        if isinstance(event, Proposal):
            proposals[event.number] = event
            is_settled = False
        elif isinstance(event, Finished):
            if event.number not in proposals:
                raise JournalError(f"{file}, line {line}: individual {event.number} was never proposed.")
            evaluations.append(
                _evaluation(proposals[event.number], event.result, record["elapsed"], settings)
            )
        elif isinstance(event, Measured) and event.stage == "search":
            pieces.setdefault(event.number, []).append(event.result)
        elif isinstance(event, Measured):
            finals[event.number, event.stage, event.fold] = event.result
        elif record["type"] == "trained":
            trained.append(record)
            is_settled = True
        elif isinstance(event, Ended) and event.part == "search":
            is_settled = True
    networks = [settings.network(name) for name in settings.final.baselines]
    networks += [proposal.genome for proposal in proposals.values()]
    genomes = {genome.digest: genome for genome in networks}
    trainings = [_training(record, genomes) for record in trained]
    return History(
        journal.header, settings, proposals, evaluations, trainings, elapsed, is_settled, finals, stints
    )


def _evaluation(proposal: Proposal, result: JobResult, elapsed: float, settings: Settings) -> Evaluation:
    fitness = assessment(settings)(result)
    individual = None
    if fitness is not None:
        individual = Individual(proposal.number, proposal.genome, fitness, result.measures, proposal.parents)
    return Evaluation(proposal, result, elapsed, individual)


def _training(record: Record, genomes: Mapping[str, Genome]) -> Training:
    key = record["key"]
    return Training(
        key["name"],
        key["repeat"],
        key["digest"],
        training_as_done(key, genomes.get(key["digest"])),
        key["data_dir"],
        JobResult.from_json(record["result"]),
    )
