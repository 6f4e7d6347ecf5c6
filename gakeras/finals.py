"""Final trainings: networks trained on the whole training set, several times, then tested."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from gakeras.dispatch import Dispatcher
from gakeras.encoding import Genome
from gakeras.errors import RunError
from gakeras.fitness.criteria import Criteria
from gakeras.fitness.objectives import decimals, scores_on, spread
from gakeras.fitness.options import TrainingOptions
from gakeras.jobs import Job, JobResult
from gakeras.journal import JournalWriter
from gakeras.session import Session

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class TrainingSummary:
    """Several trainings of one network, as the paper's Tables 1 and 4 report them.

    `metrics` and `losses` are those on the test set, one a repeat; where there is no test
    set, those on the training set, and `on_test` is False. Where a training failed, `failure` says why,
    and all of them are NaN.
    """

    name: str
    genome: Genome
    parameters: int
    flops: int
    metrics: tuple[float, ...]
    losses: tuple[float, ...]
    on_test: bool
    model_path: Path | None = None
    failure: str | None = None

    @property
    def avg(self) -> float:
        """Mean metric over the repeats."""
        return statistics.fmean(self.metrics)

    @property
    def std(self) -> float:
        """Standard deviation (n - 1) over the repeats; 0 for one."""
        return spread(list(self.metrics))

    @property
    def min(self) -> float:
        """Smallest metric."""
        return min(self.metrics)

    @property
    def max(self) -> float:
        """Largest metric."""
        return max(self.metrics)

    def __repr__(self) -> str:
        if self.failure is not None:
            return f"TrainingSummary({self.name!r}, failed: {self.failure})"
        where = "test" if self.on_test else "training"
        genes = "".join(f", {learning}" for learning in self.genome.learning)
        return (
            f"TrainingSummary({self.name!r}, {where} avg={decimals(self.avg)} std={decimals(self.std)} "
            f"min={decimals(self.min)} max={decimals(self.max)}, repeats={len(self.metrics)}, "
            f"parameters={self.parameters:,}{genes})"
        )


@dataclass(frozen=True)
class FinalTraining:
    """One repeat of one network's final training; it ends after all epochs, or `stop_after` so many.

    With callbacks it is done in this process, always anew.
    """

    name: str
    genome: Genome
    options: TrainingOptions
    repeat: int
    run_seed: int
    data_dir: Path
    save_to: Path | None = None
    criteria: Criteria = Criteria()
    validation_share: float = 0.0
    callbacks: tuple[Any, ...] = ()
    stop_after: int | None = None

    def job(self) -> Job:
        """Return the job that does it."""
        payload = {
            "genome": self.genome.to_json(),
            "training": asdict(self.options),
            "repeat": self.repeat,
            "run_seed": self.run_seed,
            "data_dir": str(self.data_dir),
            "save_to": str(self.save_to) if self.save_to else None,
            "stop_after": self.stop_after,
            **self._additions(),
        }
        if self.callbacks:
            payload["callbacks"] = self.callbacks
        return Job(id=f"{self.name}/{self.repeat}", kind="train", payload=payload)

    def key(self) -> dict[str, Any]:
        """Return what makes two trainings the same, as it stands in the journal."""
        return {
            "name": self.name,
            "repeat": self.repeat,
            "digest": self.genome.digest,
            "training": asdict(self.options),
            "data_dir": self.data_dir.name,
            "saved": self.save_to is not None,
            "stop_after": self.stop_after,
            **self._additions(),
            **({"callbacks": [type(each).__name__ for each in self.callbacks]} if self.callbacks else {}),
        }

    def _additions(self) -> dict[str, Any]:
        share = {"validation_share": self.validation_share} if self.validation_share else {}
        return self.criteria.to_payload() | share

    def is_that_of(self, key: Mapping[str, Any]) -> bool:
        """Tell whether a journal's key means this training; a field it lacks had its default."""
        key = {"stop_after": None, **key}
        return {**key, "training": asdict(TrainingOptions(**key["training"]))} == self.key()


def find_done(
    trainings: Sequence[FinalTraining], records: Sequence[Mapping[str, Any]]
) -> dict[FinalTraining, JobResult]:
    """Return the results of those trainings that a journal's records hold already.

    A baseline that failed by itself is one of them, for it would fail again. What died or took too long
    is tried again, and so is a winner, without which there is no model.
    """
    done = {}
    for training in trainings:
        if training.callbacks:  # who knows what they do
            continue
        past = [
            JobResult.from_json(record["result"]) for record in records if training.is_that_of(record["key"])
        ]
        usable = [found for result in past if (found := _with_files(training, result)) is not None]
        if usable:
            done[training] = usable[-1]
        elif training.name != "best" and past and past[-1].status == "error":
            done[training] = past[-1]
    return done


def train_all(
    trainings: Sequence[FinalTraining], dispatcher: Dispatcher, journal: JournalWriter, session: Session
) -> Iterator[tuple[FinalTraining, JobResult]]:
    """Do the trainings; yield each with its result as soon as that is on disk.

    Raises:
        Unfinished: The session ended first; resuming does what is left. See `Session.ended`.
    """
    waiting = {training.job().id: training for training in trainings}
    for training in trainings:
        dispatcher.submit(training.job())
    while waiting:
        if session.is_over():
            raise session.ended(
                f"{session.reason}: {len(waiting)} final trainings are left; `gakeras resume` does them."
            )
        for result in dispatcher.collect(POLL_SECONDS):
            training = waiting.pop(result.job_id)
            journal.append([{"type": "trained", "key": training.key(), "result": result.to_json()}])
            session.count_finished(1)
            yield training, result


def summarise(trainings: Sequence[tuple[FinalTraining, JobResult]]) -> list[TrainingSummary]:
    """Return one summary a network, in the order of their first repeats.

    Raises:
        RunError: A training of `best` failed; its reason is in the message. A baseline's is in its summary.
    """
    ordered = sorted(trainings, key=lambda pair: pair[0].repeat)
    names = list(dict.fromkeys(training.name for training, _ in trainings))
    return [_summary([pair for pair in ordered if pair[0].name == name]) for name in names]


def _summary(repeats: Sequence[tuple[FinalTraining, JobResult]]) -> TrainingSummary:
    first, first_result = repeats[0]
    failed = next((result for _, result in repeats if result.status != "ok"), None)
    if failed is not None:
        return _failed_summary(first, failed, len(repeats))
    on_test = "test_metric" in first_result.measures
    part = "test" if on_test else "train"
    scores = [scores for _, result in repeats if (scores := scores_on(part, result.measures))]
    model = first_result.artifacts.get("model")
    return TrainingSummary(
        first.name,
        first.genome,
        first_result.measures["parameters"],
        first_result.measures["flops"],
        tuple(metric for metric, _ in scores),
        tuple(loss for _, loss in scores),
        on_test,
        Path(model) if model else None,
    )


def _failed_summary(training: FinalTraining, failed: JobResult, num_repeats: int) -> TrainingSummary:
    failure = f"{failed.status}: {failed.reason}"
    if training.name == "best":
        raise RunError(f"The final training of {training.name!r} failed. {failure}")
    nothing = (math.nan,) * num_repeats
    return TrainingSummary(
        training.name,
        training.genome,
        int(failed.measures.get("parameters", 0)),  # a worker that was killed has measured nothing
        int(failed.measures.get("flops", 0)),
        nothing,
        nothing,
        on_test=False,
        failure=failure,
    )


def _with_files(training: FinalTraining, result: JobResult) -> JobResult | None:
    """Return a result with its files where they are; None where it is none, or a file is missing.

    The journal has the paths of the directory that the run had then, which may have been moved or copied
    since: what lies where the training saves now is its own.
    """
    if result.status != "ok":
        return None
    recorded = {name: Path(path) for name, path in result.artifacts.items()}
    folder = training.save_to.parent if training.save_to is not None else Path()
    own = {name: folder / path.name for name, path in recorded.items()}
    files = {name: own[name] if own[name].exists() else path for name, path in recorded.items()}
    if not all(path.exists() for path in files.values()):
        return None
    return replace(result, artifacts={name: str(path) for name, path in files.items()})
