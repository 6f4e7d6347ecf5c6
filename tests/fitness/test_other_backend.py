"""The two laws of the evaluation job on the other backend, in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gakeras.workers.supervisor import keras_environment

EVALUATE = """
import json, pathlib, sys
import keras
from small_jobs import GENOMES, arrays_of, payload_of, scores_of, store
from gakeras.fitness.evaluation import evaluate

directory = pathlib.Path(sys.argv[1])
payload = payload_of(GENOMES["regression"], store(arrays_of("regression"), directory), folds=[0, 1])
checkpoint = str(directory / "checkpoint")
changes = {
    "whole": {},
    "first epoch, alone": {"folds": [1], "to_epoch": 1, "save_to": checkpoint},
    "second epoch, alone": {"folds": [1], "from_epoch": 1, "load_from": checkpoint},
}
scores = {name: scores_of(evaluate(payload | change)) for name, change in changes.items()}
print(json.dumps({"backend": keras.backend.backend(), **scores}, allow_nan=False))
"""


@pytest.mark.slow
def test_both_laws_hold_under_jax(tmp_path: Path) -> None:
    here = Path(__file__).parent
    environment = os.environ | keras_environment("jax", threads=1)
    environment["PYTHONPATH"] = os.pathsep.join([str(here), str(here.parents[1])])
    reply = subprocess.run(
        [sys.executable, "-c", EVALUATE, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert reply.returncode == 0, reply.stderr
    said = json.loads(reply.stdout.splitlines()[-1])
    assert said["backend"] == "jax"
    assert said["first epoch, alone"]["1"] + said["second epoch, alone"]["1"] == said["whole"]["1"]
