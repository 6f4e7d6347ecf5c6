"""Search with an executor of your own: any `concurrent.futures.Executor` does.

python examples/05_own_executor.py --evaluations 10

An executor is transport. It runs a function of gakeras somewhere, which does the job in a child process of
that machine; so a network that crashes or hangs is a result, and never the executor's concern. This one
runs jobs in threads and counts them; one for a queueing system would hand them over to it.
"""

import argparse
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path

from sklearn.datasets import load_wine

import gakeras


class CountingExecutor(Executor):
    """Runs jobs in threads, and counts them."""

    def __init__(self, workers: int) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self.num_submitted = 0

    def submit(self, function, /, *args, **kwargs) -> Future:
        self.num_submitted += 1
        return self._threads.submit(function, *args, **kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        self._threads.shutdown(wait, cancel_futures=cancel_futures)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/own_executor"))
    arguments = parser.parse_args()

    x, y = load_wine(return_X_y=True)
    with CountingExecutor(arguments.workers) as executor:
        result = gakeras.search(
            x,
            y,
            epochs=5,
            max_evaluations=arguments.evaluations,
            executor=executor,
            workers=arguments.workers,  # how many jobs at a time: this executor does not tell
            run_dir=arguments.folder,
        )
        print(result)
        print("jobs sent:", executor.num_submitted)
