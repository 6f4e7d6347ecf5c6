"""Search with the workers of a Dask cluster, here one on this machine.

pip install "gakeras[dask]" && python examples/02_search_on_dask.py --workers 2

For another cluster, replace `LocalCluster` by its own class or pass its scheduler's address to
`Client`. Its workers need gakeras installed and must see the run's folder by the same path.
"""

import argparse
from pathlib import Path

from distributed import Client, LocalCluster
from sklearn.datasets import load_wine

import gakeras

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path, default=Path("runs/dask"))
    arguments = parser.parse_args()

    x, y = load_wine(return_X_y=True)
    cluster = LocalCluster(n_workers=arguments.workers, threads_per_worker=1, dashboard_address=None)
    with cluster, Client(cluster) as client:
        result = gakeras.search(
            x,
            y,
            epochs=5,
            max_evaluations=arguments.evaluations,
            executor=client.get_executor(pure=False),
            workers=arguments.workers,
            run_dir=arguments.folder,
        )
        print(result)
        print("wrote", result.save(arguments.folder / "wine.keras"))
