"""Between a population and its journal: events become records, and records become the population again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from gakeras.growth.population import Event, Population, Trained, Training
from gakeras.journal import Journal, Record
from gakeras.records import outcome_record, relive


def record_of(event: Event, elapsed: float) -> Record:
    """Return the journal's record of an event; `elapsed` are the seconds a run has used over its sessions."""
    match event:
        case Training():
            values = asdict(event) | {"mutations": list(event.mutations)}
            return {"type": "proposed", **values, "elapsed": round(elapsed, 3)}
        case Trained():
            return outcome_record(event.number, event.result, elapsed)


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
    past.elapsed = relive(journal, past.population, _training_of, Trained, noun="training")
    joined = (record for record in journal.records if record["type"] == "joined")
    past.ensembles = {record["key"]: record["result"] for record in joined}
    return past


def _training_of(record: Record) -> Training:
    values = {field.name: record[field.name] for field in fields(Training) if field.name in record}
    return Training(**values | {"mutations": tuple(record["mutations"])})
