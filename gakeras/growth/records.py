"""Between a population and its journal: events become records, and records become the population again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gakeras.errors import JournalError
from gakeras.growth.population import Event, Population, Trained, Training
from gakeras.jobs import JobResult
from gakeras.journal import Journal, Record


def record_of(event: Event, elapsed: float) -> Record:
    """Return the journal's record of an event; `elapsed` are the seconds a run has used over its sessions."""
    match event:
        case Training():
            values = asdict(event) | {"mutations": list(event.mutations)}
            return {"type": "proposed", **values, "elapsed": round(elapsed, 3)}
        case Trained():
            return {
                "type": "finished",
                "number": event.number,
                "elapsed": round(elapsed, 3),
                **event.result.to_json(),
            }


def event_of(record: Record) -> Event | None:
    """Return the event a record tells of; None for records of another sort."""
    match record["type"]:
        case "proposed":
            values = {field.name: record[field.name] for field in fields(Training) if field.name in record}
            return Training(**values | {"mutations": tuple(record["mutations"])})
        case "finished":
            return Trained(record["number"], JobResult.from_json(record))
    return None


@dataclass
class Replay:
    """What a journal comes to: the population, the ensembles that were saved, and the time used."""

    population: Population = field(default_factory=Population)
    ensembles: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    elapsed: float = 0.0


def replay(journal: Journal) -> Replay:
    """Rebuild a population from its journal, by the same functions that a running growth uses.

    Raises:
        JournalError: A record contradicts those before it, because lines were lost or doubled.
    """
    past = Replay()
    for line, record in enumerate(journal.records, start=2):
        past.elapsed = max(past.elapsed, record.get("elapsed", 0.0))
        event = event_of(record)
        if isinstance(event, Training):
            past.population.propose(event)
        elif isinstance(event, Trained):
            if event.number not in past.population.in_flight:
                raise JournalError(
                    f"The journal's line {line}: training {event.number} finished without being under way."
                )
            past.population.absorb(event)
        elif record["type"] == "joined":
            past.ensembles[record["key"]] = record["result"]
    return past
