"""From trainings to jobs, and from the results of jobs to events of the population."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from pydantic import TypeAdapter

from gakeras.dispatch import Dispatcher
from gakeras.growth.population import Trained, Training
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import GrowthSettings, Mutations
from gakeras.jobs import Job
from gakeras.seeding import derive_seed

_FAREWELL_SECONDS = 5.0


@dataclass(frozen=True)
class Trainings:
    """The loop's view of the dispatcher: trainings go in, trained networks come out.

    A job is stopped after the user's cap, or the time that is left and a little more, so that
    the loop gives it up first and a resumed run does it again.
    """

    run: GrowthRun
    settings: GrowthSettings
    dispatcher: Dispatcher
    seconds_left: Callable[[], float | None]

    def submit(self, training: Training) -> None:
        """Start the job of a training."""
        left, cap = self.seconds_left(), self.settings.workers.timeout_seconds
        limits = [cap, None if left is None else left + _FAREWELL_SECONDS]
        timeout = min((limit for limit in limits if limit is not None), default=None)
        self.dispatcher.submit(training_job(training, self.run, self.settings), timeout)

    def collect(self, timeout: float) -> list[Trained]:
        """Wait `timeout` seconds at the most for a job to end; return what has become of all that have."""
        results = self.dispatcher.collect(timeout)
        return sorted(
            (Trained(int(result.job_id), result) for result in results), key=lambda event: event.number
        )


def training_job(training: Training, run: GrowthRun, settings: GrowthSettings) -> Job:
    """Return the job of a training; all that is random in it comes from (run seed, role, number).

    A mutation is drawn from its own number, so that it is the same whoever inherits it.
    """
    payload: dict[str, Any] = {
        "seed": derive_seed(settings.seed, training.role, training.number),
        "steps": training.steps,
        "schedule": "cosine" if training.role == "last" else "constant",
        "training": asdict(settings.training),
        "save_to": str(run.network(training.number).parent),
        **_data(run),
    }
    if training.source is not None:
        payload["source"] = str(run.network(training.source))
    elif settings.start is not None and settings.start.build is not None and not run.start.exists():
        genome = settings.start.genome()
        assert genome is not None, "a network to build is a genome"
        payload["genome"] = genome.to_json()
    else:
        payload["start"] = str(run.start)
    if training.mutations:
        payload |= {
            "mutations": [
                {"number": number, "seed": derive_seed(settings.seed, "mutation", number)}
                for number in training.mutations
            ],
            "drawing": TypeAdapter(Mutations).dump_python(settings.mutations, mode="json"),
            "inherit": settings.inherit,
            "carry": settings.carry,
            "rescaling": settings.rescaling,
        }
    return Job(str(training.number), "train_member", payload)


def ensemble_job(
    members: Sequence[int], shares: Sequence[float], run: GrowthRun, settings: GrowthSettings, save_to: str
) -> Job:
    """Return the job that joins members and saves them as one `.keras` file."""
    payload = {
        "members": [str(run.network(number)) for number in members],
        "shares": list(shares),
        "training": asdict(settings.training),
        "save_to": save_to,
        **_data(run),
    }
    return Job(f"ensemble/{'-'.join(map(str, members))}", "join_ensemble", payload)


def _data(run: GrowthRun) -> dict[str, str]:
    return {"data_dir": str(run.data), "folds_file": str(run.folds)}
