"""What an evaluation costs beyond its training: CPU-seconds against bare Keras, in one process.

    python tests/benchmarks/evaluation_overhead.py --data PATH/mnist.npz --json overhead.json

The MNIST baseline of the paper on 5,000 images, 5 folds, 3 epochs, one thread. Bare Keras is
five `model.fit` calls of 3 epochs on one model that is traced already, each followed by
`model.evaluate` on the fold left out: once as often as the evaluation validates (the same
steps), once only after the last epoch. The evaluation builds and traces its own model.
Without --data, random images of the same shape serve: the cost is the same.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from gakeras.workers.supervisor import keras_environment

os.environ |= keras_environment(os.environ.get("KERAS_BACKEND", "tensorflow"), threads=1)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from gakeras.config import shipped_networks  # noqa: E402
from gakeras.data import Arrays, assign_folds, check_arrays, fold_indices, load_source, store_arrays  # noqa: E402
from gakeras.encoding import Genome  # noqa: E402
from gakeras.fitness.evaluation import evaluate  # noqa: E402
from gakeras.fitness.network import compiled_model  # noqa: E402
from gakeras.fitness.options import TrainingOptions  # noqa: E402

NUM_IMAGES, NUM_FOLDS = 5000, 5
OPTIONS = TrainingOptions(epochs=3, batch_size=128, optimizer="rmsprop")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="an .npz with x_train and y_train")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    arrays = load_source(arguments.data, limit=NUM_IMAGES) if arguments.data else random_images()
    genome = Genome.parse(shipped_networks()["mnist_baseline"])
    with tempfile.TemporaryDirectory() as directory:
        ours, bare = prepare(genome, Arrays(arrays.x, arrays.y), Path(directory))
        bare(1, OPTIONS.epochs)  # traces the bare model
        rounds = []
        for _ in range(arguments.repeats):
            rounds.append(
                {
                    "evaluation": cpu_seconds(ours),
                    "bare, a validation every epoch": cpu_seconds(lambda: bare(NUM_FOLDS, 1)),
                    "bare, one validation a fold": cpu_seconds(lambda: bare(NUM_FOLDS, OPTIONS.epochs)),
                }
            )
            print({name: round(seconds, 2) for name, seconds in rounds[-1].items()}, flush=True)
    summary = summarise(rounds)
    for name, ratio in summary["ratios"].items():
        print(f"evaluation / {name}: median {ratio:.3f}")
    if arguments.json:
        arguments.json.write_text(json.dumps(summary, indent=2) + "\n")


def prepare(
    genome: Genome, arrays: Arrays, directory: Path
) -> tuple[Callable[[], object], Callable[[int, int], None]]:
    task = check_arrays(arrays, num_folds=NUM_FOLDS)
    info = store_arrays(arrays, task, directory)
    folds = assign_folds(arrays.y, task, NUM_FOLDS, seed=1)
    np.save(directory / "folds.npy", folds)
    payload = {
        "genome": genome.to_json(),
        "run_seed": 1,
        "repeat": 0,
        "folds": list(range(NUM_FOLDS)),
        "from_epoch": 0,
        "to_epoch": OPTIONS.epochs,
        "training": asdict(OPTIONS),
        "data_dir": str(directory),
        "folds_file": str(directory / "folds.npy"),
    }
    model = compiled_model(genome, info, OPTIONS)

    def bare(num_folds: int, epochs_between_validations: int) -> None:
        for fold in range(num_folds):
            train, validation = fold_indices(folds, fold)
            x, y, x_val, y_val = (
                arrays.x[train],
                arrays.y[train],
                arrays.x[validation],
                arrays.y[validation],
            )
            for _ in range(OPTIONS.epochs // epochs_between_validations):
                model.fit(x, y, batch_size=OPTIONS.batch_size, epochs=epochs_between_validations, verbose=0)
                model.evaluate(x_val, y_val, batch_size=OPTIONS.batch_size, verbose=0)

    return (lambda: evaluate(payload)), bare


def summarise(rounds: list[dict[str, float]]) -> dict[str, dict[str, float] | list[dict[str, float]] | str]:
    names = [name for name in rounds[0] if name != "evaluation"]
    ratios = {name: statistics.median(r["evaluation"] / r[name] for r in rounds) for name in names}
    return {
        "backend": keras.backend.backend(),
        "keras": keras.__version__,
        "cpu_seconds": rounds,
        "ratios": ratios,
    }


def random_images() -> Arrays:
    rng = np.random.default_rng(0)
    labels = np.arange(NUM_IMAGES) % 10
    return Arrays(rng.integers(0, 256, (NUM_IMAGES, 28, 28), dtype=np.uint8), labels)


def cpu_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
