"""The evaluation of Painter (2018): growth against what else the same FLOPs buy, validation included.

    python tests/benchmarks/growth.py --data PATH/fashion_mnist.npz --out OUT --seeds 0 1 2 --all-variants
    python tests/benchmarks/growth.py --data PATH/fashion_mnist.npz --out OUT --seeds 0 1 2 --budget large
    python tests/benchmarks/growth.py --data PATH/fashion_mnist.npz --out OUT --seeds 0 1 2 --inheritance
    python tests/benchmarks/growth.py --out OUT --smoke

10,000 training images, 2,000 to select by, 10,000 to test with. `small` is about 0.2 TFLOPs, `large` 1.4.

1. `paper` grows a population as the paper does; the other variants change one thing of it each, `fresh`
   the inheritance. `ours` puts a seventh of the budget into a growth by small mutations, where networks
   are judged by their loss and their FLOPs, and the rest into a last leg of the finalists with new
   weights; `ours, weights kept` and `ours, fresh` change what is inherited in it.
2. With what `ours` has spent in all: one network of its best architecture from new weights (`scratch`),
   four of it and four of the start network that are trained independently, and four snapshots of
   one training with a cyclic rate (`snapshots`). All of them with a cosine schedule.
3. With `--inheritance`: the same children after 0.5 and 2.5 epochs, with and without their parents' weights.

Every figure is a file in OUT as soon as it is known; what is there is not computed again. An interrupted
growth goes on. Test accuracies decide nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from gakeras.config import find_config
from gakeras.data import Arrays, load_source
from gakeras.fitness.new_weights import with_new_weights
from gakeras.growth import Growth, GrowthSettings, holds_growth, load_growth, run_growth
from gakeras.growth.ensembles import choose_ensemble
from gakeras.growth.population import Member, Training
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import EnsembleSettings
from gakeras.growth.training import train_member
from gakeras.morphism.ledger import TRAINING_FACTOR
from gakeras.resuming import resume
from gakeras.seeding import derive_seed

BUDGETS = {"small": (118, 40), "large": (450, 310)}  # N1 and N2
ENSEMBLE = load_growth(find_config("growth_ensemble_fashion_mnist"))
LENGTHS = ("initial_steps", "population_size", "steps", "num_survivors", "last_steps")
OURS: dict[str, dict[str, Any]] = {
    "smoke": dict(zip(LENGTHS, (20, 4, 10, 2, 60), strict=True)),
    "small": dict(zip(LENGTHS, (60, 4, 40, 1, 1000), strict=True)),
    "large": {name: getattr(ENSEMBLE, name) for name in LENGTHS},
}
"""N1, M1, N2, M2 and the last leg of `ours`. Chosen by validation with seed 0: for the larger budget among
one or two iterations, 2, 4 and 6 finalists, 0, 0.3, 0.4 and all of their weights; for the smaller 1 or 2."""
THRIFTY = {
    "iterations": ENSEMBLE.iterations,
    "flops_exponent": ENSEMBLE.flops_exponent,
    "mutations.max_factor": ENSEMBLE.mutations.max_factor,
}
Changes = Callable[[GrowthSettings, str], dict[str, Any]]
VARIANTS: dict[str, Changes] = {
    "paper": lambda plan, budget: {},
    "fresh": lambda plan, budget: {"inherit": False},
    "fresh, equal age": lambda plan, budget: {"inherit": False, "equal_age": True},
    "new optimizer": lambda plan, budget: {"carry": False},
    "rescaled rate": lambda plan, budget: {"rescaling": "parameters"},
    "place for a newcomer": lambda plan, budget: {"num_newcomers": 1},
    "loss per FLOPs": lambda plan, budget: {"flops_exponent": 0.3},
    "fewer, larger": lambda plan, budget: {
        "iterations": plan.iterations // 2,
        "steps": 2 * plan.steps,
        "mutations.per_child": 2,
        "mutations.widening": 1.0,
    },
    "last leg": lambda plan, budget: {
        "iterations": plan.iterations - 1,
        "last_steps": plan.steps * plan.population_size // plan.num_survivors,
    },
    "ours": lambda plan, budget: OURS[budget] | THRIFTY | {"last_shrink": 0.0},
    "ours, weights kept": lambda plan, budget: OURS[budget] | THRIFTY,
    "ours, fresh": lambda plan, budget: OURS[budget] | THRIFTY | {"last_shrink": 0.0, "inherit": False},
}
MAIN = ("paper", "fresh", "ours", "ours, weights kept", "ours, fresh")
MEMBERS = 4


def plan_of(arguments: argparse.Namespace, name: str, seed: int, **changes: Any) -> GrowthSettings:
    """Return the settings of a variant at the budget that is asked for."""
    config = "smoke_growth" if arguments.smoke else "growth_fashion_mnist"
    initial_steps, steps = (40, 20) if arguments.smoke else BUDGETS[arguments.budget]
    base = {"initial_steps": initial_steps, "steps": steps, "last_steps": 0, "seed": seed, "name": "growth"}
    base |= {"workers.executor": "serial", "workers.timeout_seconds": 3600, "ensemble.over": "final"}
    given = [f"{key}={_toml(value)}" for key, value in base.items()]
    budget = "smoke" if arguments.smoke else arguments.budget
    own = VARIANTS[name](load_growth(find_config(config), given), budget) | changes
    return load_growth(
        find_config(config), [*given, *(f"{key}={_toml(value)}" for key, value in own.items())]
    )


def grown(plan: GrowthSettings, arrays: Arrays, run_dir: Path) -> Growth:
    """Grow, go on, or only read what has been grown."""
    if holds_growth(run_dir, plan):
        growth = resume(run_dir)
        assert isinstance(growth, Growth), "a growth was found to be there"
        return growth
    return run_growth(plan, arrays, run_dir=run_dir)


def figures_of(growth: Growth) -> dict[str, Any]:
    """Return the figures of a growth: its best network, and its ensembles."""
    ensembles = {
        "mean": growth.choose_ensemble("final", "mean"),
        "greedy": growth.choose_ensemble("final", "greedy"),
        "greedy, all snapshots": growth.choose_ensemble("snapshots", "greedy"),
    }
    best = growth.best
    rows = {"best": _row(best.test["accuracy"], best.accuracy, best.flops)}
    rows |= {name: _row(e.test_accuracy, e.accuracy, e.flops) for name, e in ensembles.items()}
    return {"spent": growth.total_flops, "rows": rows, "failures": len(growth.failures)}


def trained_apart(
    growth: Growth, source: Path, flops: int, folder: Path, seed: int, members: int, *, cyclic: bool = False
) -> dict[str, Any]:
    """Train networks of one architecture with what a growth has spent; return single and ensemble figures.

    `cyclic` trains one network in as many cycles, each from where the last one ended.
    """
    plan, run = growth.settings, GrowthRun(folder.absolute())
    num_validating = int((np.load(growth.run.folds) == 0).sum())
    share = growth.total_flops / members - flops * num_validating
    steps = int(share / (TRAINING_FACTOR * flops * plan.training.batch_size))
    done: list[Member] = []
    for number in range(members):
        start = run.networks / f"start-{number}.keras"
        start.parent.mkdir(parents=True, exist_ok=True)
        model = keras.saving.load_model(
            run.network(number - 1) if cyclic and number else source, compile=False
        )
        fresh = model if cyclic and number else with_new_weights(model, derive_seed(seed, "start", number))
        fresh.save(start)
        payload = {
            "start": str(start),
            "steps": steps,
            "schedule": "cosine",
            "seed": derive_seed(seed, "apart", number),
            "training": plan.to_json()["training"],
            "save_to": str(run.network(number).parent),
            "data_dir": str(growth.run.data),
            "folds_file": str(growth.run.folds),
        }
        measures = train_member(payload)["measures"]
        done.append(Member(Training(number, 0, "start", number, steps=steps), measures))
    spent = sum(
        member.flops * (TRAINING_FACTOR * member.measures["trained_examples"] + num_validating)
        for member in done
    )
    last = done[-1] if cyclic else min(done, key=lambda member: member.loss)
    rows = {"single": _row(last.measures["test_accuracy"], last.measures["val_accuracy"], flops)}
    if members > 1:
        for method in ("mean", "greedy"):
            ensemble = choose_ensemble(done, run.outputs, growth.run, EnsembleSettings(method=method))
            rows[method] = _row(ensemble.test_accuracy, ensemble.accuracy, ensemble.flops)
    return {"spent": spent, "rows": rows, "steps": steps}


def compare(arguments: argparse.Namespace, arrays: Arrays, seed: int) -> None:
    """Do all arms at one budget with one seed."""
    out = arguments.out / f"{'smoke' if arguments.smoke else arguments.budget}-{seed}"
    for name in arguments.variants:
        folder = out / name.replace(" ", "_").replace(",", "")
        plan = plan_of(arguments, name, seed)
        _once(out, name, lambda plan=plan, folder=folder: figures_of(grown(plan, arrays, folder)))
    ours = grown(plan_of(arguments, "ours", seed), arrays, out / "ours")
    best, start = ours.best, ours.history[0]
    arms = {
        "scratch": (best, 1, False),
        "apart, final architecture": (best, MEMBERS, False),
        "apart, start network": (start, MEMBERS, False),
        "snapshots": (best, MEMBERS, True),
    }
    for name, (network, members, cyclic) in arms.items():
        folder = out / name.replace(" ", "_").replace(",", "")
        source = ours.run.network(network.number)
        _once(
            out,
            name,
            lambda a=(ours, source, network.flops, folder, seed, members), c=cyclic: trained_apart(
                *a, cyclic=c
            ),
        )


def compare_inheritance(arguments: argparse.Namespace, arrays: Arrays, seed: int) -> None:
    """Train the same children with and without their parents' weights for 0.5 and 2.5 epochs."""
    batch_size, examples = (32, 320) if arguments.smoke else (128, 10_000)
    for epochs in (0.5, 2.5):
        steps = round(epochs * examples / batch_size)
        found: dict[str, list[Any]] = {}
        for name in ("paper", "fresh"):
            changes = {"steps": steps, "iterations": 1, "population_size": 7, "num_survivors": 2}
            growth = grown(
                plan_of(arguments, name, seed, **changes),
                arrays,
                arguments.out / f"inheritance-{seed}" / f"{name}-{epochs}",
            )
            found[name] = [row for row in growth.history if row.role == "newcomer"]
        assert [c.transforms for c in found["paper"]] == [c.transforms for c in found["fresh"]]
        accuracies = {name: [child.accuracy for child in children] for name, children in found.items()}
        gain = statistics.fmean(accuracies["paper"]) - statistics.fmean(accuracies["fresh"])
        _once(
            arguments.out / f"inheritance-{seed}",
            f"{epochs} epochs",
            lambda accuracies=accuracies, gain=gain: accuracies | {"gain": gain},
        )
        print(f"seed {seed}, {epochs} epochs: inherited weights are worth {100 * gain:.1f} points")


def table(out: Path) -> str:
    """Return the figures of all budgets and seeds that are there, as Markdown."""
    rows: dict[tuple[str, str, str], list[Mapping[str, Any]]] = {}
    for path in sorted(out.glob("*-*/*.json")):
        budget = path.parent.name.rpartition("-")[0]
        content = json.loads(path.read_text())
        for row, values in content.get("rows", {}).items():
            rows.setdefault((budget, path.stem, row), []).append(values | {"spent": content["spent"]})
    lines = ["| budget | arm | network | test, % | seeds | validation, % | forward MFLOPs | spent, GFLOPs |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for (budget, arm, row), values in rows.items():
        test = [100 * value["test"] for value in values]
        each = " / ".join(f"{value:.1f}" for value in test)
        means = [statistics.fmean(v[name] for v in values) for name in ("validation", "flops", "spent")]
        lines.append(
            f"| {budget} | {arm} | {row} | {statistics.fmean(test):.2f} | {each} | {100 * means[0]:.1f} | "
            f"{means[1] / 1e6:.2f} | {means[2] / 1e9:,.0f} |"
        )
    return "\n".join(lines)


def _row(test: float | None, validation: float, flops: int) -> dict[str, float | None]:
    return {"test": test, "validation": validation, "flops": flops}


def _once(folder: Path, name: str, compute: Callable[[], dict[str, Any]]) -> None:
    """Write a figure down, unless it is there."""
    path = folder / f"{name}.json"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        content = json.dumps(compute(), indent=1, allow_nan=False) + "\n"
        temporary = path.with_suffix(".tmp")
        temporary.write_text(content)
        temporary.rename(path)
        print(f"{path}: {json.loads(content).get('rows', '')}", flush=True)


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", help="an .npz with Fashion-MNIST; by default Keras downloads it")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--budget", choices=BUDGETS, default="small")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(MAIN))
    parser.add_argument("--all-variants", action="store_const", dest="variants", const=list(VARIANTS))
    parser.add_argument("--inheritance", action="store_true")
    parser.add_argument("--smoke", action="store_true", help="on digits, in a minute or two")
    arguments = parser.parse_args(argv)
    source, limit = ("digits", 400) if arguments.smoke else (arguments.data or "fashion_mnist", 12_000)
    arrays = load_source(source, limit=limit)
    for seed in arguments.seeds:
        (compare_inheritance if arguments.inheritance else compare)(arguments, arrays, seed)
    print(table(arguments.out))


if __name__ == "__main__":
    main()
