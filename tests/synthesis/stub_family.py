"""Syntheses whose jobs are the stub's; as a program, a master to be killed.

`python stub_family.py RUN_DIR SETTINGS_AS_JSON` starts a synthesis, or resumes the one that is there.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data import Arrays
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice
from gakeras.jobs import JobFailed
from gakeras.journal import read_journal
from gakeras.lineage import Lineage, SynthesisSettings, run_synthesis, synthesis_settings
from gakeras.resuming import resume

TABLE = Arrays(np.arange(80.0).reshape(40, 2), np.arange(40) % 2)
TOTAL = 10_000
CHANGES_FROM_RUN_TO_RUN = ("elapsed", "worker", "host", "start", "end", "cpu_seconds")

KINDS = {
    "measure_ancestor": "stub_family:measure_ancestor",
    "bear_offspring": "stub_family:bear_offspring",
    "train_last": "stub_family:train_last",
    "export": "stub_family:export",
}


def warm_up() -> None:
    """Import nothing."""


def measure_ancestor(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Measure an ancestor of 10,000 synapses; refuse one whose file says so."""
    if Path(payload["model"]).read_text() == "guesses":
        parts = {"rule": "No guessing.", "expected": "better", "received": "chance", "way_out": "Train it."}
        raise JobFailed("refused", {"refused": parts})
    return _grown(payload, TOTAL, 0.9)


def bear_offspring(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what the budget says of the parents; accuracy falls by 0.01 a generation, with some chance."""
    parents = [json.loads(Path(parent["weights"]).read_text()) for parent in payload["parents"]]
    environment, rng = payload["drawing"]["environment"], random.Random(payload["seed"])
    share = environment["cluster_share"] * environment["synapse_share"]
    if rng.random() < float(os.environ.get("STUB_FAILING", "0")):
        raise JobFailed("diverged")
    synapses = round(sum(parent["synapses"] for parent in parents) / len(parents) * share)
    accuracy = max(parent["accuracy"] for parent in parents) - 0.01 - 0.001 * rng.random()
    return _grown(payload, synapses, accuracy)


def train_last(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Add 0.005 to the accuracy."""
    parent = json.loads(Path(payload["parents"][0]["weights"]).read_text())
    return _grown(payload, parent["synapses"], parent["accuracy"] + 0.005)


def export(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write what stands for a model."""
    path = Path(payload["save_to"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(Path(payload["weights"]).read_text())
    return {"measures": {"file_bytes": 7, "max_difference": 0.0}, "artifacts": {"model": str(path)}}


def _grown(payload: Mapping[str, Any], synapses: int, accuracy: float) -> dict[str, Any]:
    log = os.environ.get("STUB_LOG")
    if log:
        with open(log, "a") as file:
            file.write(f"{Path(payload['save_to']).name}\n")
    time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
    folder = Path(payload["save_to"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "weights.npz").write_text(json.dumps({"synapses": synapses, "accuracy": accuracy}))
    measures = {
        "val_loss": 1 - accuracy,
        "val_accuracy": accuracy,
        "val_precision": accuracy,
        "val_recall": accuracy,
        "synapses": synapses,
        "efficiency": TOTAL / synapses,
        "clusters": {"filter": {"dense/kernel": 1.0}, "kernel": {"dense/kernel": 1.0}},
        "parameters": synapses,
        "multiply_accumulates": synapses,
        "sparse_bytes": 4 * synapses,
    }
    return {"measures": measures, "artifacts": {"weights": str(folder / "weights.npz")}}


def stub_settings(**changes: Any) -> SynthesisSettings:
    """Return the settings of a small synthesis; a table in `changes` is merged into the one there is."""
    values: dict[str, Any] = {
        "name": "stub",
        "seed": 3,
        "generations": 4,
        "keep": 0.5,
        "max_drop": 0.5,
        "validation_share": 0.25,
        "workers": {"job_module": "stub_family", "executor": "serial"},
    }
    for key, value in changes.items():
        values[key] = values.get(key, {}) | value if isinstance(value, Mapping) else value
    return synthesis_settings(values)


def run_stub(
    run_dir: Path, executor: ExecutorChoice | None = None, ancestor: str = "model", **changes: Any
) -> Lineage:
    """Run a small synthesis to its end."""
    return run_synthesis(
        stub_settings(**changes),
        TABLE,
        lambda path: path.write_text(ancestor) and None,
        run_dir=run_dir,
        executor=executor,
        progress=False,
    )


def records(run_dir: Path, kind: str) -> list[Mapping[str, Any]]:
    """Return the records of one type in a run's journal."""
    return [r for r in read_journal(run_dir / "journal.jsonl").records if r["type"] == kind]


def without_times(run_dir: Path) -> list[dict[str, Any]]:
    """Return the events of a journal without what may differ between two runs of the same synthesis."""
    plain = json.loads(json.dumps(read_journal(run_dir / "journal.jsonl").records))
    for record in plain:
        for name in (*CHANGES_FROM_RUN_TO_RUN, "artifacts"):
            record.pop(name, None)
        record.get("measures", {}).pop("memory_bytes", None)
    return plain


def main(run_dir: str, changes: str) -> None:
    """Start or resume the synthesis in `run_dir`."""
    try:
        resume(run_dir, progress=False)
    except InputError:
        run_stub(Path(run_dir), **json.loads(changes))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    main(*sys.argv[1:])
