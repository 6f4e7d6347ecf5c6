"""A network of the family on its way out: compacted by a worker, saved once, copied or loaded from there."""

from __future__ import annotations

from pathlib import Path

from gakeras.errands import do_job
from gakeras.executors import ExecutorChoice
from gakeras.journal import JournalWriter
from gakeras.lineage.family import Member
from gakeras.lineage.records import Replay
from gakeras.lineage.runs import SynthesisRun
from gakeras.lineage.settings import SynthesisSettings
from gakeras.lineage.work import export_job


def exported(
    member: Member, run: SynthesisRun, settings: SynthesisSettings, past: Replay, executor: ExecutorChoice
) -> Path:
    """Return the `.keras` file of a network, compacted; one that was exported before is not made again.

    Raises:
        RunError: The export failed.
    """
    number = member.birth.number
    path = run.models / f"network-{number:04d}.keras"
    if number in past.exports and path.is_file():
        return path
    job = export_job(member, run, settings, path)
    complaint = f"The network {number} could not be exported."
    with JournalWriter(run.journal) as journal:
        result = do_job(job, run, settings.workers, settings.backend, executor, complaint=complaint)
        past.exports[number] = result.to_json()
        journal.append([{"type": "exported", "number": number, "result": result.to_json()}])
    return path
