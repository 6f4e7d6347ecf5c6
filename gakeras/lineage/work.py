"""From births to jobs, and from the results of jobs to events of the family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from gakeras.dispatch import Dispatcher, longest_job
from gakeras.jobs import Job
from gakeras.lineage.family import Birth, Family, Grown, Member
from gakeras.lineage.settings import SynthesisSettings
from gakeras.run import RunDirectory
from gakeras.seeding import derive_seed
from gakeras.synthesis import Synthesis


@dataclass(frozen=True)
class Births:
    """The loop's view of the dispatcher: births go in, grown networks come out.

    A job is stopped after the user's cap, or the time that is left and a little more, so that
    the loop gives it up first and a resumed run does it again.
    """

    run: RunDirectory
    settings: SynthesisSettings
    family: Family
    dispatcher: Dispatcher
    seconds_left: Callable[[], float | None]

    def submit(self, birth: Birth) -> None:
        """Start the job of a birth."""
        timeout = longest_job(self.settings.workers.timeout_seconds, self.seconds_left())
        self.dispatcher.submit(birth_job(birth, self.family, self.run, self.settings), timeout)

    def collect(self, timeout: float) -> list[Grown]:
        """Wait `timeout` seconds at the most for a job to end; return what has become of all that have."""
        results = self.dispatcher.collect(timeout)
        return sorted(
            (Grown(int(result.job_id), result) for result in results), key=lambda event: event.number
        )


def birth_job(birth: Birth, family: Family, run: RunDirectory, settings: SynthesisSettings) -> Job:
    """Return the job of a birth; all that is random in it comes from (run seed, generation, number)."""
    payload: dict[str, Any] = {
        "model": str(run.ancestor),
        "seed": derive_seed(settings.seed, birth.role, birth.generation, birth.number),
        "data_dir": str(run.data),
        "folds_file": str(run.folds),
        "save_to": str(run.networks / f"{birth.number:04d}"),
    }
    parents = [family.members[number] for number in birth.parents]
    if birth.role == "ancestor":
        source = settings.ancestor
        if source is not None and source.build is not None:
            genome = source.genome()
            build = {"build": source.build} if genome is None else {"genome": genome.to_json()}
            payload |= build | {"training": asdict(source.training)}
        if settings.distillation is not None:
            payload["answers"] = str(run.networks / "answers.npy")
        return Job(str(birth.number), "measure_ancestor", payload)
    payload |= {
        "parents": [checkpoint(parent, run) for parent in parents],
        "precision": settings.precision,
    }
    if settings.distillation is not None:
        payload["distillation"] = asdict(settings.distillation)
        payload["answers"] = str(run.networks / "answers.npy")
    if birth.role == "last":
        assert settings.last is not None, "a last training was proposed because it was wanted"
        return Job(str(birth.number), "train_last", payload | {"training": asdict(settings.last)})
    payload |= {
        "drawing": TypeAdapter(Synthesis).dump_python(settings.drawing_in(birth.generation), mode="json"),
        "alpha": [parent.accuracy for parent in parents] if settings.alpha == "accuracy" else None,
        "heir": settings.heir,
        "inherit": settings.inherit,
        "training": asdict(settings.training),
    }
    return Job(str(birth.number), "bear_offspring", payload)


def export_job(member: Member, run: RunDirectory, settings: SynthesisSettings, save_to: Path) -> Job:
    """Return the job that compacts a network and saves it as a `.keras` file."""
    last = settings.last if member.birth.role == "last" else None
    payload = {
        "model": str(run.ancestor),
        **checkpoint(member, run),
        "training": asdict(settings.training if last is None else last),
        "data_dir": str(run.data),
        "folds_file": str(run.folds),
        "save_to": str(save_to),
    }
    return Job(f"export/{member.birth.number}", "export", payload)


def checkpoint(member: Member, run: RunDirectory) -> dict[str, str]:
    """Return the paths of a network's weights and masks in the run's directory, wherever it is now."""
    folder = run.networks / f"{member.birth.number:04d}"
    return {"weights": str(folder / "weights.npz"), "masks": str(folder / "masks.npz")}
