"""Whether MPI works here, by trying it: two ranks that add 1 and 1."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PROGRAM = (
    "from mpi4py import MPI; "
    "print(MPI.COMM_WORLD.allreduce(1), 'ranks,', MPI.Get_library_version().split(',')[0].splitlines()[0])"
)
_TIMEOUT_SECONDS = 60.0
_CURES = {
    "run-as-root|run as root": "As root, set OMPI_ALLOW_RUN_AS_ROOT=1 and OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1.",
    "not enough slots": "For more ranks than cores, set PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe "
    "(Open MPI 5), or pass --oversubscribe.",
    "No module named 'mpi4py'": "Install mpi4py into this Python: pip install mpi4py.",
    "libmpi|cannot load MPI": 'mpi4py finds no MPI library: pip install "gakeras[mpi]", or load your '
    "cluster's MPI module.",
}


@dataclass(frozen=True)
class MpiTrial:
    """What came of it: whether two ranks found each other, what they or the launcher said, what to do."""

    is_fine: bool
    said: str
    advice: str = ""


def try_mpi(environ: Mapping[str, str] = os.environ) -> MpiTrial:
    """Start two ranks with the `mpiexec` beside this Python, or that of the path, and read what they say."""
    beside = Path(sys.executable).with_name("mpiexec")
    mpiexec = str(beside) if beside.exists() else shutil.which("mpiexec", path=environ.get("PATH"))
    if mpiexec is None:
        advice = 'For several machines: pip install "gakeras[mpi]", or load your cluster\'s MPI module.'
        return MpiTrial(False, "no mpiexec", advice)
    command = [mpiexec, "-n", "2", sys.executable, "-c", _PROGRAM]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, env=dict(environ), timeout=_TIMEOUT_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return MpiTrial(
            False,
            f"{mpiexec}: two ranks did not end within {_TIMEOUT_SECONDS:.0f} s",
            "On a login node MPI is often switched off: try it within a job.",
        )
    except OSError as error:
        return MpiTrial(False, f"{mpiexec}: {error.strerror}", "")
    return read_trial(mpiexec, done.returncode, done.stdout, done.stderr)


def read_trial(mpiexec: str, returncode: int, output: str, errors: str) -> MpiTrial:
    """Return what two ranks that have ended say of MPI.

    >>> read_trial("mpiexec", 0, "1 ranks, MPICH\\n1 ranks, MPICH\\n", "").is_fine
    False
    """
    lines = output.split("\n")
    if returncode == 0 and sum(line.startswith("2 ranks") for line in lines) == 2:
        return MpiTrial(True, f"{mpiexec}: {lines[0]}")
    if returncode == 0:
        return MpiTrial(
            False,
            f"{mpiexec}: the ranks do not see each other ({lines[0]})",
            "mpi4py uses another MPI library than this mpiexec: use the mpiexec of that library, or build "
            "mpi4py for this one (pip install --no-binary=mpi4py mpi4py).",
        )
    cures = [cure for pattern, cure in _CURES.items() if re.search(pattern, errors + output)]
    if _CURES["run-as-root|run as root"] in cures:
        return MpiTrial(False, f"{mpiexec}: Open MPI does not run as root", " ".join(cures))
    last = next((line for line in reversed(errors.strip().splitlines()) if line.strip(" -")), "no message")
    return MpiTrial(False, f"{mpiexec}: exit code {returncode}: {last.strip()}", " ".join(cures))
