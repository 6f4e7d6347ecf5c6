"""Between rounds of work and their journal: an outcome as a record, and records as the state again."""

from __future__ import annotations

from collections.abc import Callable

from gakeras.errors import JournalError
from gakeras.jobs import JobResult
from gakeras.journal import Journal, Record
from gakeras.rounds import Outcome, State, Task


def outcome_record(number: int, result: JobResult, elapsed: float) -> Record:
    """Return the record of a task that has ended; `elapsed` are the seconds of a run over its sessions."""
    return {"type": "finished", "number": number, "elapsed": round(elapsed, 3), **result.to_json()}


def retry_record(number: int, elapsed: float) -> Record:
    """Return the record of a task that is done again."""
    return {"type": "retried", "number": number, "elapsed": round(elapsed, 3)}


def relive(
    journal: Journal,
    state: State[Task, Outcome],
    task_of: Callable[[Record], Task],
    outcome_of: Callable[[int, JobResult], Outcome],
    *,
    noun: str,
) -> float:
    """Take a new state through all that a journal tells, and return the seconds that the run has used.

    Args:
        journal: Of a run of rounds; records of other sorts are passed over.
        state: Empty; changed in place by the functions that a running loop uses.
        task_of: Reads a record of the type `proposed`.
        outcome_of: Makes the event of a number and a result.
        noun: What a task is called.

    Raises:
        JournalError: A record contradicts those before it, because lines were lost or doubled.
    """
    elapsed = 0.0
    for line, record in enumerate(journal.records, start=2):
        elapsed = max(elapsed, record.get("elapsed", 0.0))
        match record["type"]:
            case "proposed":
                state.propose(task_of(record))
            case "finished":
                number = record["number"]
                if number not in state.in_flight:
                    raise JournalError(
                        f"The journal's line {line}: {noun} {number} finished without being under way."
                    )
                state.absorb(outcome_of(number, JobResult.from_json(record)))
            case "retried":
                number = record["number"]
                if number not in state.failures:
                    raise JournalError(
                        f"The journal's line {line}: {noun} {number} is retried, and had not failed."
                    )
                state.retry(number)
    return elapsed
