"""Whether the file of another runtime says what the model says in Keras."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gakeras.data import spread_rows
from gakeras.errors import InputError
from gakeras.exporting.formats import Format, missing_modules
from gakeras.exporting.runtimes import open_runtime

if TYPE_CHECKING:
    import keras

LARGEST_SHARE = 0.25
"""Of the outputs' spread that they may differ by: more is no longer the same model."""

_NUM_COMPARED = 256
_STEPS = 255  # of 8 bits
_RUNTIMES: dict[Format, str] = {
    "keras": "keras",
    "saved_model": "tensorflow",
    "litert": "ai-edge-litert",
    "onnx": "onnxruntime",
}


def check_agreement(
    model: keras.Model, path: Path, format: Format, examples: np.ndarray | None
) -> dict[str, Any]:
    """Open a file by its own runtime where that is installed, and compare outputs on at most 256 examples.

    Returns:
        With examples and a runtime `max_difference`, the largest difference of an output from that in
        Keras, `num_compared` and `runtime`, its name and version; else nothing.

    Raises:
        InputError: The runtime does not take the file, or the root mean square of the differences is
            above `LARGEST_SHARE` of the outputs' standard deviation, each column's around its own mean.
    """
    if examples is None or missing_modules(format, to_read=True):
        return {}
    x = spread_rows(examples, _NUM_COMPARED).astype(model.inputs[0].dtype)
    expected = np.asarray(model.predict_on_batch(x))
    library = _RUNTIMES["litert" if format.startswith("litert") else format]
    try:
        said = open_runtime(path)(x)
    except RuntimeError as error:  # an operation that it has no kernel for
        raise _refusal(format, f"{library} does not run it: {' '.join(str(error).split())[:200]}") from error
    difference = np.abs(said - expected)
    distance, spread = _root_mean_square(difference), _root_mean_square(expected - expected.mean(axis=0))
    rounding = 1e-5 * np.abs(expected).max()
    if not distance <= LARGEST_SHARE * spread + rounding and np.isfinite(expected).all():
        raise _refusal(
            format, f"differences of {distance:.2g} (root mean square), the outputs deviate by {spread:.2g}"
        )
    return {
        "max_difference": float(difference.max()),
        "num_compared": len(x),
        "runtime": f"{library} {version(library)}",
    }


def lost_columns(examples: np.ndarray) -> np.ndarray:
    """Return the columns of a table that vary by less than a step of 8 bits that serve all of it.

    >>> lost_columns(np.array([[0.1, 0, 7], [0.2, 1000, 7]])).tolist()
    [0]
    """
    if examples.ndim != 2:
        return np.arange(0)
    ranges = np.ptp(examples.astype(np.float64), axis=0)
    return np.flatnonzero((ranges > 0) & (ranges < np.ptp(examples.astype(np.float64)) / _STEPS))


def _refusal(format: Format, received: str) -> InputError:
    finer = "" if format in ("litert", "onnx", "saved_model") else "Use litert_int8_weights, or litert."
    return InputError(
        "A model says in its file what it says in Keras.",
        expected=f"outputs of {format} that differ by at most {LARGEST_SHARE} of their deviation",
        received=received,
        way_out=finer,
    )


def _root_mean_square(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))
