"""A file is opened by the runtime that it is for: a function from examples to outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from gakeras.errors import InputError
from gakeras.exporting.formats import check_installed, choose_format

Predict = Callable[[np.ndarray], np.ndarray]


def open_runtime(path: str | Path, threads: int = 1) -> Predict:
    """Open the file of a model and return the function it computes.

    `.keras` is opened by Keras, the folder of a SavedModel by TensorFlow, `.tflite` by LiteRT with its
    fast kernels (XNNPACK), `.onnx` by ONNX Runtime on the CPU.

    Args:
        path: What `export_model` has written.
        threads: For LiteRT and ONNX; the threads of Keras and TensorFlow are those of the process.

    Returns:
        A function from examples `(n, ...)` as the model takes them to outputs `(n, ...)`. LiteRT takes them
        one by one.

    Raises:
        InputError: There is no such file, or its runtime is not installed.
    """
    path, format = Path(path), choose_format(path)
    if not path.exists():
        raise InputError("A model is read from a file.", expected="one that exists", received=str(path))
    check_installed(format, to_read=True)
    match format:
        case "keras":
            return _keras(path)
        case "saved_model":
            return _saved_model(path)
        case "onnx":
            return _onnx(path, threads)
        case _:
            return _litert(path, threads)


def _keras(path: Path) -> Predict:
    import keras

    model = keras.saving.load_model(path, compile=False)
    return lambda x: np.asarray(model.predict_on_batch(x))


def _saved_model(path: Path) -> Predict:
    import tensorflow as tf

    loaded: Any = tf.saved_model.load(str(path))  # its variables live as long as it does
    dtype = loaded.serve.input_signature[0].dtype if hasattr(loaded.serve, "input_signature") else tf.float32
    return lambda x: np.asarray(loaded.serve(tf.cast(x, dtype)).numpy())


def _onnx(path: Path, threads: int) -> Predict:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda x: np.asarray(session.run(None, {name: np.asarray(x, "float32")})[0])


def one_inference(path: Path, example: np.ndarray, *, threads: int = 1) -> Callable[[], np.ndarray]:
    """Return what runs a `.tflite` file on one example and no more: copy in, invoke, copy out."""
    interpreter, inputs, outputs = _open_litert(path, threads)
    prepared = np.asarray(example, inputs["dtype"]).reshape(inputs["shape"])
    place, result = inputs["index"], outputs["index"]

    def infer() -> np.ndarray:
        interpreter.set_tensor(place, prepared)
        interpreter.invoke()
        return np.asarray(interpreter.get_tensor(result))

    return infer


def _open_litert(path: Path, threads: int) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return the interpreter of a `.tflite` file and what it says of its input and its output."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=threads)
    interpreter.allocate_tensors()
    (inputs,), (outputs,) = interpreter.get_input_details(), interpreter.get_output_details()
    return interpreter, inputs, outputs


def _litert(path: Path, threads: int) -> Predict:
    interpreter, inputs, outputs = _open_litert(path, threads)

    def predict(x: np.ndarray) -> np.ndarray:
        said = []
        for example in np.asarray(x, inputs["dtype"]).reshape(-1, *inputs["shape"]):
            interpreter.set_tensor(inputs["index"], example)
            interpreter.invoke()
            said.append(interpreter.get_tensor(outputs["index"]))
        return np.concatenate(said)

    return predict
