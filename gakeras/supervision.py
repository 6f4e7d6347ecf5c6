"""How the workers of a run are to be run, from its settings."""

from __future__ import annotations

from gakeras.config import WorkerSettings
from gakeras.run import RunDirectory
from gakeras.workers import ChildOptions
from gakeras.workers.supervisor import keras_environment


def child_options(run: RunDirectory, workers: WorkerSettings, backend: str) -> ChildOptions:
    """Return how the child processes of a run are started and when they are replaced."""
    return ChildOptions(
        owner=str(run.root),
        log_dir=str(run.logs),
        module=workers.job_module,
        environment=keras_environment(backend, workers.threads_per_worker),
        max_jobs=workers.max_jobs_per_child,
        start_seconds=workers.start_seconds,
        workers_per_device=workers.workers_per_device,
    )
