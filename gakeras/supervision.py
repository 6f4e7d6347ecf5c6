"""How the workers of a run are to be run, from its settings."""

from __future__ import annotations

from gakeras.config import WorkerSettings
from gakeras.executors import ExecutorChoice, ExecutorFactory, choose_executor
from gakeras.run import RunDirectory
from gakeras.workers import ChildOptions
from gakeras.workers.supervisor import keras_environment


def executor_factory(choice: ExecutorChoice, workers: WorkerSettings, backend: str) -> ExecutorFactory:
    """Return what opens the executor of a run; see `choose_executor`."""
    return choose_executor(choice, workers.workers, workers.workers_per_device, backend)


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
