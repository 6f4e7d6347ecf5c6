"""Jobs of several MPI ranks on this machine, started with the mpirun of this environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil

MPIRUN = Path(sys.executable).with_name("mpirun")
ROOT_AND_MORE_RANKS_THAN_CORES = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "OMPI_MCA_pml": "ob1",  # sockets and nothing else start a second sooner
    "OMPI_MCA_btl": "tcp,self",
}


def start_ranks(
    *command: object, ranks: int = 3, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start a command in several ranks; MPICH leaves the variables of Open MPI alone."""
    return subprocess.Popen(
        [str(MPIRUN), "-n", str(ranks), *map(str, command)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **ROOT_AND_MORE_RANKS_THAN_CORES, **(environment or {})},
        start_new_session=True,
    )


def run_ranks(
    *command: object, ranks: int = 3, environment: Mapping[str, str] | None = None, timeout: float = 120
) -> tuple[int, str, str]:
    """Run a command in several ranks to its end; return exit code, output and errors."""
    job = start_ranks(*command, ranks=ranks, environment=environment)
    try:
        out, err = job.communicate(timeout=timeout)
    finally:
        end(job)
    return job.returncode, out, err


def end(job: subprocess.Popen[str]) -> None:
    """Kill whatever a job has left."""
    if job.poll() is None:
        for process in [*psutil.Process(job.pid).children(recursive=True), psutil.Process(job.pid)]:
            with suppress(psutil.NoSuchProcess):
                process.kill()
    for stream in (job.stdout, job.stderr):
        if stream is not None:
            stream.close()
    job.wait()


def ranks_of(job: subprocess.Popen[str]) -> dict[int, psutil.Process]:
    """Return the processes of a job's ranks by their numbers."""
    ranks = {}
    for process in psutil.Process(job.pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            environment, command = process.environ(), process.cmdline()
            number = environment.get("OMPI_COMM_WORLD_RANK") or environment.get("PMI_RANK")
            if number and "gakeras.workers.child" not in command and "python" in command[0]:
                ranks[int(number)] = process
    return ranks
