"""Who finds the best network for so many CPU-seconds: gakeras, random search, Optuna, KerasTuner, people.

    python tests/benchmarks/peers.py configs/fashion_mnist.toml --data PATH/fashion_mnist.npz \
        --limit 6000 --seconds 480 --seeds 0 1 2 --out RESULTS

Needs the extra `bench`. The same images, folds, training, thread and CPU-seconds for all, one run
after another, each in a process of its own. The winner of each is trained from scratch in one
way, that of the config's [final], `--repeats` times; the test set is read then, and only then.

Every (system, seed) that is done is a file in `--out` and is not done again. The table is of all files.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tomllib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from peer_systems import SYSTEMS, settings_of

from gakeras.data import load_source
from gakeras.run import create_run
from gakeras.workers.supervisor import keras_environment


def main() -> None:
    """Do what is missing, one process each, and print the table."""
    options = parsed(sys.argv[1:])
    out = Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    if options.only:
        measure(options, out)
        return
    environment = os.environ | keras_environment("tensorflow", threads=1)
    for seed in options.seeds:
        for system in options.systems:
            if not result_file(out, system, seed).exists():
                print(f"{system}, seed {seed}", flush=True)
                arguments = [*sys.argv, "--only", system, "--only-seed", str(seed)]
                subprocess.run([sys.executable, *arguments], env=environment, check=False)
    results = [json.loads(path.read_text()) for path in sorted(out.glob("result-*.json"))]
    (out / "peers.json").write_text(json.dumps(results, indent=1))
    print(table(results))


def measure(options: argparse.Namespace, out: Path) -> None:
    """Search with one system and one seed, train its winner, and write both down."""
    from gakeras.fitness.final import train

    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    system, seed = options.only, options.only_seed
    changes = {"data": {"source": options.data, "limit": options.limit}} if options.data else {}
    for override in options.set:
        merge(changes, tomllib.loads(override))
    settings = settings_of(system, Path(options.config), seed, options.seconds, changes)
    assert settings.data is not None, "the config, or --data, names the data"
    arrays = load_source(settings.data.source, limit=settings.data.limit)
    root = out / f"run-{system.replace(' ', '-')}-{seed}"
    subprocess.run(["rm", "-rf", str(root)], check=True)  # of an attempt that was interrupted
    run = create_run(root, settings, arrays)
    outcome = SYSTEMS[system][0](run, settings, options.seconds)
    scores = []
    for repeat in range(options.repeats if outcome.genome else 0):
        payload = {
            "genome": outcome.genome.to_json(),  # type: ignore[union-attr]
            "training": asdict(settings.final.training),
            "repeat": repeat,
            "run_seed": seed,
            "data_dir": str(run.data),
        }
        scores.append(train(payload)["measures"])
    answer: dict[str, Any] = asdict(replace(outcome, genome=None)) | {
        "system": system,
        "seed": seed,
        "budget": options.seconds,
        "genome": str(outcome.genome) if outcome.genome else None,
        "loss": outcome.loss if abs(outcome.loss) < 1e300 else None,
        "parameters": scores[0]["parameters"] if scores else None,
        "test_accuracy": [measures["test_metric"] for measures in scores],
        "test_loss": [measures["test_loss"] for measures in scores],
    }
    temporary = result_file(out, system, seed).with_suffix(".tmp")
    temporary.write_text(json.dumps(answer))
    temporary.rename(result_file(out, system, seed))


def table(results: list[dict[str, Any]]) -> str:
    """Return a row a system: means over seeds."""
    lines = ["| system | seeds | trials | CPU s | search loss | test accuracy | min..max | parameters |"]
    lines.append("|---|---|---|---|---|---|---|---|")
    for system in SYSTEMS:
        rows = [row for row in results if row["system"] == system and row["test_accuracy"]]
        if not rows:
            continue
        means = [statistics.fmean(row["test_accuracy"]) for row in rows]
        losses = [row["loss"] for row in rows if row["loss"] is not None]
        lines.append(
            f"| {system} | {len(rows)} | {statistics.fmean(row['trials'] for row in rows):.0f} "
            f"| {statistics.fmean(row['cpu_seconds'] for row in rows):.0f} "
            f"| {f'{statistics.fmean(losses):.4f}' if losses else '-'} "
            f"| {statistics.fmean(means):.4f} | {min(means):.4f}..{max(means):.4f} "
            f"| {statistics.fmean(row['parameters'] for row in rows):,.0f} |"
        )
    return "\n".join(lines)


def merge(values: dict[str, Any], changes: dict[str, Any]) -> None:
    """Put changes of settings on top of values, table by table."""
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            merge(values[key], value)
        else:
            values[key] = value


def result_file(out: Path, system: str, seed: int) -> Path:
    """Return where the result of one system and seed is kept."""
    return out / f"result-{system.replace(' ', '-')}-{seed}.json"


def parsed(arguments: list[str]) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("config", help="the settings that all share: data, folds, space, training, final")
    parser.add_argument("--data", help="the source of the data, in place of the config's")
    parser.add_argument("--limit", type=int, help="so many training examples")
    parser.add_argument("--seconds", type=float, default=480.0, help="CPU-seconds of each search")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--repeats", type=int, default=3, help="final trainings of each winner")
    parser.add_argument("--core", type=int, help="run on this core alone")
    parser.add_argument("--set", action="append", default=[], help="a setting, as a line of TOML")
    parser.add_argument("--out", required=True, help="a directory for results")
    parser.add_argument("--only", help=argparse.SUPPRESS)
    parser.add_argument("--only-seed", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
