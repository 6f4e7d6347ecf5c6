"""Who runs the jobs: workers on this machine, MPI ranks, or any `concurrent.futures.Executor` of the user's.

`choice` turns what the user asks for into a factory of executors; `mpi` is the only mention of MPI.
"""

from gakeras.executors.choice import (
    EXECUTORS,
    DebugExecutor,
    ExecutorChoice,
    ExecutorFactory,
    choose_executor,
    num_cores,
    submit_job,
)

__all__ = [
    "EXECUTORS",
    "DebugExecutor",
    "ExecutorChoice",
    "ExecutorFactory",
    "choose_executor",
    "num_cores",
    "submit_job",
]
