"""The job that writes a trained model in another format, and says how it does there."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gakeras.data import open_data, spread_rows
from gakeras.errors import InputError
from gakeras.exporting.conversion import export_model, size_bytes
from gakeras.exporting.formats import Format, missing_modules
from gakeras.exporting.runtimes import open_runtime
from gakeras.fitness.evaluation import forget_models

if TYPE_CHECKING:
    import keras

_NUM_EXAMPLES = 256
_RUNTIMES: dict[Format, str] = {
    "keras": "keras",
    "saved_model": "tensorflow",
    "litert": "ai-edge-litert",
    "onnx": "onnxruntime",
}


def convert(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Write a `.keras` file in another format; see `export_and_compare` for the measures.

    Args:
        payload: `model`, the path of the file; `format`; `save_to`; `data_dir`, for examples.
    """
    try:
        model = load_model(Path(payload["model"]))
        (tensor,) = model.inputs
        x = spread_rows(open_data(Path(payload["data_dir"])).x, _NUM_EXAMPLES)
        examples = x.reshape(len(x), *tensor.shape[1:])
        measures = export_and_compare(model, Path(payload["save_to"]), payload["format"], examples)
    finally:
        forget_models()
    return {"measures": measures, "artifacts": {"model": payload["save_to"]}}


def load_model(path: Path) -> keras.Model:
    """Return the model of a `.keras` file. Raises `InputError` where Keras cannot read it."""
    import keras

    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, ValueError, TypeError) as error:
        raise InputError(
            "A model is read by Keras.",
            expected="a .keras file of layers that Keras knows",
            received=f"{path}: {str(error).strip().splitlines()[0]}",
        ) from None


def export_and_compare(
    model: keras.Model, path: Path, format: Format, examples: np.ndarray | None = None
) -> dict[str, Any]:
    """Export a model, open the file by its own runtime where that is installed, and compare outputs.

    Returns:
        `format`, `file_bytes`; with examples and a runtime also `max_difference`, the largest
        difference of an output from that in Keras, `num_compared` and `runtime`, its name and version.
    """
    export_model(model, path, format=format, examples=examples)
    measures: dict[str, Any] = {"format": format, "file_bytes": size_bytes(path)}
    if examples is not None and not missing_modules(format, to_read=True):
        x = examples.astype(model.inputs[0].dtype)
        difference = np.abs(open_runtime(path)(x) - np.asarray(model.predict_on_batch(x))).max()
        library = _RUNTIMES["litert" if format.startswith("litert") else format]
        measures |= {
            "max_difference": float(difference),
            "num_compared": len(x),
            "runtime": f"{library} {version(library)}",
        }
    return measures
