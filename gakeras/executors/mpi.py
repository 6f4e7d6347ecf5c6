"""Master and slaves: rank 0 runs the search, every other rank drives a supervised Keras child.

The engine is `mpi4py.futures.MPICommExecutor`. Ranks exchange jobs and results as plain
JSON values, a few kilobytes each; data and weights travel as paths. No rank imports Keras.

The ranks of a job are formed once, at the first need, and stay a master and its workers until
rank 0 ends. In a script, rank 0 goes through all of it; the other ranks go through it up
to the first search, serve there, and end.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
from concurrent.futures import Executor
from functools import cache
from types import TracebackType
from typing import Any, NoReturn

from gakeras.errors import InputError
from gakeras.launcher import num_launched
from gakeras.workers.place import Place, take_place

BACKOFF_SECONDS = "0.01"
"""How long an idle rank sleeps between two looks for work: at 10 ms it takes 0.3 % of a core."""

_HARMLESS = ("SIGINT", "SIGTERM", "SIGUSR1")


def open_world() -> tuple[Executor, int]:
    """Return rank 0's executor and the number of its workers. On every other rank: serve, then exit.

    Raises:
        InputError: There is no MPI, one rank alone, or as many worlds as processes.
    """
    executor, num_workers = _join()
    if executor is None:
        sys.exit(0)
    return executor, num_workers


def abort(code: int) -> NoReturn:
    """End every rank of the job at once, whatever it does."""
    from mpi4py import MPI

    sys.stdout.flush()
    sys.stderr.flush()
    MPI.COMM_WORLD.Abort(code)
    sys.exit(code)


def abort_on_uncaught_errors() -> None:
    """Let an exception that nobody catches end all ranks, after its message.

    Otherwise the ranks that wait for the one it has ended would wait for ever.
    """
    show = sys.excepthook

    def show_and_abort(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        show(kind, error, trace)
        abort(1)

    sys.excepthook = show_and_abort


@cache
def _join() -> tuple[Executor | None, int]:
    os.environ.setdefault("MPI4PY_FUTURES_BACKOFF", BACKOFF_SECONDS)
    world = _world()
    place = _place(world)
    if place is not None:
        for name in _HARMLESS:  # they are the master's to handle
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
        take_place(place)
    from mpi4py.futures import MPICommExecutor

    pool = MPICommExecutor(world, root=0, backoff=float(os.environ["MPI4PY_FUTURES_BACKOFF"]))
    executor: Any = pool.__enter__()  # a worker serves in here until the master has left
    if executor is not None:
        atexit.register(pool.__exit__, None, None, None)
    return executor, world.Get_size() - 1


def _world() -> Any:
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise InputError(
            "Running under MPI needs an MPI library.",
            expected="one that mpi4py can load",
            received=str(error),
            way_out='Install one, for example by pip install "gakeras[mpi]", or load your site\'s module.',
        ) from None
    size, launched = MPI.COMM_WORLD.Get_size(), num_launched()
    if size == 1 and launched > 1:
        raise InputError(
            "All ranks of a job belong to one MPI.",
            expected=f"one world of {launched} ranks, as the launcher has started",
            received=f"{launched} worlds of one rank, of {MPI.Get_library_version().splitlines()[0]}",
            way_out="Use the mpirun of the MPI that mpi4py runs with, or build mpi4py with the launcher's.",
        )
    if size == 1:
        raise InputError(
            "MPI needs a master and at least one worker.",
            expected="2 ranks or more",
            received="1 rank",
            way_out="Start `mpirun -n 3 gakeras search ...`, or use executor 'process'.",
        )
    return MPI.COMM_WORLD


def _place(world: Any) -> Place | None:
    """Return a worker's place, None for the master. The master takes no number on its machine."""
    from mpi4py import MPI

    rank = world.Get_rank()
    machine = world.Split_type(MPI.COMM_TYPE_SHARED, key=rank)
    ranks_here = machine.allgather(rank)
    machine.Free()
    if rank == 0:
        return None
    return Place(f"rank {rank}", local_index=sum(0 < other < rank for other in ranks_here))
