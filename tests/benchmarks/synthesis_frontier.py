"""Accuracy against architectural efficiency: synthesis and its baselines, one ancestor, one budget, one run.

    python tests/benchmarks/synthesis_frontier.py --data PATH/mnist.npz --runs runs/mnist --json mnist.json

For every seed one ancestor is trained; each method then goes down the same schedule of generations,
with the same epochs for each, and the networks that first reach each of `--efficiencies` are
trained further, for the same epochs again. A family ends where validation falls three points below
the ancestor, as in the paper, so a method without a network at an efficiency fell before. A method
differs from `papers` in the settings of `METHODS` alone; `summit` is not at equal budget, its last
trainings are longer. Accuracies are of the test set, which
decides nothing. A run that was stopped goes on where it was, and what the JSON file has is not run
again, so a copy of it is enough to go on elsewhere.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gakeras
from gakeras.data import Arrays, load_source
from gakeras.lineage import Lineage, SynthesisSettings
from gakeras.lineage.results import Descendant
from gakeras.lineage.settings import synthesis_settings
from gakeras.lineage.starting import run_synthesis

KEEP = [0.5, 0.5, 0.5, 0.5, 0.625, 0.625, 0.667, 0.75, 0.667, 0.75, 0.667]
EFFICIENCIES = (25.0, 60.0, 125.0, 250.0)
METHODS: dict[str, dict[str, Any]] = {
    "papers": {},
    "lamp": {"drawing": {"method": "lamp"}},
    "magnitude": {"drawing": {"method": "magnitude"}},
    "random": {"drawing": {"method": "random"}},
    "deterministic": {"drawing": {"method": "deterministic"}},
    "kernels": {"drawing": {"cluster": "kernel"}},
    "narrow": {"split": 0.85},
    "clusters alone": {"split": 1.0},
    "distilled": {"distillation": {"share": 0.7, "temperature": 2.0}},
    "gradients": {"drawing": {"strength": "gradient"}},
    "lamp scores": {"drawing": {"synapse_score": "lamp", "sharpness": 2.0}},
    "by layer": {"drawing": {"budget_per": "layer"}},
    "varied": {"training": {"shift": 0.08}, "last": {"shift": 0.08}},
    "best": {
        "distillation": {"share": 0.7, "temperature": 2.0},
        "training": {"shift": 0.08},
        "last": {"shift": 0.08},
    },
    "best, fine": {
        "split": 0.2,
        "distillation": {"share": 0.7, "temperature": 2.0},
        "training": {"shift": 0.08},
        "last": {"shift": 0.08},
    },
    "best, ends shielded": {
        "drawing": {"budget_per": "layer", "exponents": {"conv_1": 0.3, "output": 0.3}},
        "distillation": {"share": 0.7, "temperature": 2.0},
        "training": {"shift": 0.08},
        "last": {"shift": 0.08},
    },
    "distilled, ends shielded": {
        "drawing": {"budget_per": "layer", "exponents": {"conv_1": 0.3, "output": 0.3}},
        "distillation": {"share": 0.7, "temperature": 2.0},
    },
    "summit": {
        "drawing": {"budget_per": "layer", "exponents": {"conv_1": 0.3, "output": 0.3}},
        "distillation": {"share": 0.7, "temperature": 2.0},
        "training": {"shift": 0.08},
        "last": {"shift": 0.08, "epochs": 20},
        "last_efficiencies": (100.0, 125.0, 160.0),
    },
    "varied lamp": {"drawing": {"method": "lamp"}, "training": {"shift": 0.08}, "last": {"shift": 0.08}},
}


def settings_of(method: str, seed: int, options: argparse.Namespace) -> SynthesisSettings:
    """Return the settings of a method: those of all, and on top of them its own."""
    training = {"epochs": options.epochs, "batch_size": 128, "learning_rate": 0.001, "schedule": "cosine"}
    values: dict[str, Any] = {
        "name": method,
        "seed": seed,
        "generations": len(KEEP),
        "keep": KEEP,
        "max_drop": 0.03,
        "drawing": {"budget_counts": "living"},
        "training": training,
        "last": training | {"epochs": options.last_epochs},
        "last_efficiencies": tuple(options.efficiencies),
        "workers": {"executor": options.executor},
    }
    for name, change in METHODS[method].items():
        values[name] = values[name] | change if isinstance(values.get(name), dict) else change
    return synthesis_settings(values)


def ancestor_of(seed: int, options: argparse.Namespace, arrays: Arrays) -> Path:
    """Return the path of a seed's trained ancestor, on the part that its families train on too."""
    root: Path = options.runs / f"ancestor-{seed}"
    if not (root / "ancestor.keras").exists():
        training = {
            "epochs": options.ancestor_epochs,
            "batch_size": 128,
            "learning_rate": 0.001,
            "schedule": "cosine",
            "shift": options.ancestor_shift,
        }
        values = {
            "name": "ancestor",
            "seed": seed,
            "generations": 1,
            "max_drop": None,
            "training": {"epochs": 1},
            "ancestor": {"build": options.ancestor, "training": training},
            "workers": {"executor": options.executor},
        }
        run_synthesis(synthesis_settings(values), arrays, None, run_dir=root, progress=False)
    return root / "ancestor.keras"


def lineage_of(method: str, seed: int, options: argparse.Namespace, arrays: Arrays) -> Lineage:
    """Return a finished lineage, gone on with or begun where it has to be."""
    root = options.runs / f"{method.replace(', ', '_').replace(' ', '_')}-{seed}"
    if (root / "journal.jsonl").exists():
        result = gakeras.resume(root, executor=options.executor, progress=False)
        assert isinstance(result, Lineage), "the folder holds a synthesis"
        return result
    ancestor = ancestor_of(seed, options, arrays)
    return run_synthesis(settings_of(method, seed, options), arrays, ancestor, run_dir=root, progress=False)


def row_of(network: Descendant) -> dict[str, Any]:
    return {
        "generation": network.generation,
        "role": network.role,
        "efficiency": network.efficiency,
        "test_accuracy": network.test["accuracy"],
        "val_accuracy": network.accuracy,
        "clusters": dict(network.clusters),
        "parameters": network.parameters,
        "multiply_accumulates": network.multiply_accumulates,
        "cpu_seconds": network.cpu_seconds,
    }


def print_table(runs: dict[str, dict[str, list[dict[str, Any]]]], efficiencies: Sequence[float]) -> None:
    """Print for every method its accuracy, mean and spread over seeds, near each efficiency."""
    print("| method | seeds | " + " | ".join(f"{e:g}x" for e in efficiencies) + " | CPU-s a seed |")
    print("|---|---|" + "---|" * (len(efficiencies) + 1))
    for method, seeds in runs.items():
        cells = []
        for efficiency in efficiencies:
            rows = [_first_reaching(history, efficiency) for history in seeds.values()]
            found = [row for row in rows if row is not None]
            if not found:
                cells.append("-")
                continue
            accuracies = [100 * row["test_accuracy"] for row in found]
            spread = f" +- {statistics.stdev(accuracies):.2f}" if len(found) > 1 else ""
            size = statistics.mean(row["efficiency"] for row in found)
            macs = statistics.mean(row["multiply_accumulates"] for row in found)
            cells.append(f"{statistics.mean(accuracies):.2f}{spread} ({size:.0f}x, {macs / 1e3:.0f}k)")
        seconds = statistics.mean(sum(row["cpu_seconds"] for row in history) for history in seeds.values())
        print(f"| {method} | {len(seeds)} | " + " | ".join(cells) + f" | {seconds:.0f} |")
    print("\nTest accuracy in % (architectural efficiency, multiply-accumulates after compaction).")
    print("\nThe highest efficiency with a test accuracy of 99.0 % or more, seed by seed:")
    for method, seeds in runs.items():
        reached = [
            max((row["efficiency"] for row in history if row["test_accuracy"] >= 0.99), default=0.0)
            for history in seeds.values()
        ]
        print(f"- {method}: " + ", ".join(f"{efficiency:.0f}x" for efficiency in reached))


def _first_reaching(history: list[dict[str, Any]], efficiency: float) -> dict[str, Any] | None:
    able = [row for row in history if row["efficiency"] >= efficiency]
    return min(able, key=lambda row: (row["efficiency"], row["role"] != "last"), default=None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", default="digits", help="a named set or an .npz")
    parser.add_argument("--ancestor", default="lenet5", help="what is built: a name or a genome as text")
    parser.add_argument("--ancestor-epochs", type=int, default=12)
    parser.add_argument("--ancestor-shift", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=3, help="of every generation")
    parser.add_argument("--last-epochs", type=int, default=12)
    parser.add_argument("--efficiencies", type=float, nargs="+", default=EFFICIENCIES)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--methods", nargs="+", default=["papers", "lamp"], choices=list(METHODS))
    parser.add_argument("--executor", default="serial")
    parser.add_argument("--runs", type=Path, required=True, help="folder of the run directories")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    arrays = load_source(options.data)
    runs: dict[str, dict[str, list[dict[str, Any]]]] = {}
    if options.json and options.json.exists():
        runs = json.loads(options.json.read_text())["runs"]
    for seed in options.seeds:
        for method in options.methods:
            if str(seed) in runs.get(method, {}):
                continue
            lineage = lineage_of(method, seed, options, arrays)
            runs.setdefault(method, {})[str(seed)] = [row_of(network) for network in lineage.history]
            if options.json:
                text = {"options": {k: str(v) for k, v in vars(options).items()}, "runs": runs}
                options.json.write_text(json.dumps(text, indent=1) + "\n")
    print_table(runs, options.efficiencies)


if __name__ == "__main__":
    main()
