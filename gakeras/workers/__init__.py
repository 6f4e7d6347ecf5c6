"""Where jobs are done: one supervised child process for each slot, that alone imports Keras.

`supervisor` is the parent's side, in a thread, an MPI rank or a Dask worker; `child` is
the process at the other end of the pipes.
"""

from gakeras.workers.supervisor import ChildOptions, run_job, stop_children

__all__ = ["ChildOptions", "run_job", "stop_children"]
