"""A network of the family on its way out: compacted by a worker, saved once, copied or loaded from there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gakeras.dispatch import Dispatcher
from gakeras.errors import RunError
from gakeras.executors import ExecutorChoice, choose_executor
from gakeras.journal import JournalWriter
from gakeras.lineage.family import Member
from gakeras.lineage.records import Replay
from gakeras.lineage.runs import SynthesisRun
from gakeras.lineage.settings import SynthesisSettings
from gakeras.lineage.work import export_job
from gakeras.supervision import child_options

if TYPE_CHECKING:
    import keras


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
    workers = settings.workers
    factory = choose_executor(executor, workers.workers, workers.workers_per_device)
    with (
        JournalWriter(run.journal) as journal,
        Dispatcher(factory, child_options(run, workers, settings.backend)) as dispatcher,
    ):
        (result,) = dispatcher.run([export_job(member, run, settings, path)])
        if result.status != "ok":
            raise RunError(f"The network {number} could not be exported. {result.status}: {result.reason}")
        past.exports[number] = result.to_json()
        journal.append([{"type": "exported", "number": number, "result": result.to_json()}])
    return path


def load(path: Path) -> keras.Model:
    """Return the model of a `.keras` file, in this process."""
    import keras

    return keras.saving.load_model(path)
