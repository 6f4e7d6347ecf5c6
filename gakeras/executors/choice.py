"""What the user asks for, and the factory of executors it stands for.

An executor is transport only. It runs `gakeras.workers.run_job`, which supervises a child
process, so a crash or a hang of a network is an ordinary result under every executor.
Executors may break; hence callers hold a factory and open another one.
"""

from __future__ import annotations

import importlib
import os
import sys
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from gakeras.errors import InputError
from gakeras.executors import mpi
from gakeras.jobs import Job
from gakeras.launcher import num_launched
from gakeras.workers.child import answer
from gakeras.workers.devices import num_usable
from gakeras.workers.supervisor import run_job

EXECUTORS = ("auto", "serial", "process", "mpi", "debug")
ExecutorChoice = str | Executor | Callable[[], Executor]


class DebugExecutor(Executor):
    """Does every job at once, in this process and thread: for a debugger. No timeout, no protection."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the job of a `run_job` call now; return a future that is done."""
        job, options, *_ = args
        kinds = importlib.import_module(options["module"]).KINDS
        result = {"job_id": job["id"], **answer(job, kinds)}
        result.pop("memory_bytes")
        future: Future[Any] = Future()
        future.set_result(result)
        return future


@dataclass(frozen=True)
class ExecutorFactory:
    """Opens executors of one sort. `slots` is how many jobs run at the same time.

    `is_ours` tells whether closing the executor is up to us; one the user passed stays open.
    """

    open: Callable[[], Executor]
    slots: int
    is_ours: bool = True


def choose_executor(
    choice: ExecutorChoice = "auto",
    workers: int | None = None,
    workers_per_device: int = 1,
    backend: str | None = None,
) -> ExecutorFactory:
    """Return the factory for a choice. On an MPI rank other than 0 it serves the master and ends there.

    Args:
        choice: `"auto"` (`"mpi"` where a launcher started several ranks, else `"process"`),
            `"serial"` (one worker), `"process"` (as many as `workers`), `"mpi"` (every rank
            but the first), `"debug"` (in this process), an executor, or a function that opens one.
        workers: Number of jobs at the same time; needed for an executor that does not tell. By
            default `"process"` has `workers_per_device` for each accelerator, or one a core.
        backend: Of Keras, TensorFlow if it is not said: it has to see an accelerator for it to count, and
            is what Keras has in this process with `"debug"`.

    Raises:
        InputError: An unknown name, a number of workers that cannot be, ranks without use, or a Keras in
            this process that has another backend.

    An executor of your own must run functions where gakeras is installed and the run
    directory can be reached by its path:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> choose_executor(ThreadPoolExecutor(max_workers=3)).slots
    3
    """
    if workers is not None and workers < 1:
        raise InputError("A run needs a worker.", expected="workers >= 1", received=f"workers={workers}")
    if choice == "mpi" or (choice == "auto" and num_launched() > 1):
        pool, num_ranks = mpi.open_world()
        return ExecutorFactory(lambda: pool, min(workers or num_ranks, num_ranks), is_ours=False)
    if choice == "debug":
        if num_launched() > 1:  # the other ranks serve, and have nothing to do
            mpi.open_world()
        _take_backend(backend)
        return ExecutorFactory(DebugExecutor, 1)
    if num_launched() > 1:
        raise InputError(
            "A job of several MPI ranks has one master.",
            expected="executor 'auto' or 'mpi'",
            received=f"executor={choice!r} in {num_launched()} ranks",
            way_out="Start it without mpirun or srun to use other workers.",
        )
    if isinstance(choice, Executor):
        return ExecutorFactory(lambda: choice, _slots_of(choice, workers), is_ours=False)
    if callable(choice):
        if workers is None:
            raise InputError(
                "A function that opens executors does not tell how many jobs they run.",
                expected="workers=... beside it",
                received="workers=None",
            )
        return ExecutorFactory(choice, workers)
    if choice in ("auto", "process"):
        slots = workers or num_usable(backend or "tensorflow") * workers_per_device or num_cores()
        return ExecutorFactory(lambda: ThreadPoolExecutor(slots, thread_name_prefix="worker"), slots)
    if choice == "serial":
        return ExecutorFactory(lambda: ThreadPoolExecutor(1, thread_name_prefix="worker"), 1)
    raise InputError(
        "There is no such executor.",
        expected=f"one of {', '.join(EXECUTORS)}, or a concurrent.futures.Executor",
        received=f"executor={choice!r}",
    )


def num_cores() -> int:
    """Return the cores this process may use: by its affinity, and by the quota of its container."""
    import joblib

    return int(joblib.cpu_count())


def _take_backend(backend: str | None) -> None:
    """Let the Keras of this process have a backend, or say that it has another one already."""
    keras = sys.modules.get("keras")
    if backend is None:
        return
    if keras is None:
        os.environ["KERAS_BACKEND"] = backend
    elif keras.backend.backend() != backend:
        raise InputError(
            "The debug executor works in this process.",
            expected=f"the backend of the run, {backend}",
            received=f"Keras with the backend {keras.backend.backend()}",
            way_out=f"Start Python with KERAS_BACKEND={backend}, or use another executor.",
        )


def submit_job(
    executor: Executor,
    job: Job,
    options: dict[str, Any],
    timeout_seconds: float | None = None,
    stop_file: str | None = None,
    attempt: int = 1,
    avoid: Sequence[str] = (),
) -> Future[dict[str, Any]]:
    """Send a job to an executor; the future gives a `JobResult` as JSON values.

    The workers that `avoid` names decline it. No two calls have the same arguments, for Dask takes
    equal calls for one.
    """
    call = {"attempt": attempt, "avoid": list(avoid), "call": uuid.uuid4().hex}
    message = {"id": job.id, "kind": job.kind, "payload": dict(job.payload), **call}
    return executor.submit(run_job, message, options, timeout_seconds, stop_file)


def _slots_of(executor: Executor, workers: int | None) -> int:
    slots = workers or getattr(executor, "_max_workers", None) or getattr(executor, "num_workers", None)
    if not isinstance(slots, int):
        raise InputError(
            "This executor does not tell how many jobs it runs at the same time.",
            expected="workers=... beside it",
            received=f"executor={executor!r}, workers={workers}",
        )
    return slots
