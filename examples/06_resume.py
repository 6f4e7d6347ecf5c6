"""Interrupt a search and go on with it, from its directory alone.

python examples/06_resume.py --evaluations 10

Here a time limit ends the first part, as the end of a batch job would. Ctrl-C, a kill or a power cut does it
as well; what had finished is on disk.
"""

import argparse
from pathlib import Path

from sklearn.datasets import load_wine

import gakeras

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--seconds", type=float, default=20, help="until the first part has to end")
    parser.add_argument("--folder", type=Path, default=Path("runs/resumed"))
    arguments = parser.parse_args()

    x, y = load_wine(return_X_y=True)
    result = gakeras.search(
        x,
        y,
        epochs=5,
        max_evaluations=arguments.evaluations,
        time_limit=arguments.seconds,
        run_dir=arguments.folder,
    )
    print("first part:", result)

    result = gakeras.resume(arguments.folder)  # no data, no settings: the directory has them
    print("in all:", result)
    print("wrote", result.save(arguments.folder / "wine.keras"))
