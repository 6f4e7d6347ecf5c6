"""A job module without Keras: its evaluations take no time, and it can be made to fail in every way.

What `evaluate` does is set by environment variables, for the payload of a search is the
search's own:

- `STUB_SECONDS`: how long an evaluation takes.
- `STUB_EPOCH_CPU_SECONDS`: how long an epoch computes.
- `STUB_LOG`: a file that gets one line, the genome's digest, for every evaluation that begins.
- `STUB_PARENT_LOG`: the same, with the process that the child works for.
- `STUB_PID_LOG`: the same, with the child's own process.
- `STUB_FAULT`: how evaluations go wrong, a name of `FAULTS`.
- `STUB_FAULT_AMONG`: if set, only those whose genome's digest begins with one of these digits.
- `STUB_START_SECONDS`: how long a child takes to start.
- `STUB_BROKEN`: children of a worker with this in its name do not start.
- `STUB_CALIBRATION_SECONDS`: how long a calibration takes; it measures nothing.
"""

from __future__ import annotations

import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gakeras.encoding import Genome
from gakeras.jobs import JobFailed
from gakeras.scores import best_epoch

KINDS = {
    "evaluate": "stub_jobs:evaluate",
    "train": "stub_jobs:train",
    "calibrate": "stub_jobs:calibrate",
    "convert": "gakeras.exporting.work:convert",
    "tell": "stub_jobs:tell",
    "fault": "stub_jobs:fault",
    "once": "stub_jobs:fault_once",
    "missing": "stub_jobs:there_is_no_such_function",
}


def warm_up() -> None:
    print("a print while the child starts")
    time.sleep(float(os.environ.get("STUB_START_SECONDS", "0")))
    if "STUB_BROKEN" in os.environ and os.environ["STUB_BROKEN"] in os.readlink("/proc/self/fd/2"):
        sys.exit("no accelerator here")


def calibrate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Time nothing."""
    time.sleep(float(os.environ.get("STUB_CALIBRATION_SECONDS", "0")))
    return {"measures": {"timings": []}}


def evaluate(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Measure a genome as the job of `gakeras.fitness.evaluation` does, by its digest alone."""
    digest = Genome.from_json(payload["genome"]).digest
    _append_line(os.environ.get("STUB_LOG"), digest)
    _append_line(os.environ.get("STUB_PARENT_LOG"), f"{digest} {os.getppid()}")
    _append_line(os.environ.get("STUB_PID_LOG"), str(os.getpid()))
    print("a print in the middle of a job")
    time.sleep(float(os.environ.get("STUB_SECONDS", "0")))
    if "STUB_FAULT" in os.environ and digest[0] in os.environ.get("STUB_FAULT_AMONG", digest[0]):
        FAULTS[os.environ["STUB_FAULT"]]()
    rng, per_epoch = random.Random(digest), float(os.environ.get("STUB_EPOCH_CPU_SECONDS", "0"))
    _compute(per_epoch * len(payload["folds"]) * (payload["to_epoch"] - payload["from_epoch"]))
    took = {"cpu_seconds": per_epoch} if per_epoch else {}
    folds = [
        {
            "fold": fold,
            "epochs": [
                {"epoch": epoch, "loss": rng.random(), "val_loss": rng.random(), "val_metric": rng.random()}
                | took
                for epoch in range(payload["from_epoch"], payload["to_epoch"])
            ],
        }
        for fold in payload["folds"]
    ]
    if payload.get("fitness_epoch") == "best":
        folds = [fold | {"scored_epoch": best_epoch(fold["epochs"])["epoch"]} for fold in folds]
    if "heritage" in payload:
        folds = [_inherit(fold, payload) for fold in folds]
    return {"measures": {"parameters": rng.randrange(1000), "flops": rng.randrange(10**6), "folds": folds}}


def _inherit(fold: dict[str, Any], payload: Mapping[str, Any]) -> dict[str, Any]:
    """Let the losses of a fold be those of its parents' weights, and leave its own to its children."""
    import numpy as np  # only here, for the other searches' workers start sooner without it

    from gakeras.fitness.checkpoints import Checkpoint, Training, load_checkpoint, save_checkpoint

    training = Training(fold["fold"], "folds", "data")
    folders = map(Path, payload["heritage"]["parents"].values())
    parents = [load_checkpoint(folder, training) for folder in folders]
    own = fold["epochs"][-1]["val_loss"]
    loss = 0.9 * min([float(parent.weights["loss"]) for parent in parents], default=own) + 0.1 * own
    age = max((parent.age for parent in parents), default=0) + len(fold["epochs"])
    genome = Genome.from_json(payload["genome"])
    checkpoint = Checkpoint(genome, {"loss": np.array(loss)}, training, age)
    save_checkpoint(checkpoint, Path(payload["heritage"]["folder"]))
    last = fold["epochs"][-1] | {"val_loss": loss}
    return fold | {"epochs": [*fold["epochs"][:-1], last], "age": age}


def train(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Measure a genome as the job of `gakeras.fitness.final` does, and save an empty model."""
    rng = random.Random(f"{payload['genome']} {payload['repeat']}")
    scores = {name: rng.random() for name in ("train_loss", "train_metric")}
    artifacts = {}
    if payload.get("save_to"):
        Path(payload["save_to"]).parent.mkdir(parents=True, exist_ok=True)
        Path(payload["save_to"]).touch()
        artifacts["model"] = payload["save_to"]
    return {"measures": {"parameters": 1, "flops": 2, "epochs": [], **scores}, "artifacts": artifacts}


def tell(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Sleep for `seconds`, then tell what the child is."""
    _append_line(payload.get("log"), str(os.getpid()))
    time.sleep(payload.get("seconds", 0))
    environment = {name: os.environ.get(name) for name in payload.get("environment", ())}
    return {
        "measures": {"echo": payload.get("echo"), "pid": os.getpid(), "environment": environment}
        | {"frozen": gc.get_freeze_count()},
        "artifacts": {"log": "somewhere"},
    }


def fault(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Go wrong as `how` says."""
    FAULTS[payload["how"]]()
    return {"measures": {"echo": "survived"}}


def fault_once(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Go wrong as `how` says in as many attempts as `times`, counted in the file `log`."""
    _append_line(payload["log"], payload["how"])
    with open(payload["log"]) as log:
        attempt = len(log.readlines())
    time.sleep(payload.get("seconds", 0))
    return fault(payload) if attempt <= payload["times"] else {"measures": {"echo": "survived"}}


def _raise(error: BaseException) -> None:
    raise error


FAULTS: dict[str, Callable[[], object]] = {
    "raises": lambda: _raise(ValueError("no such layer")),
    "gives up": lambda: _raise(JobFailed("diverged", {"folds": []})),
    "gives up with NaN": lambda: _raise(JobFailed("diverged", {"loss": float("nan")})),
    "gives up with an object": lambda: _raise(JobFailed("diverged", {"loss": object()})),
    "runs out of memory": lambda: _raise(MemoryError("no 80 GiB")),
    "recurses": lambda: _recurse(),
    "sys.exit": lambda: sys.exit(3),
    "os._exit": lambda: os._exit(3),
    "kills itself": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "aborts": lambda: os.abort(),
    "hangs": lambda: time.sleep(3600),
    "busy": lambda: _spin(),
    "kills the pool": lambda: os.kill(os.getppid(), signal.SIGKILL),
}


def _recurse() -> None:
    _recurse()


def _compute(cpu_seconds: float) -> None:
    end = time.process_time() + cpu_seconds
    while time.process_time() < end:
        pass


def _spin() -> None:
    while True:
        pass


def _append_line(path: str | None, line: str) -> None:
    if path:
        log = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, f"{line}\n".encode())
        os.close(log)
