"""Growths whose jobs are the stub's; as a program, a master to be killed.

`python stub_growth.py RUN_DIR SETTINGS_AS_JSON` starts a growth, or resumes the one that is there.
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
from gakeras.growth import Growth, GrowthSettings, growth_settings, run_growth
from gakeras.jobs import JobFailed
from gakeras.journal import read_journal
from gakeras.resuming import resume

TABLE = Arrays(
    np.arange(80.0).reshape(40, 2), np.arange(40) % 2, np.arange(20.0).reshape(10, 2), np.arange(10) % 2
)
FLOPS = 1000
CHANGES_FROM_RUN_TO_RUN = ("elapsed", "worker", "host", "start", "end", "cpu_seconds", "artifacts")

KINDS = {
    "train_member": "stub_growth:train_member",
    "train_jointly": "stub_growth:train_jointly",
    "join_ensemble": "stub_growth:join_ensemble",
    "convert": "gakeras.exporting.work:convert",
}


def warm_up() -> None:
    """Import nothing."""


def train_member(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Pretend to train: the loss falls with the steps so far, larger networks are a little better."""
    rng = random.Random(payload["seed"])
    if "start" in payload and Path(payload["start"]).read_text() == "refused":
        parts = {"rule": "No logits.", "expected": "softmax", "received": "logits", "way_out": "Add one."}
        raise JobFailed("refused", {"refused": parts})
    before = json.loads(Path(payload["source"]).read_text()) if "source" in payload else {"steps": 0}
    flops = before.get("flops", FLOPS) * 2 ** len(payload.get("mutations", ()))
    if payload.get("mutations") and rng.random() < float(os.environ.get("STUB_FAILING", "0")):
        raise JobFailed("diverged", {"flops": flops, "trained_examples": 10})
    steps = payload["steps"] + (before["steps"] if payload.get("inherit", True) else 0)
    loss = 1 / (1 + steps / 100) + 0.01 * rng.random()
    _log(payload)
    time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
    folder = Path(payload["save_to"])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "network.keras").write_text(json.dumps({"steps": steps, "flops": flops}))
    targets, folds = (Path(payload["data_dir"]) / "y_test.npy", np.load(payload["folds_file"]))
    num_test, validating = len(np.load(targets)), int((folds == 0).sum())
    outputs = {"val": _said(payload, validating), "test": _said(payload, num_test)}
    np.savez(folder / "outputs.npz", **outputs)  # type: ignore[arg-type]
    measures = {
        "transforms": [{"kind": "deepen", "layer": "dense_1"} for _ in payload.get("mutations", ())],
        "parameters": flops // 2,
        "flops": flops,
        "trained_examples": payload["steps"] * payload["training"]["batch_size"],
        "validated_examples": 10,
        "loss": loss,
        "val_loss": loss,
        "val_accuracy": 1 - loss / 2,
        "train_accuracy": 1 - loss / 3,
        "test_loss": loss,
        "test_accuracy": 1 - loss / 2,
    }
    return {"measures": measures, "artifacts": {"network": str(folder / "network.keras")}}


def train_jointly(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Pretend to train each."""
    members = {number: train_member(member)["measures"] for number, member in payload["members"].items()}
    return {"measures": {"members": members}, "artifacts": {}}


def join_ensemble(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write what stands for a model."""
    path = Path(payload["save_to"])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(payload["shares"]))
    return {"measures": {"flops": 1}, "artifacts": {"model": str(path)}}


def _said(payload: Mapping[str, Any], examples: int) -> np.ndarray:
    """Return probabilities of the classes there are; of two, that of the second."""
    num_classes = int(np.load(Path(payload["data_dir"]) / "y.npy").max()) + 1
    chances = np.random.default_rng(payload["seed"]).dirichlet(np.ones(num_classes), examples)
    return chances[:, 1:] if num_classes == 2 else chances


def _log(payload: Mapping[str, Any]) -> None:
    log = os.environ.get("STUB_LOG")
    if log:
        with open(log, "a") as file:
            file.write(f"{Path(payload['save_to']).name}\n")


def stub_settings(**changes: Any) -> GrowthSettings:
    """Return the settings of a small growth; a table in `changes` is merged into the one there is."""
    values: dict[str, Any] = {
        "name": "stub",
        "seed": 3,
        "initial_steps": 100,
        "population_size": 4,
        "steps": 50,
        "num_survivors": 2,
        "iterations": 2,
        "validation_share": 0.25,
        "start": {"build": "dense #4 activation=relu"},
        "workers": {"job_module": "stub_growth", "executor": "serial"},
    }
    for key, value in changes.items():
        merges = isinstance(value, Mapping) and isinstance(values.get(key), Mapping)
        values[key] = values[key] | value if merges else value
    return growth_settings(values)


def run_stub(run_dir: Path, executor: ExecutorChoice | None = None, **changes: Any) -> Growth:
    """Run a small growth to its end."""
    return run_growth(stub_settings(**changes), TABLE, run_dir=run_dir, executor=executor, progress=False)


def records(run_dir: Path, kind: str) -> list[Mapping[str, Any]]:
    """Return the records of one type in a run's journal."""
    return [r for r in read_journal(run_dir / "journal.jsonl").records if r["type"] == kind]


def without_times(run_dir: Path) -> list[dict[str, Any]]:
    """Return the events of a journal without what may differ between two runs of the same growth."""
    plain = json.loads(json.dumps(read_journal(run_dir / "journal.jsonl").records))
    for record in plain:
        for name in CHANGES_FROM_RUN_TO_RUN:
            record.pop(name, None)
        record.get("measures", {}).pop("memory_bytes", None)
    return plain


def main(run_dir: str, changes: str) -> None:
    """Start or resume the growth in `run_dir`."""
    try:
        resume(run_dir, progress=False)
    except InputError:
        run_stub(Path(run_dir), **json.loads(changes))


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it
    main(*sys.argv[1:])
