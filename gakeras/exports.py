"""The model of a run on its way out: written by a worker in the format wanted, with a card beside it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gakeras.config import WorkerSettings
from gakeras.errands import do_job
from gakeras.errors import InputError
from gakeras.executors import ExecutorChoice
from gakeras.exporting.card import Section, card_path, file_section, model_card
from gakeras.exporting.conversion import check_place
from gakeras.exporting.formats import Format, check_installed, choose_format
from gakeras.jobs import Job
from gakeras.run import RunDirectory

if TYPE_CHECKING:
    from gakeras.data import DataInfo

_CONVERTING_BACKEND = "tensorflow"  # what another backend has trained it reads as well


def check_export_path(path: str | Path, format: str | None) -> tuple[Path, Format]:
    """Return where a model is to be written and in which format, the folders on the way made.

    Raises:
        InputError: The format cannot be written, or there.
    """
    chosen = choose_format(path, format)
    check_installed(chosen)
    check_place(Path(path))
    return Path(path), chosen


def check_keras_path(path: Path) -> Path:
    """Return a path that a model can be saved to, its folder made. Raises `InputError` for any other."""
    if path.suffix != ".keras":
        raise InputError(
            "Keras saves to `.keras` files.", expected="a path ending in .keras", received=str(path)
        )
    check_place(path)
    return path


def export_from_run(
    model: Path,
    target: Path,
    format: Format,
    sections: Mapping[str, Section],
    *,
    run: RunDirectory,
    workers: WorkerSettings,
    executor: ExecutorChoice,
    data_dir: Path | None = None,
) -> Path:
    """Write the `.keras` file of a run in a format, and beside it a card that begins with the sections.

    It is compared and calibrated on the examples in `data_dir`, by default those of the run.

    Raises:
        RunError: The conversion failed.
    """
    if format == "keras":
        shutil.copyfile(model, target)
        measures: Mapping[str, Any] = {"format": format, "file_bytes": target.stat().st_size}
    else:
        measures = _converted(model, target, format, data_dir or run.data, run, workers, executor)
    made_by = {"command": f"gakeras export {run.root.name} {target.name} --format {format}"}
    text = model_card(
        target.name, {**sections, "File": file_section(target.name, measures), "Written by": made_by}
    )
    card_path(target).write_text(text, encoding="utf-8")
    return target


def data_section(run: RunDirectory) -> dict[str, object]:
    """Return what a card says of the data of a run."""
    return data_facts(run.info) | {"digest of the folds": run.header()["fold_digest"]}


def data_facts(info: DataInfo) -> dict[str, object]:
    """Return what a card says of any data."""
    return {
        "task": info.task.kind,
        "one example": f"{info.input_shape}, raw; scaling is part of the model",
        "training examples": info.num_train,
        "test examples": info.num_test,
        "digest of the data": info.digest,
    }


def versions_section(run: RunDirectory) -> dict[str, object]:
    """Return the versions that the run of a model began with."""
    return {name: value for name, value in run.header()["versions"].items() if value}


def _converted(
    model: Path,
    target: Path,
    format: Format,
    data_dir: Path,
    run: RunDirectory,
    workers: WorkerSettings,
    executor: ExecutorChoice,
) -> Mapping[str, Any]:
    payload = {
        "model": str(model),
        "format": format,
        "save_to": str(target.absolute()),
        "data_dir": str(data_dir),
    }
    job = Job(f"convert/{target.name}", "convert", payload)
    complaint = f"The model could not be written as {format}."
    return do_job(job, run, workers, _CONVERTING_BACKEND, executor, complaint=complaint).measures
