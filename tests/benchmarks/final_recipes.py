"""Which final training suits a few thousand images: hand-made networks under recipes, on the first fold.

    python tests/benchmarks/final_recipes.py --data PATH/fashion_mnist.npz --out RESULTS

The first 6,000 training images, of which 4,000 train and 2,000 validate; the test set is not touched. One
training each, one thread. What is done has a file in RESULTS and is not done again; a table is printed and
`final_recipes.json` written. By this the recipes of peer_recipes.toml were chosen, and what the default space
draws more often.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gakeras.workers.supervisor import keras_environment

os.environ |= keras_environment("tensorflow", threads=1)

from gakeras.beginning import create_run  # noqa: E402
from gakeras.config import load_config, settings_from, shipped_configs, shipped_networks  # noqa: E402
from gakeras.data import load_source  # noqa: E402
from gakeras.encoding import Genome, genome_cost  # noqa: E402
from gakeras.fitness.evaluation import evaluate  # noqa: E402
from gakeras.fitness.options import TrainingOptions  # noqa: E402
from gakeras.journal import has_begun  # noqa: E402
from gakeras.run import RunDirectory, open_run  # noqa: E402


def three_layers(
    filters: tuple[int, int, int],
    units: int,
    *,
    normalise: bool,
    dropout: tuple[float, float, float] = (0.0, 0.0, 0.0),
    dense_dropout: float = 0.4,
    activation: str = "leaky_relu",
) -> str:
    """Return three convolutions of 3 x 3, a pool behind each, and a dense layer."""
    flag = " normalise" if normalise else ""
    lines = []
    for number, rate in zip(filters, dropout, strict=True):
        lines.append(f"conv #{number} kernelsize=3 activation={activation}{flag}")
        lines.append(f"pool poolsize=2 padding=same dropout={rate}")
    return "\n".join([*lines, f"dense #{units} dropout={dense_dropout} activation={activation}"])


NETWORKS = {
    "hand-made": shipped_networks()["fashion_baseline_dropout"],
    "hand-made, no dropout behind pools": three_layers((32, 64, 128), 128, normalise=False),
    "hand-made, normalised instead": three_layers((32, 64, 128), 128, normalise=True),
    "middle, normalised": three_layers((24, 48, 96), 128, normalise=True),
    "small, normalised": three_layers((16, 32, 64), 96, normalise=True, dense_dropout=0.3),
    "small": three_layers((16, 32, 64), 96, normalise=False, dropout=(0.1, 0.1, 0.1), dense_dropout=0.3),
    "normalised and dropout": three_layers(
        (24, 48, 64), 128, normalise=True, dropout=(0.1, 0.2, 0.3), activation="relu"
    ),
}
ADAM: dict[str, Any] = {
    "epochs": 40,
    "batch_size": 64,
    "optimizer": "adam",
    "learning_rate": 0.002,
    "schedule": "cosine",
}
VARIED = ADAM | {"shift": 0.08, "flip": True}
RECIPES: dict[str, dict[str, Any]] = {
    "RMSprop, 20 epochs": {"epochs": 20, "batch_size": 128, "optimizer": "rmsprop", "schedule": "cosine"},
    "Adam, 8 epochs": ADAM | {"epochs": 8},
    "Adam, 20 epochs": ADAM | {"epochs": 20},
    "Adam, 40 epochs": ADAM,
    "8 epochs, flip, shift 0.08": VARIED | {"epochs": 8},
    "20 epochs, flip": ADAM | {"epochs": 20, "flip": True},
    "20 epochs, flip, shift 0.08": VARIED | {"epochs": 20},
    "40 epochs, flip": ADAM | {"flip": True},
    "40 epochs, flip, shift 0.04": VARIED | {"shift": 0.04},
    "40 epochs, flip, shift 0.04, crop 0.1": VARIED | {"shift": 0.04, "crop": 0.1},
    "40 epochs, flip, shift 0.08": VARIED,
    "80 epochs, flip, shift 0.08": VARIED | {"epochs": 80},
}
PAIRS: dict[str, tuple[str, ...]] = {
    "RMSprop, 20 epochs": ("hand-made", "normalised and dropout"),
    "Adam, 8 epochs": (
        "hand-made",
        "hand-made, no dropout behind pools",
        "small, normalised",
        "small",
        "normalised and dropout",
    ),
    "Adam, 20 epochs": ("normalised and dropout",),
    "Adam, 40 epochs": ("hand-made",),
    "8 epochs, flip, shift 0.08": (
        "hand-made",
        "hand-made, no dropout behind pools",
        "small, normalised",
        "small",
        "normalised and dropout",
    ),
    "20 epochs, flip": ("normalised and dropout",),
    "20 epochs, flip, shift 0.08": ("hand-made",),
    "40 epochs, flip": ("hand-made", "small, normalised"),
    "40 epochs, flip, shift 0.04": ("small, normalised",),
    "40 epochs, flip, shift 0.04, crop 0.1": ("small, normalised",),
    "40 epochs, flip, shift 0.08": tuple(NETWORKS),
    "80 epochs, flip, shift 0.08": ("small, normalised",),
}
"""Which networks were trained by which recipe."""


def main() -> None:
    """Do what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="an .npz of Fashion-MNIST")
    parser.add_argument("--limit", type=int, default=6000, help="so many training images")
    parser.add_argument("--out", type=Path, required=True, help="a directory for results")
    options = parser.parse_args()
    run = data_of(options.out, options.data, options.limit)
    rows = [
        row_of(run, options.out / "answers", name, Genome.parse(NETWORKS[name]), recipe, RECIPES[recipe])
        for recipe, names in PAIRS.items()
        for name in names
    ]
    (options.out / "final_recipes.json").write_text(json.dumps(rows), encoding="utf-8")
    print("| recipe | network | parameters | MFLOPs | CPU s | validation loss | accuracy |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        print(
            f"| {row['recipe']} | {row['network']} | {row['parameters']:,} | {row['flops'] / 1e6:.1f} "
            f"| {row['cpu_seconds']:.0f} | {row['val_loss']:.3f} | {row['val_metric']:.4f} |"
        )


def data_of(out: Path, source: str, limit: int, seed: int = 0) -> RunDirectory:
    """Return a run directory with the data and the folds that peers.py has with a seed."""
    if has_begun(out / "data" / "journal.jsonl"):
        return open_run(out / "data")
    values = load_config(shipped_configs()["peers_images"]).to_json()
    settings = settings_from(values | {"seed": seed, "data": {"source": source, "limit": limit}})
    return create_run(out / "data", settings, load_source(source, limit=limit))


def row_of(
    run: RunDirectory, answers: Path, network: str, genome: Genome, recipe: str, how: dict[str, Any]
) -> dict[str, Any]:
    """Return what a network comes to by a recipe on a run's first fold; what has a file is read."""
    path = answers / f"{network}, {recipe}.json".replace(" ", "_")
    if path.exists():
        return dict(json.loads(path.read_text(encoding="utf-8")))
    training = TrainingOptions(**how)
    payload = {
        "genome": genome.to_json(),
        "run_seed": run.settings.seed,
        "repeat": 0,
        "folds": [0],
        "from_epoch": 0,
        "to_epoch": training.epochs,
        "training": asdict(training),
        "data_dir": str(run.data),
        "folds_file": str(run.folds),
    }
    start = time.process_time()
    (fold,) = evaluate(payload)["measures"]["folds"]
    cost = genome_cost(genome, run.info.input_shape, run.info.task.outputs)
    row = {
        "recipe": recipe,
        "network": network,
        "parameters": cost.parameters,
        "flops": cost.flops,
        "cpu_seconds": time.process_time() - start,
        "val_loss": fold["epochs"][-1]["val_loss"],
        "val_metric": fold["epochs"][-1]["val_metric"],
        "curve": [epoch["val_loss"] for epoch in fold["epochs"]],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(row), encoding="utf-8")
    return row


if __name__ == "__main__":
    main()
