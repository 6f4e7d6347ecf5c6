"""Chung, Fieguth and Wong (2018): five parents with and without gene tags, for every environmental factor.

    python tests/benchmarks/gene_tagging.py --data PATH/mnist.npz --runs runs/tags --json tags.json --plots .

On the first tenth of MNIST, m = 5 and chi = 60 %: R = R_c = R_s from 50 to 95 % in steps of 5, and further
seeds for some of them. A line ends with 2 % of the ancestor's synapses, after 40 generations, or where
its networks guess. Lines that were stopped go on where they were; `--time-limit` says when to stop
(seconds), and what there is by then is printed and written. Finished lines in the JSON file are not
run again, so a copy of it is enough to go on elsewhere.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gakeras
from gakeras.data import Arrays, load_source
from gakeras.lineage import Lineage
from gakeras.lineage.settings import synthesis_settings
from gakeras.lineage.starting import run_synthesis
from gakeras.session import Session
from gakeras.synthesis import load_masks, overlap

FACTORS = tuple(range(50, 100, 5))
REPEATED = (50, 80, 95)
TRAINING = {"batch_size": 128, "learning_rate": 0.001, "schedule": "cosine"}


def line_of(factor: int, is_tagged: bool, seed: int, options: argparse.Namespace, arrays: Arrays) -> Lineage:
    """Return one line as far as it gets in the time that is left."""
    root: Path = options.runs / f"{'tagged' if is_tagged else 'untagged'}-{factor}-{seed}"
    left = None if options.deadline is None else max(1.0, options.deadline - time.monotonic())
    if (root / "journal.jsonl").exists():
        result = gakeras.resume(root, executor=options.executor, time_limit=left, progress=False)
        assert isinstance(result, Lineage), "the folder holds a synthesis"
        return result
    ancestor = options.runs / f"ancestor-{seed}" / "ancestor.keras"
    share = factor / 100
    values: dict[str, Any] = {
        "name": "gene tags" if is_tagged else "positions",
        "seed": seed,
        "generations": options.generations,
        "keep": share * share,
        "parents": 5,
        "offspring": 5,
        "max_drop": 0.85,
        "target_efficiency": 50.0,
        "drawing": {"gene_tags": is_tagged, "chi": 0.6, "cap": None},
        "training": TRAINING | {"epochs": options.epochs},
        "workers": {"executor": options.executor},
    }
    path: Path | None = ancestor
    if not ancestor.exists():  # the first line of a seed trains it
        values["ancestor"] = {"build": "lenet5", "training": TRAINING | {"epochs": options.ancestor_epochs}}
        path = None
    session = Session(left, 30.0)
    lineage = run_synthesis(
        synthesis_settings(values), arrays, path, run_dir=root, session=session, progress=False
    )
    if path is None:
        ancestor.parent.mkdir(parents=True, exist_ok=True)
        ancestor.write_bytes((root / "ancestor.keras").read_bytes())
    return lineage


def generations_of(lineage: Lineage) -> Iterator[dict[str, Any]]:
    """Yield a row for each generation: means over its networks, and CPU-seconds from the start."""
    seconds = 0.0
    rows: dict[int, list[Any]] = {}
    for network in lineage.history:
        rows.setdefault(network.generation, []).append(network)
    for generation, networks in rows.items():
        seconds += sum(network.cpu_seconds for network in networks) if generation else 0.0
        masks = [load_masks(lineage.run.networks / f"{n.number:04d}" / "masks.npz") for n in networks]
        yield {
            "generation": generation,
            "cpu_seconds": seconds,
            "accuracy": statistics.mean(n.test["accuracy"] for n in networks),
            "best_accuracy": max(n.test["accuracy"] for n in networks),
            "efficiency": statistics.mean(n.efficiency for n in networks),
            "sparse_bytes": statistics.mean(n.sparse_bytes for n in networks),
            "overlap": overlap(masks) if len(masks) > 1 else 1.0,
        }


def print_table(lines: dict[str, dict[str, Any]]) -> None:
    print(
        "| line | generations | end | accuracy at 10x | at 25x | at the end | overlap of siblings | CPU-s |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, line in lines.items():
        rows = line["generations"]
        shares = [100 * row["overlap"] for row in rows[1:]]
        siblings = f"{shares[0]:.0f} to {shares[-1]:.0f} %" if shares else "-"
        cells = [_accuracy_at(rows, 10), _accuracy_at(rows, 25), f"{100 * rows[-1]['accuracy']:.2f}"]
        print(
            f"| {name} | {len(rows) - 1} | {rows[-1]['efficiency']:.1f}x | {' | '.join(cells)} | {siblings} "
            f"| {rows[-1]['cpu_seconds']:.0f} |"
        )
    print("\nTest accuracy in %, means over a generation's five networks, between generations interpolated.")


def _accuracy_at(rows: list[dict[str, Any]], efficiency: float) -> str:
    for before, after in zip(rows, rows[1:], strict=False):
        if before["efficiency"] <= efficiency <= after["efficiency"]:
            share = (efficiency - before["efficiency"]) / (after["efficiency"] - before["efficiency"])
            return f"{100 * (before['accuracy'] + share * (after['accuracy'] - before['accuracy'])):.2f}"
    return "-"


def draw(lines: dict[str, dict[str, Any]], folder: Path) -> None:
    """Draw the paper's figures: accuracy and storage against CPU-seconds, and one against the other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    colours = pyplot.get_cmap("viridis")
    firsts = {name: line for name, line in lines.items() if line["seed"] == 1}
    figure, axes = pyplot.subplots(2, 2, figsize=(11, 8), sharex=True, sharey="col", constrained_layout=True)
    together, plane = pyplot.subplots(figsize=(7, 5), constrained_layout=True)
    for line in firsts.values():
        rows, colour = line["generations"], colours((line["factor"] - 50) / 50)
        seconds = [row["cpu_seconds"] for row in rows]
        accuracy, size = [[row[key] for row in rows] for key in ("accuracy", "sparse_bytes")]
        top = axes[0 if line["is_tagged"] else 1]
        top[0].plot(seconds, accuracy, color=colour, label=f"{line['factor']} %")
        top[1].plot(seconds, [value / 1e6 for value in size], color=colour, label=f"{line['factor']} %")
        plane.plot(
            [value / 1e6 for value in size],
            accuracy,
            marker="D" if line["is_tagged"] else "o",
            linestyle="none",
            markersize=4,
            color=colour,
            alpha=0.7,
        )
    for row, title in zip(axes, ("gene tags", "positions"), strict=True):
        row[0].set(title=f"five parents, {title}", ylabel="test accuracy", xlabel="CPU-seconds")
        row[1].set(title=f"five parents, {title}", ylabel="storage, MB", xlabel="CPU-seconds", yscale="log")
        row[1].legend(fontsize=7, title="R")
    plane.set(
        xlabel="storage, MB", ylabel="test accuracy", xscale="log", title="diamonds: tags, circles: none"
    )
    figure.savefig(folder / "figure1.png", dpi=80)
    together.savefig(folder / "figure2.png", dpi=80)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", required=True)
    parser.add_argument("--limit", type=int, default=6000, help="training images, the first ones")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--ancestor-epochs", type=int, default=20)
    parser.add_argument("--generations", type=int, default=40)
    parser.add_argument("--factors", type=int, nargs="+", default=list(FACTORS))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--executor", default="serial")
    parser.add_argument("--time-limit", type=float)
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--plots", type=Path, help="a folder for the two figures; needs matplotlib")
    options = parser.parse_args()
    options.deadline = None if options.time_limit is None else time.monotonic() + options.time_limit
    arrays = load_source(options.data, limit=options.limit)
    first, *others = options.seeds
    plan = [(factor, first) for factor in options.factors]
    plan += [(factor, seed) for seed in others for factor in options.factors if factor in REPEATED]
    lines: dict[str, dict[str, Any]] = {}
    if options.json and options.json.exists():
        lines = json.loads(options.json.read_text())["lines"]
    for factor, seed in plan:
        for is_tagged in (True, False):
            name = f"{'tags' if is_tagged else 'none'}, {factor} %, seed {seed}"
            is_late = options.deadline is not None and time.monotonic() > options.deadline
            if is_late or not lines.get(name, {"is_unfinished": True})["is_unfinished"]:
                continue
            lineage = line_of(factor, is_tagged, seed, options, arrays)
            lines[name] = {
                "factor": factor,
                "is_tagged": is_tagged,
                "seed": seed,
                "is_unfinished": lineage.is_unfinished,
                "stop_reason": lineage.stop_reason,
                "generations": list(generations_of(lineage)),
            }
            if options.json:
                text = {"options": {k: str(v) for k, v in vars(options).items()}, "lines": lines}
                options.json.write_text(json.dumps(text, indent=1) + "\n")
    print_table(lines)
    if options.plots:
        draw(lines, options.plots)


if __name__ == "__main__":
    main()
