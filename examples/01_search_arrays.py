"""Search for a network for arrays of your own, and take it home as a plain Keras file.

python examples/01_search_arrays.py --evaluations 40
"""

import argparse
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import gakeras

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=Path("runs/example"))
    arguments = parser.parse_args()

    x, y = load_digits(return_X_y=True)
    x, x_test, y, y_test = train_test_split(x.reshape(-1, 8, 8), y, stratify=y, random_state=0)

    result = gakeras.search(
        x,
        y,
        x_test=x_test,
        y_test=y_test,
        num_folds=3,
        batch_size=64,
        max_evaluations=arguments.evaluations,
        run_dir=arguments.folder,
    )
    print(result)
    print(result.train_best(epochs=arguments.epochs, optimizer="adam"))
    print("wrote", result.save(arguments.folder / "digits.keras"))
