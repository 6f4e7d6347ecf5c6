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
from gakeras.errors import InputError, RunError
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
        factory = choose_executor("debug", backend=settings.backend)
    with tempfile.TemporaryDirectory(prefix="rehearsal-") as folder:
        run = RunDirectory(Path(folder))
        options = child_options(run, settings.workers, settings.backend)
        dispatcher = Dispatcher(factory, options)
        complaint = _complaint(dispatcher, Job("rehearsal", "rehearse", payload | criteria), run.logs)
    if complaint is not None:
        raise InputError(
            "Loss, metric and optimizer must fit the targets, and be found by the workers.",
            expected=f"a step of training for {task.kind} targets with {task.outputs} outputs",
            received=complaint,
            way_out="A class of your own is found where its module can be imported: in the current folder, "
            "or on PYTHONPATH.",
        )


def _complaint(dispatcher: Dispatcher, job: Job, logs: Path) -> str | None:
    """Return how a job went wrong, or that no worker could be started for it; None where it went well."""
    try:
        with dispatcher:
            (result,) = dispatcher.run([job])
    except RunError as error:
        return f"{error}{_last_words(logs)}"
    if result.status == "ok":
        return None
    return f"{result.status}: {result.reason}{_last_words(logs) if result.status == 'died' else ''}"


def _last_words(logs: Path) -> str:
    """Return the end of what the worker wrote: its log goes with the folder."""
    texts = [log.read_text(errors="replace") for log in sorted(logs.glob("*.log"))]
    lines = [line for text in texts for line in text.splitlines()]
    return f"; it ends with: {' / '.join(lines[-3:])}" if lines else ""
