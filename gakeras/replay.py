"""Between a search and its journal: events become records, and records become the state again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from gakeras.config import Settings
from gakeras.encoding import Genome
from gakeras.errors import JournalError
from gakeras.evolution import (
    Abandoned,
    Ended,
    Event,
    Finished,
    Fitness,
    Individual,
    Measured,
    Proposal,
    SearchState,
    Timing,
    absorb,
    absorb_later,
    discard_dominated,
    discard_worst,
    discard_worst_of_island,
    rank_finalists,
    replace_generation,
)
from gakeras.evolution.finalists import FinalResults, failed_on_a_fold
from gakeras.evolution.hall_of_fame import hall_of_fame
from gakeras.evolution.loops import Assess, Replace
from gakeras.fitness.objectives import objectives, weights
from gakeras.jobs import JobResult
from gakeras.journal import Journal, Record


def record_of(event: Event, elapsed: float) -> Record:
    """Return the journal's record of an event; `elapsed` are the seconds of its budget a run has used."""
    match event:
        case Proposal():
            return {
                "type": "proposed",
                "number": event.number,
                "genome": event.genome.to_json(),
                "parents": list(event.parents),
                "operators": list(event.operators),
                "verdict": event.verdict,
                "reason": event.reason,
                "elapsed": round(elapsed, 3),
            }
        case Finished():
            return {
                "type": "finished",
                "number": event.number,
                "elapsed": round(elapsed, 3),
                **event.result.to_json(),
            }
        case Measured():
            return {
                "type": "measured",
                "number": event.number,
                "stage": event.stage,
                "fold": event.fold,
                "elapsed": round(elapsed, 3),
                **event.result.to_json(),
            }
        case Abandoned():
            return {"type": "abandoned", "number": event.number, "elapsed": round(elapsed, 3)}
        case Ended():
            return {
                "type": "ended",
                "part": event.part,
                "reason": event.reason,
                "budget": dict(event.budget),
                "elapsed": round(elapsed, 3),
            }


def event_of(record: Record) -> Event | None:
    """Return the event a record tells of; None for records of another sort."""
    match record["type"]:
        case "proposed":
            return Proposal(
                record["number"],
                Genome.from_json(record["genome"]),
                tuple(record["parents"]),
                tuple(record["operators"]),
                record["verdict"],
                record["reason"],
            )
        case "finished":
            return Finished(record["number"], JobResult.from_json(record))
        case "measured":
            result = JobResult.from_json(record)
            return Measured(record["number"], result, record["stage"], record["fold"])
        case "abandoned":
            return Abandoned(record["number"])
        case "ended":
            return Ended(record["part"], record["reason"], record["budget"])
    return None


def assessment(settings: Settings) -> Assess:
    """Return what turns results into fitness under a run's objectives.

    A failed evaluation has none, nor has one whose metric was not defined where that is the goal.
    """

    def assess(result: JobResult) -> Fitness | None:
        if result.status != "ok":
            return None
        values = objectives(result.measures, settings.objectives, settings.penalty)
        if not math.isfinite(values[0]):
            return None
        is_loss = settings.objectives[0] == "loss"
        return Fitness(values, weights(settings.objectives), is_loss=is_loss)

    return assess


@dataclass
class Replay:
    """What a journal comes to: the state of the search, all evaluated individuals, final trainings.

    `ended` has the last end of each part of the run.
    """

    state: SearchState = field(default_factory=SearchState)
    evaluated: list[Individual] = field(default_factory=list)
    statuses: dict[str, int] = field(default_factory=dict)
    trainings: list[Mapping[str, Any]] = field(default_factory=list)
    elapsed: float = 0.0
    calibration: list[Timing] = field(default_factory=list)
    ended: dict[str, Ended] = field(default_factory=dict)

    def end(self, part: Literal["search", "finals"], settings: Settings) -> Ended | None:
        """Return how a part of the run ended, if that was under the budget of these settings."""
        ended = self.ended.get(part)
        return ended if ended is not None and ended.budget == settings.budget else None


def replay(journal: Journal, settings: Settings) -> Replay:
    """Rebuild a search from its journal, by the same functions that a running search uses.

    Raises:
        JournalError: A record contradicts those before it, because lines were lost or doubled.
    """
    past = Replay()
    for line, record in enumerate(journal.records, start=2):
        past.elapsed = max(past.elapsed, record.get("elapsed", 0.0))
        event = event_of(record)
        if isinstance(event, Finished) and event.number not in past.state.in_flight:
            raise JournalError(
                f"The journal's line {line}: individual {event.number} finished without being under way."
            )
        _apply(event, past, settings)
        if record["type"] == "trained":
            past.trainings.append(record)
        if record["type"] == "calibrated":
            past.calibration = [Timing(**timing) for timing in record["measures"].get("timings", ())]
            past.state.cpu_seconds += record["cpu_seconds"]
    return past


def _apply(event: Event | None, past: Replay, settings: Settings) -> None:
    match event:
        case Proposal():
            past.state.add_proposal(event)
            if event.verdict:
                past.statuses[event.verdict] = past.statuses.get(event.verdict, 0) + 1
        case Measured():
            past.state.add_piece(event)
        case Finished():
            _count(past, event, settings)
            _settle(past.state, event, settings)
        case Ended():
            past.ended[event.part] = event


def replacement(settings: Settings) -> Replace:
    """Return how newcomers enter the population under a run's algorithm."""
    if len(settings.objectives) > 1:
        return discard_dominated(settings.population_size)
    if settings.islands.number > 1:
        return discard_worst_of_island(settings.islands, settings.population_size)
    if settings.algorithm == "generational":
        return replace_generation(settings.population_size, settings.num_elite)
    return discard_worst(settings.population_size)


def leaders(
    evaluated: Iterable[Individual], finals: FinalResults, num_finalists: int, n: int
) -> list[Individual]:
    """Return the best `n` individuals: the finalists as their finals rank them, then the others.

    Losses of finalists are means over all folds; those of the others may be of the first alone. Last
    come those that have failed on another fold.
    """
    individuals = list(evaluated)
    first = rank_finalists(individuals, finals, num_finalists)
    numbers = {finalist.id for finalist in first}
    failed = failed_on_a_fold(finals)
    others = [individual for individual in individuals if individual.id not in numbers | failed]
    last = [individual for individual in individuals if individual.id in failed]
    return [*first, *hall_of_fame(others, n), *hall_of_fame(last, n)][:n]


def _settle(state: SearchState, event: Finished, settings: Settings) -> None:
    replace, assess = replacement(settings), assessment(settings)
    if settings.algorithm == "generational":
        size = settings.population_size
        absorb_later(state, event, assess=assess, replace=replace, generation_size=size)
    else:
        absorb(state, event, assess=assess, replace=replace)


def _count(past: Replay, event: Finished, settings: Settings) -> None:
    status = event.result.status
    past.statuses[status] = past.statuses.get(status, 0) + 1
    fitness = assessment(settings)(event.result)
    if fitness is not None:
        proposal = past.state.in_flight[event.number]
        past.evaluated.append(
            Individual(event.number, proposal.genome, fitness, event.result.measures, proposal.parents)
        )
