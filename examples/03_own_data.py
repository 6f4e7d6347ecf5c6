"""Search on a CSV file of your own: numbers, with the name of the class in the last column.

python examples/03_own_data.py flowers.csv

Without a file it writes scikit-learn's iris as one, to have something to show.
"""

import argparse
import csv
from pathlib import Path

import numpy as np
from sklearn.datasets import load_iris
from sklearn.model_selection import train_test_split

import gakeras


def write_flowers(path: Path) -> Path:
    """Write the iris flowers as a table with a header, and return its path."""
    iris = load_iris()
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*iris.feature_names, "flower"])
        writer.writerows(
            [*row, iris.target_names[kind]] for row, kind in zip(iris.data, iris.target, strict=True)
        )
    return path


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", type=Path, nargs="?")
    parser.add_argument("--evaluations", type=int, default=40)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--folder", type=Path, default=Path("runs/own_data"))
    arguments = parser.parse_args()

    path = arguments.table or write_flowers(arguments.folder.with_name("flowers.csv"))
    table = np.genfromtxt(path, delimiter=",", skip_header=1, dtype=str)
    x = table[:, :-1].astype(float)
    names, y = np.unique(table[:, -1], return_inverse=True)  # classes are numbers from 0 on
    x, x_test, y, y_test = train_test_split(x, y, stratify=y, random_state=0)

    result = gakeras.search(
        x,
        y,
        x_test=x_test,
        y_test=y_test,
        epochs=arguments.epochs,
        batch_size=16,
        max_evaluations=arguments.evaluations,
        run_dir=arguments.folder,
    )
    print(result)
    print("wrote", result.save(arguments.folder / "table.keras"))

    import keras

    model = keras.saving.load_model(arguments.folder / "table.keras")
    found = names[model.predict(x_test[:5], verbose=0).argmax(axis=1)]
    print("the first five of the test part:", ", ".join(found))
