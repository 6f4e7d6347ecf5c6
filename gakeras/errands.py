"""A single job of a run, that a worker does now, while its caller waits."""

from __future__ import annotations

from gakeras.config import WorkerSettings
from gakeras.dispatch import Dispatcher
from gakeras.errors import RunError
from gakeras.executors import ExecutorChoice
from gakeras.jobs import Job, JobResult
from gakeras.run import RunDirectory
from gakeras.supervision import child_options, executor_factory


def do_job(
    job: Job,
    run: RunDirectory,
    workers: WorkerSettings,
    backend: str,
    executor: ExecutorChoice,
    *,
    complaint: str,
) -> JobResult:
    """Return the result of a job that went well.

    Raises:
        RunError: It did not; the message begins with the complaint.
    """
    factory = executor_factory(executor, workers, backend)
    with Dispatcher(factory, child_options(run, workers, backend)) as dispatcher:
        (result,) = dispatcher.run([job])
    if result.status != "ok":
        raise RunError(f"{complaint} {result.status}: {result.reason}")
    return result
