"""Inherited weights in a search: do scores stay honest, and do they rank networks with fewer epochs?

    python tests/benchmarks/inheritance.py --data PATH/fashion_mnist.npz --out OUT
    python tests/benchmarks/inheritance.py --out OUT --smoke

1. Two searches of 6 generations on 3 folds: `honest`, and `leaky`, where a fold begins with weights of
   another (only here). For each generation: mean cross-validated and test accuracy of the same networks.
2. The last 20 children of `honest`, from new weights, twice: for `--reference` epochs (what ranks them
   truly), and for `--scratch` epochs with another seed. Their gap without inherited weights; Spearman's
   rank correlation with the reference of the inherited losses after e epochs, and of the losses from new
   weights after k; what is saved is 1 - e / k, for the smallest k that ranks at least as well.

The searches resume, and every figure is in OUT/inheritance.json as soon as it is known. One worker, one
thread.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from dataclasses import asdict
from pathlib import Path
from typing import Any

from gakeras.workers.supervisor import keras_environment

os.environ |= keras_environment("tensorflow", threads=1)
HERE = str(Path(__file__).parent)
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [HERE, os.environ.get("PYTHONPATH")]))

from gakeras.api import run_search  # noqa: E402
from gakeras.config import Settings, settings_from  # noqa: E402
from gakeras.data import Arrays, load_source  # noqa: E402
from gakeras.encoding import Genome  # noqa: E402
from gakeras.history import History, read_history  # noqa: E402
from gakeras.journal import has_begun  # noqa: E402
from gakeras.resuming import resume  # noqa: E402


def arrays_of(options: argparse.Namespace) -> Arrays:
    if not options.smoke:
        data = load_source(options.data)
        return Arrays(data.x[: options.train], data.y[: options.train], data.x_test, data.y_test)
    digits = load_source("digits")
    return Arrays(digits.x[:300], digits.y[:300], digits.x[300:600], digits.y[300:600])


def settings_of(options: argparse.Namespace) -> Settings:
    return settings_from(
        {
            "name": "inheritance",
            "seed": options.seed,
            "algorithm": "generational",
            "population_size": options.population,
            "max_evaluations": options.population * options.generations,
            "num_folds": 3,
            "inherit": "weights",
            "space": "plain",
            "caps": {"max_parameters": 300_000, "max_flops": 10_000_000},
            "training": {"epochs": options.epochs, "batch_size": 128, "learning_rate": 0.001},
            "workers": {"executor": "serial", "job_module": "inheriting_jobs"},
        }
    )


def searched(name: str, options: argparse.Namespace) -> History:
    """Run a search, or go on with it, and return its history."""
    os.environ["LEAK"] = "1" if name == "leaky" else ""
    run_dir = options.out / name
    if has_begun(run_dir / "journal.jsonl"):
        resume(run_dir, progress=False)
    else:
        run_search(settings_of(options), arrays_of(options), run_dir=run_dir, progress=False)
    return read_history(run_dir)


def generations(history: History, size: int) -> list[dict[str, float]]:
    """Return mean accuracies of the individuals of every generation, cross-validated and on the test set."""
    rows = []
    individuals = [evaluation.individual for evaluation in history.evaluations]
    for start in range(0, len(individuals), size):
        evaluated = [each for each in individuals[start : start + size] if each is not None]
        folds = [fold for individual in evaluated for fold in individual.measures["folds"]]
        rows.append(accuracies(folds) | {"age": statistics.fmean(fold["age"] for fold in folds)})
    return rows


def accuracies(folds: list[dict[str, Any]]) -> dict[str, float]:
    """Return mean accuracies of folds, on what they validate with and on the test set, and their gap."""
    validation = statistics.fmean(fold["epochs"][-1]["val_metric"] for fold in folds)
    test = statistics.fmean(fold["test_metric"] for fold in folds)
    return {"validation": validation, "test": test, "gap": validation - test}


def from_new_weights(genome: Genome, run: Path, settings: Settings, seed: int, epochs: int) -> Any:
    """Return the measures of a training on all folds from new weights, the test set's among them."""
    from inheriting_jobs import evaluate

    payload = {
        "genome": genome.to_json(),
        "run_seed": seed,
        "repeat": 0,
        "folds": [0, 1, 2],
        "from_epoch": 0,
        "to_epoch": epochs,
        "training": asdict(settings.training) | {"epochs": epochs},
        "data_dir": str(run / "data"),
        "folds_file": str(run / "folds.npy"),
        "heritage": {"parents": {}, "folder": str(run.parent / "new" / f"{genome.digest}-{seed}")},
    }
    return evaluate(payload)["measures"]


def losses(measures: Any) -> list[float]:
    folds = [[epoch["val_loss"] for epoch in fold["epochs"]] for fold in measures["folds"]]
    return [statistics.fmean(epoch) for epoch in zip(*folds, strict=True)]


def ranking(curves: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    """Return rank correlations with the reference, and what inheritance saves for each number of epochs."""
    from scipy.stats import spearmanr

    reference = [each["reference"][-1] for each in curves.values()]

    def correlations(kind: str) -> list[float]:
        columns = zip(*(each[kind] for each in curves.values()), strict=False)  # as far as all go
        return [float(spearmanr(column, reference).statistic) for column in columns]

    inherited, scratch = correlations("inherited"), correlations("scratch")
    saved: list[float | None] = []
    for epochs, rho in enumerate(inherited, start=1):
        needed = next((k for k, other in enumerate(scratch, start=1) if other >= rho), None)
        saved.append(None if needed is None else 1 - epochs / needed)
    return {"inherited": inherited, "scratch": scratch, "saved": saved}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", help="path of an .npz with training and test data")
    parser.add_argument("--train", type=int, default=6000, help="training images")
    parser.add_argument("--generations", type=int, default=6)
    parser.add_argument("--population", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--reference", type=int, default=12, help="epochs from new weights")
    parser.add_argument("--scratch", type=int, default=8, help="epochs from other new weights")
    parser.add_argument("--individuals", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--smoke", action="store_true", help="digits, small and short")
    options = parser.parse_args()
    if options.smoke:
        options.generations, options.population, options.epochs = 2, 3, 1
        options.reference, options.scratch, options.individuals = 2, 2, 3
    if not (options.smoke or options.data):
        parser.error("--data is needed, or --smoke")
    options.out.mkdir(parents=True, exist_ok=True)
    file = options.out / "inheritance.json"
    report: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    report = {"curves": {}, "gaps": {}} | report

    def write() -> None:
        report["options"] = {name: str(value) for name, value in vars(options).items()}
        file.write_text(json.dumps(report, indent=1) + "\n")

    histories = {name: searched(name, options) for name in ("honest", "leaky")}
    for name, history in histories.items():
        report[name] = generations(history, options.population)
        write()
    settings, run = settings_of(options), options.out / "honest"
    children = [each for each in histories["honest"].individuals.values() if each.parents]
    for child in children[-options.individuals :]:
        if child.genome.digest not in report["curves"]:
            reference = from_new_weights(child.genome, run, settings, options.seed + 1, options.reference)
            scratch = from_new_weights(child.genome, run, settings, options.seed + 2, options.scratch)
            report["curves"][child.genome.digest] = {
                "inherited": losses(child.measures),
                "reference": losses(reference),
                "scratch": losses(scratch),
            }
            report["gaps"][child.genome.digest] = {
                "inherited": accuracies(child.measures["folds"])["gap"],
                "new": accuracies(reference["folds"])["gap"],
            }
            write()
    report["ranking"] = ranking(report["curves"])
    write()
    print("| generation | " + " | ".join(f"{n}: cv | test | gap" for n in histories) + " |")
    print("|---|" + "---|" * 6)
    for number, rows in enumerate(zip(report["honest"], report["leaky"], strict=True)):
        cells = [f"{100 * row[key]:.1f}" for row in rows for key in ("validation", "test", "gap")]
        print(f"| {number} | {' | '.join(cells)} |")
    gaps = report["gaps"].values()
    means = {kind: 100 * statistics.fmean(each[kind] for each in gaps) for kind in ("inherited", "new")}
    print(
        f"\nGap of {len(gaps)} of the last children: {means['inherited']:.1f} points with inherited weights, "
        f"{means['new']:.1f} with new ones"
    )
    print(f"\nSpearman with {options.reference} epochs from new weights, {len(report['curves'])} networks\n")
    print("| epochs | inherited | from new weights | saved |\n|---|---|---|---|")
    ranks = report["ranking"]
    for place, rho in enumerate(ranks["scratch"]):
        is_there = place < len(ranks["inherited"])
        own = f"{ranks['inherited'][place]:.2f}" if is_there else ""
        share = ranks["saved"][place] if is_there else None
        print(f"| {place + 1} | {own} | {rho:.2f} | {'' if share is None else f'{share:.0%}'} |")


if __name__ == "__main__":
    main()
