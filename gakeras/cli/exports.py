"""`gakeras export`: a model for where it is used."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gakeras.cli.options import ExecutorOption, ProgressOption, app, console
from gakeras.errors import InputError
from gakeras.launcher import num_launched

if TYPE_CHECKING:
    import numpy as np


@app.command()
def export(
    source: Annotated[
        Path, typer.Argument(metavar="RUN_DIR|MODEL.keras", help="The directory of a run, or a Keras model.")
    ],
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help=".keras, .tflite or .onnx, or a new folder for a SavedModel."),
    ],
    format: Annotated[
        str | None,
        typer.Option(help="For .tflite: litert_float16, litert_int8 or litert_int8_weights."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Examples for a model and int8: the name of a data set, or an .npz. A run has its own."
        ),
    ] = None,
    executor: ExecutorOption = None,
    progress: ProgressOption = True,
) -> None:
    """Write a model for another runtime, with a model card beside it: FILE.md.

    Of a search it is the best network, trained as the run's settings say; of a synthesis the smallest
    within its max_drop, compacted; of a growth the ensemble. LiteRT files are compared by
    pip install "gakeras[litert]", and ONNX is written by pip install "gakeras[onnx]". What is left to do
    for a run is done by its own workers, or by those of --executor.

    Example: gakeras export runs/mnist mnist.tflite --format litert_int8

    Example: gakeras export mnist.keras mnist.onnx
    """
    if source.is_dir() or source.suffix != ".keras":
        path = _export_run(source, file, format, executor, progress)
    else:
        path = _export_model(source, file, format, data)
    console.print(f"wrote {path} and {path}.md", highlight=False)


def _export_run(run_dir: Path, file: Path, format: str | None, executor: str | None, progress: bool) -> Path:
    from gakeras.executors import choose_executor
    from gakeras.growth import Growth, open_growth
    from gakeras.lineage import Lineage, open_synthesis
    from gakeras.results import SearchResult
    from gakeras.run import open_run

    if executor is not None:
        choose_executor(executor)  # a wrong name is a mistake, also where nobody is needed
    run = open_run(run_dir)
    match run.kind:
        case "synthesis":
            synthesis = open_synthesis(run_dir)
            choice = executor or _at_hand(synthesis.plan.workers.executor)
            return Lineage(synthesis, executor=choice).export(file, format=format)
        case "growth":
            growth = open_growth(run_dir)
            choice = executor or _at_hand(growth.plan.workers.executor)
            return Growth(growth, executor=choice).export(file, format=format)
    choice = executor or _at_hand(run.settings.workers.executor)
    return SearchResult(run, executor=choice, progress=progress).export(file, format=format)


def _at_hand(recorded: str) -> str:
    """Return a run's own executor, or without its MPI ranks whatever this machine has."""
    return "auto" if recorded == "mpi" and num_launched() == 1 else recorded


def _export_model(source: Path, file: Path, format: str | None, data: str | None) -> Path:
    from gakeras.exporting.card import card_path, file_section, model_card
    from gakeras.exporting.formats import check_installed, choose_format

    chosen = choose_format(file, format)
    check_installed(chosen)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from gakeras.exporting.work import export_and_compare, load_model

    model = load_model(source)
    measures = export_and_compare(model, file, chosen, _examples(data, model))
    about = {"made from": source.name, "parameters": model.count_params()}
    card = model_card(file.name, {"What it is": about, "File": file_section(file.name, measures)})
    card_path(file).write_text(card, encoding="utf-8")
    return file


def _examples(data: str | None, model: Any) -> np.ndarray | None:
    if data is None:
        return None
    from gakeras.data import load_source, spread_rows

    x, shape = spread_rows(load_source(data).x, 256), tuple(model.inputs[0].shape[1:])
    if x[0].size != math.prod(shape):
        raise InputError(
            "A model is calibrated on examples that it takes.",
            expected=f"examples of shape {shape}",
            received=f"{data}, whose examples have the shape {x.shape[1:]}",
        )
    return x.reshape(len(x), *shape)
