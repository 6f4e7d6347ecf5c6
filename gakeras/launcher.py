"""What a launcher (mpirun, mpiexec, srun) says of the job it has started, without asking MPI."""

from __future__ import annotations

import os
from collections.abc import Mapping

_SIZE_VARIABLES = ("OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "MV2_COMM_WORLD_SIZE", "SLURM_STEP_NUM_TASKS")


def num_launched(environ: Mapping[str, str] = os.environ) -> int:
    """Return how many ranks a launcher has started; 1 without one.

    >>> num_launched({"OMPI_COMM_WORLD_SIZE": "17"})
    17
    """
    sizes = [environ[name] for name in _SIZE_VARIABLES if environ.get(name, "").isdigit()]
    return max(map(int, sizes), default=1)
