"""The job that writes a trained model in another format, and says how it does there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gakeras.data import open_data, spread_rows
from gakeras.errors import InputError
from gakeras.exporting.agreement import check_agreement
from gakeras.exporting.conversion import size_bytes, written
from gakeras.exporting.formats import Format
from gakeras.fitness.evaluation import forget_models

if TYPE_CHECKING:
    import keras

_NUM_EXAMPLES = 256


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
    """Export a model if the file's outputs are those in Keras; it raises what `check_agreement` does.

    Returns:
        `format`, `file_bytes`, and what `check_agreement` returns.
    """
    with written(model, path, format, examples) as whole:
        compared = check_agreement(model, whole, format, examples)
    return {"format": format, "file_bytes": size_bytes(path), **compared}
