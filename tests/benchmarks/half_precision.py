"""Half precision in the loop (Shafiee, Li and Wong 2017), beside the same family without it.

    python tests/benchmarks/half_precision.py --data PATH/mnist.npz --runs runs/half --json half.json

One ancestor, 13 generations, every offspring rounded to float16 after its training and the next
generation drawn from the rounded weights; then the same with float32. For each generation: test
accuracy, macro precision and recall, synapses, bytes, and the images a second of its compacted LiteRT file
with float16 weights, batch 1, one thread, all generations taking turns.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from gakeras.workers.supervisor import keras_environment

os.environ |= keras_environment("tensorflow", threads=1)

from gakeras.data import load_source  # noqa: E402
from gakeras.lineage import Lineage, open_synthesis  # noqa: E402
from gakeras.lineage.settings import synthesis_settings  # noqa: E402
from gakeras.lineage.starting import run_synthesis  # noqa: E402

TRAINING = {"batch_size": 128, "learning_rate": 0.001, "schedule": "cosine"}


def family(precision: str, options: argparse.Namespace) -> Lineage:
    root: Path = options.runs / precision
    if (root / "journal.jsonl").exists():
        return Lineage(open_synthesis(root))
    values: dict[str, Any] = {
        "name": precision,
        "seed": options.seed,
        "generations": options.generations,
        "keep": 0.67,
        "precision": precision,
        "drawing": {"budget_counts": "living"},
        "training": TRAINING | {"epochs": options.epochs},
        "workers": {"executor": "serial"},
    }
    ancestor: Path | None = options.ancestor
    if ancestor is None and precision != "float16":
        ancestor = options.runs / "float16" / "ancestor.keras"
    if ancestor is None:
        values["ancestor"] = {"build": "lenet5", "training": TRAINING | {"epochs": options.ancestor_epochs}}
    arrays = load_source(options.data)
    return run_synthesis(synthesis_settings(values), arrays, ancestor, run_dir=root, progress=False)


def rates(lineage: Lineage, data: str) -> dict[int, dict[str, float]]:
    """Return bytes and images a second of every generation's LiteRT file with float16 weights."""
    from gakeras.exporting import compare_models

    x = load_source(data, limit=256).x.reshape(256, 28, 28, 1)
    models = {str(n.generation): lineage.compact(n.number) for n in lineage.history}
    compared = compare_models(models, x, formats=("litert_float16",), batch_sizes=(), rounds=15)
    return {
        int(row.name): {
            "litert_float16_bytes": row.size_bytes["litert_float16"],
            "images_per_second": 1 / row.seconds["litert_float16, batch 1"].median,
        }
        for row in compared.models
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--ancestor", type=Path, help="a trained LeNet-5; without one it is trained first")
    parser.add_argument("--ancestor-epochs", type=int, default=10)
    parser.add_argument("--generations", type=int, default=13)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows: dict[str, list[dict[str, Any]]] = {}
    for precision in ("float16", "float32"):
        lineage = family(precision, options)
        speeds = rates(lineage, options.data)
        rows[precision] = [
            {
                "generation": n.generation,
                "synapses": n.synapses,
                "efficiency": n.efficiency,
                **{f"test_{key}": value for key, value in n.test.items()},
                "sparse_bytes": n.sparse_bytes,
                "multiply_accumulates": n.multiply_accumulates,
                **speeds[n.generation],
            }
            for n in lineage.history
        ]
        if options.json:
            text = {"options": {k: str(v) for k, v in vars(options).items()}, "families": rows}
            options.json.write_text(json.dumps(text, indent=1) + "\n")
    for precision, family_rows in rows.items():
        print(f"\n{precision}\n")
        print("| gen. | synapses | accuracy | precision | recall | sparse bytes | LiteRT bytes | images/s |")
        print("|---|---|---|---|---|---|---|---|")
        for row in family_rows:
            scores = " | ".join(f"{100 * row[f'test_{k}']:.2f}" for k in ("accuracy", "precision", "recall"))
            print(
                f"| {row['generation']} | {row['synapses']:,} | {scores} | {row['sparse_bytes']:,} "
                f"| {row['litert_float16_bytes']:,} | {row['images_per_second']:,.0f} |"
            )


if __name__ == "__main__":
    main()
