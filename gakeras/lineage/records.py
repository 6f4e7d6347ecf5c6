"""Between a family and its journal: events become records, and records become the family again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gakeras.errors import JournalError
from gakeras.jobs import JobResult
from gakeras.journal import Journal, Record
from gakeras.lineage.family import Birth, Event, Family, Grown


def record_of(event: Event, elapsed: float) -> Record:
    """Return the journal's record of an event; `elapsed` are the seconds a run has used over its sessions."""
    match event:
        case Birth():
            return {
                "type": "proposed",
                "number": event.number,
                "generation": event.generation,
                "role": event.role,
                "parents": list(event.parents),
                "elapsed": round(elapsed, 3),
            }
        case Grown():
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
            return Birth(record["number"], record["generation"], record["role"], tuple(record["parents"]))
        case "finished":
            return Grown(record["number"], JobResult.from_json(record))
    return None


@dataclass
class Replay:
    """What a journal comes to: the family, exports and CPU-seconds by number, and the time used."""

    family: Family = field(default_factory=Family)
    exports: dict[int, Mapping[str, Any]] = field(default_factory=dict)
    cpu_seconds: dict[int, float] = field(default_factory=dict)
    elapsed: float = 0.0


def replay(journal: Journal) -> Replay:
    """Rebuild a family from its journal, by the same functions that a running synthesis uses.

    Raises:
        JournalError: A record contradicts those before it, because lines were lost or doubled.
    """
    past = Replay()
    for line, record in enumerate(journal.records, start=2):
        past.elapsed = max(past.elapsed, record.get("elapsed", 0.0))
        event = event_of(record)
        if isinstance(event, Birth):
            past.family.propose(event)
        elif isinstance(event, Grown):
            if event.number not in past.family.in_flight:
                raise JournalError(
                    f"The journal's line {line}: network {event.number} finished without being under way."
                )
            past.family.absorb(event)
            past.cpu_seconds[event.number] = event.result.cpu_seconds
        elif record["type"] == "exported":
            past.exports[record["number"]] = record["result"]
    return past
