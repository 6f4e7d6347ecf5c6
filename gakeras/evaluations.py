"""From proposals to evaluation jobs, and from the results of jobs to events of the search."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gakeras.config import Settings
from gakeras.dispatch import Dispatcher, longest_job
from gakeras.evolution import Finished, SearchState, Step, median_seconds
from gakeras.fitness.options import DtypePolicy
from gakeras.jobs import Job
from gakeras.run import RunDirectory

MIN_TIMEOUT_SECONDS = 10.0
"""A multiple of the median below this is no reason to stop an evaluation: it may just be the machine."""


@dataclass(frozen=True)
class Evaluations:
    """The loop's view of the dispatcher: proposals go in, finished evaluations come out.

    An evaluation is stopped after the smallest of the user's cap, a multiple of the median
    of those before it, and the time that is left (and a little more, so that the loop gives
    it up first and a resumed run does it again).
    """

    run: RunDirectory
    settings: Settings
    state: SearchState
    dispatcher: Dispatcher
    seconds_left: Callable[[], float | None]

    @property
    def slots(self) -> int:
        """How many evaluations may be under way now."""
        return self.dispatcher.slots

    def submit(self, step: Step) -> None:
        """Start a step of the evaluation of a proposal."""
        job = evaluation_job(step, self.run, self.settings, self.state)
        self.dispatcher.submit(job, self.timeout_seconds(step))

    def collect(self, timeout: float | None) -> list[Finished]:
        """Wait `timeout` seconds at the most for an evaluation to end; return all that have."""
        results = self.dispatcher.collect(timeout)
        linger = linger_seconds(self.dispatcher.slots, median_seconds(self.state.durations))
        if results and linger:
            time.sleep(linger)
            results += self.dispatcher.collect(0.0)
        return [Finished(int(result.job_id.partition("/")[0]), result) for result in results]

    def give_up(self) -> None:
        """Give up what is under way."""
        self.dispatcher.give_up()

    def timeout_seconds(self, step: Step) -> float | None:
        """Return the longest time a step that starts now may take; None for no limit.

        The median is that of evaluations in the search; a fold of the final length takes longer.
        """
        workers, own, final = self.settings.workers, self.settings.training, self.settings.final
        longer = 1.0
        if step.stage == "final":
            longer = max(1.0, final.epochs / own.epochs) * self.settings.final_slowdown
        median, left = median_seconds(self.state.durations), self.seconds_left()
        limits = [] if workers.timeout_seconds is None else [workers.timeout_seconds]
        if median is not None and workers.timeout_in_medians is not None:
            limits.append(max(MIN_TIMEOUT_SECONDS, longer * workers.timeout_in_medians * median))
        return longest_job(min(limits, default=None), left)


def linger_seconds(slots: int, median: float | None) -> float:
    """Return how long to wait for more results once there is one: a thousandth of an evaluation's time.

    With thousands of workers more will come meanwhile, and one write to disk serves them
    all; with fewer the wait would be for nothing, so it is 0.

    >>> linger_seconds(slots=10_000, median=60.0), linger_seconds(slots=16, median=60.0)
    (0.06, 0.0)
    """
    share = 1e-3
    return share * median if median is not None and slots * share >= 1 else 0.0


def chosen_policy(state: SearchState, number: int) -> DtypePolicy | None:
    """Return the dtype policy that a worker has chosen for an individual; None where none has yet."""
    results = [piece.measures for piece in state.pieces.get(number, ())]
    results += [individual.measures for individual in state.population if individual.id == number]
    return next((measures["dtype_policy"] for measures in results if "dtype_policy" in measures), None)


def evaluation_job(step: Step, run: RunDirectory, settings: Settings, state: SearchState) -> Job:
    """Return the job that does a step of an evaluation.

    Where the step ends before the last epoch its training state is kept in the run directory,
    and the next one goes on from there. A finalist's final folds are trained as the final
    training is. A dtype policy that was chosen for the network stays, where `"auto"` is asked for.
    """
    training = settings.final.training if step.stage == "final" else settings.training
    policy = chosen_policy(state, step.number)
    if training.dtype_policy == "auto" and policy is not None:
        training = replace(training, dtype_policy=policy)
    stretch = step.stretch
    folds = range(settings.num_folds) if stretch.folds is None else stretch.folds
    to_epoch = training.epochs if stretch.to_epoch is None else stretch.to_epoch
    payload: dict[str, Any] = {
        "genome": step.genome.to_json(),
        "run_seed": settings.seed,
        "repeat": 0,
        "folds": list(folds),
        "from_epoch": stretch.from_epoch,
        "to_epoch": to_epoch,
        "training": asdict(training),
        "data_dir": str(run.data),
        "folds_file": str(run.folds),
        **settings.criteria.to_payload(),
    }
    if stretch.from_epoch > 0:
        payload["load_from"] = str(_paused(run, step.number, stretch.from_epoch))
    if to_epoch < training.epochs:
        payload["save_to"] = str(_paused(run, step.number, to_epoch))
    if settings.fidelity.race and payload["folds"][-1] + 1 < settings.num_folds:
        payload["keep"] = True
    if "latency" in (*settings.objectives, *settings.penalty):
        payload["latency"] = True
    if settings.fitness_epoch != "last":
        payload["fitness_epoch"] = settings.fitness_epoch
    if step.stage == "search":
        payload |= _stops(settings, state)
        payload |= _heritage(step, run, settings)
        payload |= {"is_after_metric": True} if settings.is_after_metric else {}
    return Job(id=step.job_id, kind="evaluate", payload=payload)


def forget_paused(run: RunDirectory, number: int) -> None:
    """Remove the training states of an evaluation that is finished."""
    shutil.rmtree(run.paused / str(number), ignore_errors=True)


def forget_weights(run: RunDirectory, state: SearchState) -> None:
    """Remove the weights of individuals that no child can inherit from any more.

    Those of the population, of a generation that is not complete, of what is under way and of the
    parents of that are kept.
    """
    under_way = state.in_flight.items()
    needed = {individual.id for individual in (*state.population, *state.newcomers)}
    needed |= {number for child, proposal in under_way for number in (child, *proposal.parents)}
    for folder in run.weights.iterdir() if run.weights.exists() else ():
        if folder.name.isdigit() and int(folder.name) not in needed:
            shutil.rmtree(folder, ignore_errors=True)


def _heritage(step: Step, run: RunDirectory, settings: Settings) -> dict[str, Any]:
    """Return where an evaluation finds its parents' weights and leaves its own, where they are inherited."""
    if settings.inherit == "none":
        return {}
    parents = {str(number): str(run.weights / str(number)) for number in step.proposal.parents}
    return {"heritage": {"parents": parents, "folder": str(run.weights / str(step.number))}}


def _stops(settings: Settings, state: SearchState) -> dict[str, Any]:
    """Return when the worker is to give up a step of the search by itself.

    What has not learnt is known by what others have: before anyone has, nothing is taken for dead.
    """
    fidelity, caps = settings.fidelity, settings.caps
    stops: dict[str, Any] = {}
    best = state.learnt.get(fidelity.dead_after)
    if best is not None and settings.loss is None:  # the level of chance is that of the usual loss
        stops["dead"] = {"after": fidelity.dead_after, "share": fidelity.dead_share, "best": best}
    if isinstance(caps.max_cpu_seconds, float):
        num_epochs = settings.num_candidate_folds * settings.training.epochs
        stops["max_epoch_seconds"] = caps.overshoot * caps.max_cpu_seconds / num_epochs
    return stops


def calibration_job(run: RunDirectory, settings: Settings) -> Job:
    """Return the job that times a few networks on a worker."""
    payload = {
        "training": asdict(settings.training),
        "data_dir": str(run.data),
        "num_folds": settings.num_folds,
        "num_examples": settings.search_examples or run.info.num_train,
    }
    return Job(id="calibration", kind="calibrate", payload=payload)


def _paused(run: RunDirectory, number: int, epoch: int) -> Path:
    return run.paused / str(number) / f"epoch{epoch}"
