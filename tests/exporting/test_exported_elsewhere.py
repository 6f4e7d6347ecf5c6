"""An exported model says in its own runtime what it says in Keras.

Tolerances are of outputs, probabilities between 0 and 1 or targets of order 1: 1e-5 where the arithmetic
is that of float32; 1e-3 for weights of 16 bits, 2e-2 where anything has 8.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pytest
from keras_models import NETWORKS, outputs_of, with_random_weights

from gakeras.data import Arrays, check_arrays, open_data, store_arrays
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.exporting import SUFFIXES, compare_models, export_model, open_runtime
from gakeras.fitness.network import compiled_model, set_statistics
from gakeras.fitness.options import TrainingOptions

TOLERANCES = {
    "keras": 1e-6,
    "saved_model": 1e-5,
    "litert": 1e-5,
    "litert_float16": 1e-3,
    "litert_int8": 2e-2,
    "litert_int8_weights": 2e-2,
    "onnx": 1e-5,
}
Made = tuple[keras.Model, np.ndarray]


def difference_after(model: keras.Model, x: np.ndarray, format: str, folder: Path) -> float:
    path = export_model(model, folder / f"model{SUFFIXES[format]}", format=format, examples=x)
    (expected,) = outputs_of(model, [x.astype("float32")])
    said = open_runtime(path)(x)
    assert said.shape == expected.shape and np.ptp(expected, axis=0).max() > 0.1
    return float(np.abs(said - expected).max())


@pytest.fixture(scope="module")
def evolved() -> Made:
    """A network of the search on images of whole numbers: both paddings, dropout, two activations."""
    text = """
    conv #6 kernelsize=3 activation=tanh padding=valid dropout=0.2
    pool poolsize=2
    conv #7 kernelsize=2 activation=leaky_relu
    dense #40 activation=relu dropout=0.1
    """
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (120, 8, 8)).astype("uint8")
    model = searched(Genome.parse(text), Arrays(x, np.arange(120) % 4))
    with_random_weights(model, seed=1)
    model.layers[-1].kernel.assign(3 * model.layers[-1].kernel)  # outputs that differ from image to image
    return model, x


def searched(genome: Genome, arrays: Arrays) -> keras.Model:
    with tempfile.TemporaryDirectory() as folder:
        store_arrays(arrays, check_arrays(arrays), Path(folder))
        data = open_data(Path(folder))
        model = compiled_model(genome, data.info, TrainingOptions())
        set_statistics(model, data.x, data.y)
    return model


@pytest.mark.parametrize("format", TOLERANCES)
def test_a_network_of_a_search_says_the_same(format: str, evolved: Made, tmp_path: Path) -> None:
    model, x = evolved
    assert difference_after(model, x, format, tmp_path) <= TOLERANCES[format]


@pytest.mark.slow
@pytest.mark.parametrize("format", ["saved_model", "litert", "litert_int8_weights", "onnx"])
def test_a_table_with_columns_of_every_size_says_the_same(format: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(60, 3)) * [1e-3, 1, 1e4]
    model = searched(Genome.parse("dense #8 activation=relu"), Arrays(x, rng.normal(size=60)))
    assert difference_after(model, x, format, tmp_path) <= TOLERANCES[format]


def test_a_file_that_says_something_else_is_refused_and_what_was_there_stays(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    x = 30_000 + rng.normal(size=(60, 2))  # whose mean no float16 has
    model = searched(Genome.parse("dense #8 activation=relu"), Arrays(x, rng.normal(size=60)))
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(InputError, match="litert_float16 that differ by at most 0.25.*litert_int8_weights"):
        export_model(model, path, format="litert_float16", examples=x)
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]
    assert difference_after(model, x, "litert_int8_weights", tmp_path) <= 2e-2


def test_eight_bits_of_a_table_with_columns_of_every_size_are_refused(tmp_path: Path) -> None:
    x = np.random.default_rng(2).normal(size=(60, 3)) * [1e-3, 1, 1e4]
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    with pytest.raises(InputError, match="that do not: 0, 1. Use litert_int8_weights"):
        export_model(model, tmp_path / "model.tflite", format="litert_int8", examples=x)
    assert not list(tmp_path.iterdir())
    compared = compare_models({"only": model}, x, batch_sizes=[1], rounds=1)
    assert {"litert", "litert_int8", "onnx"} - set(compared.models[0].size_bytes) == {"litert_int8"}


@pytest.mark.parametrize("network", [NETWORKS["inception"], NETWORKS["residual"]])
@pytest.mark.parametrize("format", ["litert", "onnx"])
def test_branches_and_merges_say_the_same(
    network: Callable[[str], keras.Model], format: str, tmp_path: Path
) -> None:
    model = with_random_weights(network("valid"), seed=3)
    x = np.random.default_rng(4).normal(size=(20, *model.inputs[0].shape[1:])).astype("float32")
    assert difference_after(model, x, format, tmp_path) <= 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("format", ["litert", "onnx"])
def test_a_model_of_half_precision_says_nearly_the_same(policy: str, format: str, tmp_path: Path) -> None:
    stack = [keras.layers.Conv2D(4, 3, activation="relu", dtype=policy), keras.layers.Flatten()]
    model = keras.Sequential([keras.Input((6, 6, 1)), *stack, keras.layers.Dense(3, dtype=policy)])
    x = np.random.default_rng(6).normal(size=(20, 6, 6, 1)).astype("float32")
    assert difference_after(model, x, format, tmp_path) <= 3e-2
    assert model.layers[0].compute_dtype == policy.removeprefix("mixed_")


def test_eight_bits_are_found_on_examples_from_all_over_sorted_data(tmp_path: Path) -> None:
    x = np.repeat(np.float32([1, 10, 100]), 300)[:, None] * np.ones(4, "float32")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(2)])
    for weight in model.weights:
        weight.assign(np.abs(keras.ops.convert_to_numpy(weight)) + 0.1)
    path = export_model(model, tmp_path / "model.tflite", format="litert_int8", examples=x)
    (expected,) = outputs_of(model, [x])
    assert np.abs(open_runtime(path)(x[-3:]) / expected[-3:] - 1).max() < 0.05


def test_fewer_bits_are_fewer_bytes(tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(128), keras.layers.Dense(4)])
    x = np.random.default_rng(5).normal(size=(20, 64))
    sizes = [
        export_model(model, tmp_path / f"{format}.tflite", format=format, examples=x).stat().st_size
        for format in ("litert", "litert_float16", "litert_int8")
    ]
    assert sizes[1] < 0.6 * sizes[0] and sizes[2] < 0.4 * sizes[0]


def test_a_litert_file_takes_one_example_at_a_time_and_all_in_turn(evolved: Made, tmp_path: Path) -> None:
    predict = open_runtime(export_model(evolved[0], tmp_path / "model.tflite"))
    x = evolved[1]
    assert np.array_equal(predict(x[:7]), np.concatenate([predict(x[i : i + 1]) for i in range(7)]))
