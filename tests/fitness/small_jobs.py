"""Data of a few dozen examples, networks of a few units, and the payloads of jobs on them."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data import Arrays, Task, assign_folds, check_arrays, store_arrays
from gakeras.encoding import Genome

NUM_EXAMPLES = 41  # folds of 13 or 14: neither all alike nor a multiple of the batch
NUM_FOLDS = 3

CONV = Genome.parse("""
    conv #3 kernelsize=3 activation=relu padding=same dropout=0.2
    pool poolsize=2 padding=valid
    dense #6 dropout=0.3 activation=tanh
""")
DENSE = Genome.parse("dense #8 dropout=0.3 activation=relu\ndense #8 dropout=0.1 activation=tanh")

GENOMES = {"images": CONV, "table": DENSE, "regression": DENSE}


def arrays_of(kind: str) -> Arrays:
    """Return images with three classes, or a table with three classes or with two real targets."""
    rng = np.random.default_rng(7)
    labels = np.arange(NUM_EXAMPLES) % 3
    if kind == "images":
        x = rng.integers(0, 200, (NUM_EXAMPLES, 6, 6)).astype(np.uint8)
        x[:, 2:4, 2:4] += (25 * labels[:, None, None]).astype(np.uint8)
        return Arrays(x, labels, x[:10], labels[:10])
    x = rng.normal(size=(NUM_EXAMPLES, 4)) * [1, 10, 1000, 0] + [0, 5, -3000, 7]  # the last is constant
    x[:, 1] += 30 * labels
    y = labels if kind == "table" else np.stack([1000 + x[:, 1], x[:, 2]], axis=1)
    return Arrays(x, y, x[:10], y[:10])


def store(arrays: Arrays, directory: Path) -> dict[str, str]:
    """Store data and their folds; return what a payload says about them."""
    task = check_arrays(arrays, num_folds=NUM_FOLDS)
    store_arrays(arrays, task, directory)
    np.save(directory / "folds.npy", assign_folds(arrays.y, task, NUM_FOLDS, seed=3))
    return {"data_dir": str(directory), "folds_file": str(directory / "folds.npy")}


def payload_of(genome: Genome, stored: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Return the payload of an evaluation: two epochs of one fold, unless `changes` say otherwise."""
    payload = {
        "genome": genome.to_json(),
        "run_seed": 11,
        "repeat": 0,
        "folds": [0],
        "from_epoch": 0,
        "to_epoch": 2,
        "training": {"epochs": 2, "batch_size": 8, "optimizer": "adam"},
    }
    return payload | stored | changes


def scores_of(answer: dict[str, Any]) -> dict[int, list[dict[str, Any]]]:
    """Return the epochs of every fold without the times, which are never the same twice."""
    folds = copy.deepcopy(answer["measures"]["folds"])
    for fold in folds:
        for epoch in fold["epochs"]:
            del epoch["seconds"], epoch["cpu_seconds"]
    return {fold["fold"]: fold["epochs"] for fold in folds}


TASKS = {
    "multiclass": Task("multiclass", 3),
    "one_hot": Task("one_hot", 3),
    "binary": Task("binary", 1),
    "regression": Task("regression", 2),
}


def targets_of(task: Task, num_examples: int) -> np.ndarray:
    """Return targets as `store_arrays` writes them."""
    rng = np.random.default_rng(5)
    labels = rng.integers(0, max(task.outputs, 2), num_examples).astype(np.int32)
    if task.kind == "one_hot":
        return np.eye(task.outputs, dtype=np.float32)[labels]
    if task.kind == "regression":
        return rng.normal(size=(num_examples, task.outputs)).astype(np.float32) * 3 + 5
    return labels
