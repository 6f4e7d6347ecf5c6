"""What a user has chosen of Keras is tried in a worker before a run is made: one step on a dozen examples."""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import get_args

from gakeras.config import Settings
from gakeras.data import Task
from gakeras.dispatch import Dispatcher
from gakeras.encoding.learning import Optimizer
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice, ExecutorFactory, choose_executor
from gakeras.jobs import Job
from gakeras.run import RunDirectory
from gakeras.supervision import child_options


def rehearse(settings: Settings, task: Task, executor: ExecutorChoice) -> None:
    """Try loss, metric and optimizers, where they are not the usual ones.

    It takes the start of one worker process, on the master's machine, which sees what workers see: with
    the "debug" executor it is done in this process. Keras is not imported here otherwise.

    Raises:
        InputError: One of them cannot be built, or not be used for such targets; nothing was made.
    """
    trainings = [settings.training, settings.final.training]
    unusual = [each for each in trainings if each.optimizer not in get_args(Optimizer)]
    criteria = settings.criteria.to_payload()
    if not unusual and not criteria:
        return
    payload = {"task": asdict(task), "trainings": [asdict(each) for each in unusual or trainings[:1]]}
    factory = ExecutorFactory(lambda: ThreadPoolExecutor(1, thread_name_prefix="rehearsal"), 1)
    if executor == "debug":
        factory = choose_executor("debug")
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        run = RunDirectory(Path(folder))
        options = child_options(run, settings.workers, settings.backend)
        with Dispatcher(factory, options) as dispatcher:
            (result,) = dispatcher.run([Job("rehearsal", "rehearse", payload | criteria)])
        last_words = _last_words(run.logs) if result.status == "died" else ""
    if result.status != "ok":
        raise InputError(
            "Loss, metric and optimizer must fit the targets, and be found by the workers.",
            expected=f"a step of training for {task.kind} targets with {task.outputs} outputs",
            received=f"{result.status}: {result.reason}{last_words}",
            way_out="A class of your own is found where its module can be imported: in the current folder, "
            "or on PYTHONPATH.",
        )


def _last_words(logs: Path) -> str:
    """Return the end of what the worker wrote: its log goes with the folder."""
    texts = [log.read_text(errors="replace") for log in sorted(logs.glob("*.log"))]
    lines = [line for text in texts for line in text.splitlines()]
    return f"; it ends with: {' / '.join(lines[-3:])}" if lines else ""
