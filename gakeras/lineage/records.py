"""Between a family and its journal: events become records, and records become the family again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gakeras.jobs import JobResult
from gakeras.journal import Journal, Record
from gakeras.lineage.family import Birth, Event, Family, Grown
from gakeras.records import outcome_record, relive


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
            return outcome_record(event.number, event.result, elapsed)


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
    past.elapsed = relive(journal, past.family, _birth_of, Grown, noun="network")
    for record in journal.records:
        match record["type"]:
            case "finished":
                past.cpu_seconds[record["number"]] = JobResult.from_json(record).cpu_seconds
            case "exported":
                past.exports[record["number"]] = record["result"]
    return past


def _birth_of(record: Record) -> Birth:
    return Birth(record["number"], record["generation"], record["role"], tuple(record["parents"]))
