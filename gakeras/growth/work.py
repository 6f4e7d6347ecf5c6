"""From trainings to jobs, and from the results of jobs to events of the population."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from pydantic import TypeAdapter

from gakeras.dispatch import Dispatcher, longest_job
from gakeras.growth.population import Population, Trained, Training
from gakeras.growth.runs import GrowthRun
from gakeras.growth.settings import GrowthSettings, Mutations
from gakeras.jobs import Job, JobResult
from gakeras.seeding import derive_seed

_JOINT = "joint/"


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
        self.send(training_job(training, self.run, self.settings))

    def send(self, job: Job, members: int = 1) -> None:
        """Send off a job of so many members."""
        cap = self.settings.workers.timeout_seconds
        whole = None if cap is None else cap * members
        self.dispatcher.submit(job, longest_job(whole, self.seconds_left()))

    def collect(self, timeout: float) -> list[Trained]:
        """Wait `timeout` seconds at the most for a job to end; return what has become of all that have."""
        results = self.dispatcher.collect(timeout)
        return sorted(
            (Trained(int(result.job_id), result) for result in results), key=lambda event: event.number
        )


@dataclass(frozen=True)
class JointTrainings:
    """The same for members that have layers in common: all trainings of an iteration are one job.

    It is sent when all that are in flight have come in. One that was stopped between two lines of the
    journal is done again as a whole, from the same seed, and what is there already is not told again.
    """

    each: Trainings
    population: Population
    waiting: list[Training] = field(default_factory=list)

    def submit(self, training: Training) -> None:
        """Start the job of an iteration with its last training."""
        self.waiting.append(training)
        if len(self.waiting) < len(self.population.in_flight):
            return
        self.waiting.clear()
        together = [
            other
            for other in self.population.trainings
            if (other.iteration, other.role == "last") == (training.iteration, training.role == "last")
        ]
        if len(together) == 1:
            self.each.submit(training)
        else:
            self.each.send(joint_job(together, self.each.run, self.each.settings), len(together))

    def collect(self, timeout: float) -> list[Trained]:
        """Return what has become of each member."""
        results = self.each.dispatcher.collect(timeout)
        return [trained for result in results for trained in self._told(result)]

    def _told(self, result: JobResult) -> list[Trained]:
        if not result.job_id.startswith(_JOINT):
            return [Trained(int(result.job_id), result)]
        numbers = [int(number) for number in result.job_id.removeprefix(_JOINT).split("-")]
        members = result.measures.get("members", {})
        share = result.cpu_seconds / len(numbers)
        return [
            Trained(number, _own(replace(result, job_id=str(number), cpu_seconds=share), members))
            for number in numbers
            if number in self.population.in_flight
        ]


def _own(result: JobResult, members: Mapping[str, Any]) -> JobResult:
    """Return a joint result as that of one member, which may have failed where others have not."""
    measures = dict(members.get(result.job_id, {}))
    reason = measures.pop("failed", None)
    if reason is not None:
        result = replace(result, status="error", reason=reason)
    return replace(result, measures=measures)


def joint_job(trainings: Sequence[Training], run: GrowthRun, settings: GrowthSettings) -> Job:
    """Return the job that trains members together, in as many steps as they would have alone."""
    jobs = [training_job(training, run, settings) for training in trainings]
    payload = {
        "members": {job.id: job.payload for job in jobs},
        "steps": sum(training.steps for training in trainings),
        "seed": derive_seed(settings.seed, "joint", trainings[0].number),
    }
    return Job(_JOINT + "-".join(job.id for job in jobs), "train_jointly", payload)


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
    if training.role == "last" and settings.last_shrink < 1:
        payload["shrink"] = settings.last_shrink
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
