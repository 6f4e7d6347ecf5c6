"""A job module for `inheritance.py`: the evaluation of a search, and then the test accuracy of every fold.

With the environment variable `LEAK` a fold of a child gets weights of its parents' next fold, which have
seen what this fold validates with. The library refuses such files, so they are forged here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.data import folds_digest, open_data
from gakeras.encoding import Genome
from gakeras.fitness.checkpoints import Training, load_checkpoint, save_checkpoint
from gakeras.fitness.options import TrainingOptions

KINDS = {"evaluate": "inheriting_jobs:evaluate"}


def warm_up() -> None:
    """Import what evaluations need."""
    import gakeras.fitness.evaluation  # noqa: F401


def evaluate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Evaluate as a search does, and measure the network of every fold on the test set as `test_metric`."""
    from gakeras.fitness.evaluation import evaluate as evaluation

    info = open_data(Path(payload["data_dir"])).info
    digest = folds_digest(np.load(payload["folds_file"]))
    trainings = [Training(fold, digest, info.digest) for fold in payload["folds"]]
    heritage = dict(payload["heritage"])
    if os.environ.get("LEAK"):
        heritage["parents"] = {
            number: str(_forged(Path(folder), trainings)) for number, folder in heritage["parents"].items()
        }
    answer = evaluation({**payload, "heritage": heritage})
    for record, training in zip(answer["measures"]["folds"], trainings, strict=True):
        record["test_metric"] = _test_metric(payload, Path(heritage["folder"]), training)
    return answer


def _forged(folder: Path, trainings: list[Training]) -> Path:
    """Write a parent's checkpoints again, each as if it were that of the fold before."""
    forged = folder.parents[1] / "paused" / folder.name
    for training, following in zip(trainings, [*trainings[1:], trainings[0]], strict=True):
        save_checkpoint(replace(load_checkpoint(folder, following), training=training), forged)
    return forged


def _test_metric(payload: Mapping[str, Any], folder: Path, training: Training) -> float:
    from gakeras.fitness.network import compiled_model, score
    from gakeras.graph.rebuilding import write_weights

    data = open_data(Path(payload["data_dir"]))
    model = compiled_model(Genome.from_json(payload["genome"]), data.info, TrainingOptions())
    write_weights(model, load_checkpoint(folder, training).weights)
    outputs = model.predict(np.asarray(data.x_test), batch_size=512, verbose=0)
    return score(data.info.task, np.asarray(data.y_test), outputs)[1]
