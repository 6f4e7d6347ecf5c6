"""From a Keras model to a file of another runtime."""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from gakeras.data import spread_rows
from gakeras.data.tasks import name_some
from gakeras.errors import InputError
from gakeras.exporting.agreement import check_agreement, lost_columns
from gakeras.exporting.formats import Format, check_installed, choose_format

if TYPE_CHECKING:
    import keras

NUM_REPRESENTATIVE = 200


def export_model(
    model: keras.Model, path: str | Path, *, format: str | None = None, examples: np.ndarray | None = None
) -> Path:
    """Write a built model to a file, or to the folder of a SavedModel.

    It is written beside its place, and moved there when it is whole and, where there are examples and the
    runtime of the format, its outputs are those in Keras (`gakeras.exporting.agreement`). A `.tflite` file
    takes one example at a time: with a batch of one every shape is known, so that LiteRT runs the whole
    network in its fast kernels (XNNPACK) and not in pieces. The other formats take batches of any size. A
    model that computes in half precision does so in float32 in an `.onnx` or `.tflite` file.

    Args:
        model: A Sequential or Functional model with one input and one output.
        path: Where to write, with the suffix of the format; folders on the way are made.
        format: One of `Format`; by default what the suffix says, float32 for `.tflite`.
        examples: As the model takes them, to compare outputs on at most 256 of them. `litert_int8` needs
            some, 100 or more if possible: the range of every activation is found on 200, spread over
            all. One range serves a whole tensor, so a table with columns that differ by orders of
            magnitude is refused; `litert_int8_weights` serves it.

    Returns:
        The path.

    Raises:
        InputError: The format cannot be written here, or does not suit the path; there is no example
            for int8, or a table that it does not suit; the model has several inputs; the folder holds
            something else; the file would say something else than the model.

    >>> import keras, tempfile
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     export_model(model, folder + "/model.keras").name
    'model.keras'
    """
    chosen, path = choose_format(path, format), Path(path)
    with written(model, path, chosen, examples) as whole:
        if chosen != "keras":
            check_agreement(model, whole, chosen, examples)
    return path


@contextmanager
def written(model: keras.Model, path: Path, format: Format, examples: np.ndarray | None) -> Iterator[Path]:
    """Write a model beside its place and yield that file; it gets there if nobody then raises anything."""
    check_export(format, examples)
    _check_model(model, format)
    check_place(path)
    with tempfile.TemporaryDirectory(prefix=".export-", dir=path.parent) as folder:
        whole = Path(folder) / path.name
        _write(model, whole, format, examples)
        yield whole
        os.replace(whole, path)


def check_export(format: Format, examples: np.ndarray | None) -> None:
    """Raise `InputError` where a format cannot be written under this backend, or without these examples."""
    import keras

    check_installed(format)
    if format != "keras" and keras.backend.backend() != "tensorflow":
        raise InputError(
            "Only .keras files are written under every backend.",
            expected=f"the backend tensorflow for {format}",
            received=f"KERAS_BACKEND={keras.backend.backend()}",
            way_out="Save the model as .keras and export that file under KERAS_BACKEND=tensorflow.",
        )
    if format != "litert_int8":
        return
    if examples is None or len(examples) == 0:
        raise InputError(
            "The ranges of activations in 8 bits are found on examples.",
            expected="examples for litert_int8",
            received="none",
            way_out="Pass some of the training examples, or use litert_int8_weights, which needs none.",
        )
    lost = lost_columns(spread_rows(examples, NUM_REPRESENTATIVE))
    if len(lost):
        raise InputError(
            "In litert_int8 all columns of a table have one range of 256 steps.",
            expected="columns that vary by more than a step of it",
            received=f"columns that do not: {name_some(lost)}",
            way_out="Use litert_int8_weights, or litert.",
        )


def _check_model(model: keras.Model, format: Format) -> None:
    if not model.built:
        raise InputError(
            "A model is exported with its weights.",
            expected="a built model",
            received=f"{model.name!r}, which is not built",
            way_out="Call it once, or give it a keras.Input.",
        )
    if format != "keras" and (len(model.inputs), len(model.outputs)) != (1, 1):
        raise InputError(
            "Models are exported from one input to one output.",
            expected=f"one input and one output for {format}",
            received=f"{len(model.inputs)} and {len(model.outputs)} in {model.name!r}",
            way_out="Save it as .keras.",
        )


def check_place(path: Path) -> None:
    """Make the folders on the way to a file. Raises `InputError` where none can be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            "A model is saved in a directory that can be written to.",
            expected=f"that {path.parent} is one, or can be made",
            received=f"{path}: {error.strerror}",
        ) from None
    if path.is_dir() and any(path.iterdir()):
        raise InputError(
            "An export does not write over a folder.",
            expected="a new path, or an empty folder",
            received=f"{path}, which holds files",
        )


def _write(model: keras.Model, path: Path, format: Format, examples: np.ndarray | None) -> None:
    match format:
        case "keras":
            model.save(path)
        case "saved_model":
            _export(model, path, "tf_saved_model", batch_size=None)
        case "onnx":
            with warnings.catch_warnings():  # the converter asks for names that NumPy no longer has
                warnings.simplefilter("ignore", FutureWarning)
                _export(_in_float32(model), path, "onnx", batch_size=None)
        case _:
            path.write_bytes(_litert(_in_float32(model), format, examples))


def _in_float32(model: keras.Model) -> keras.Model:
    """Return a model that computes in float32, as its weights are: the converters know no other layers."""
    import keras

    from gakeras.graph.reading import layers_by_path
    from gakeras.graph.rebuilding import read_weights, write_weights

    halves = {"float16", "bfloat16"}
    if not any(layer.compute_dtype in halves for layer in layers_by_path(model).values()):
        return model

    def in_float32(layer: keras.Layer) -> keras.Layer:
        return type(layer).from_config({**layer.get_config(), "dtype": "float32"})

    copy = keras.models.clone_model(model, clone_function=in_float32, recursive=True)
    write_weights(copy, read_weights(model))
    return copy


def _export(model: keras.Model, path: Path, format: str, batch_size: int | None) -> None:
    import keras

    (tensor,) = model.inputs
    signature = [keras.InputSpec(shape=(batch_size, *tensor.shape[1:]), dtype=tensor.dtype)]
    model.export(path, format=format, verbose=False, input_signature=signature)


def _litert(model: keras.Model, format: Format, examples: np.ndarray | None) -> bytes:
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # int8 between float32 ends: the converter misses the statistics of inputs that have none
        warnings.filterwarnings("ignore", "Statistics for quantized inputs", UserWarning)
        _export(model, Path(folder), "tf_saved_model", batch_size=1)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        if format != "litert":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if format == "litert_float16":
            converter.target_spec.supported_types = [tf.float16]
        if format == "litert_int8":
            assert examples is not None
            converter.representative_dataset = lambda: _one_by_one(examples, model.inputs[0])
            ops = tf.lite.OpsSet  # an activation that has no kernel of 8 bits is computed in float32
            converter.target_spec.supported_ops = [ops.TFLITE_BUILTINS_INT8, ops.TFLITE_BUILTINS]
        content: bytes = converter.convert()
    return content


def _one_by_one(examples: np.ndarray, tensor: keras.KerasTensor) -> Iterator[list[np.ndarray]]:
    for example in spread_rows(examples, NUM_REPRESENTATIVE):
        yield [example.reshape(1, *tensor.shape[1:]).astype(tensor.dtype)]


def size_bytes(path: Path) -> int:
    """Return the bytes of a file, or of all files in a folder."""
    files = [path] if path.is_file() else [each for each in path.rglob("*") if each.is_file()]
    return sum(each.stat().st_size for each in files)
