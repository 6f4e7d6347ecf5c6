"""Laws of streams: read once, to disk, and then like arrays; a folder of images is one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import gakeras
from gakeras.data import as_arrays, load_source
from gakeras.data.streams import is_stream, joined_examples, read_stream
from gakeras.errors import InputError
from gakeras.growth.checks import with_validation

X = np.arange(40, dtype="float32").reshape(10, 2, 2)
Y = np.arange(10) % 2


class Batches(keras.utils.PyDataset):
    """Three batches, the last one smaller."""

    def __len__(self) -> int:
        return 3

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        rows = slice(4 * number, 4 * number + 4)
        return X[rows], Y[rows]


def dataset() -> tf.data.Dataset:
    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(4)


@pytest.mark.parametrize("stream", [Batches, dataset], ids=["PyDataset", "tf.data"])
def test_a_stream_gives_the_arrays_it_was_made_of_and_they_are_on_disk(stream: Any) -> None:
    x, y = read_stream(stream())
    assert isinstance(x, np.memmap) and x.dtype == X.dtype
    np.testing.assert_array_equal(x, X)
    np.testing.assert_array_equal(y, Y)
    arrays = as_arrays(stream(), None, stream(), None)
    np.testing.assert_array_equal(arrays.x_test, X)


@pytest.mark.parametrize("dtype", [">f4", "longdouble"])
def test_numbers_of_a_stream_are_those_that_every_backend_computes_with(
    dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Batches, "__getitem__", lambda self, n: (X[:4].astype(dtype), Y[:4].astype(dtype)))
    for array in read_stream(Batches()):
        assert array.dtype.isnative and array.dtype.itemsize <= 8


def test_nothing_is_left_of_the_file_of_a_stream(tmp_path: Path) -> None:
    x, _ = read_stream(dataset(), directory=tmp_path)
    assert x.sum() == X.sum() and not list(tmp_path.iterdir())


def test_arrays_are_no_streams() -> None:
    assert not any(is_stream(value) for value in (X, X.tolist(), None, "mnist"))


def test_validation_data_come_behind_the_training_data() -> None:
    for validation in ((X[:3], Y[:3]), dataset().unbatch().take(3).batch(2)):
        arrays, number = with_validation(as_arrays(dataset()), validation)
        assert number == 3 and len(arrays.x) == len(arrays.y) == 13
        np.testing.assert_array_equal(arrays.x[-3:], X[:3])
        assert isinstance(arrays.x, np.memmap)
    arrays, _ = with_validation(as_arrays(X, Y), (X[:3], Y[:3, None]))
    assert arrays.y.shape == (13,) and not isinstance(arrays.x, np.memmap)


@pytest.mark.parametrize(
    "train", [lambda: as_arrays(X, Y), lambda: as_arrays(dataset())], ids=["x", "stream"]
)
@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (X[:, 0], Y, r"validation x of shape \(n, 2, 2\)"),
        (X.astype("uint8"), Y, "Validation images must be scaled like the training images.*uint8"),
        (X, np.arange(10) % 4, "Validation labels must be among the training labels.*labels 2, 3"),
        (X, np.eye(2)[Y], "as many columns"),
        (X, Y[:9], "10 examples in validation x, 9 targets"),
        (X * np.nan, Y, "nan in example 0 of validation x"),
        (X, Y + 0.5, "A growth grows classifiers.*for amounts use `gakeras.search`"),
    ],
    ids=["shape", "scale", "classes", "one-hot", "lengths", "NaN", "amounts"],
)
def test_validation_data_of_another_form_are_refused(train: Any, x: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_validation(train(), (x, y))


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [("uint8", "int64", "int64"), ("int64", "float32", "float64"), ("float32", "float64", "float32")],
)
def test_examples_that_are_joined_on_disk_keep_their_values(first: str, second: str, joined: str) -> None:
    table = X.reshape(10, 4)
    one, _ = read_stream(tf.data.Dataset.from_tensor_slices((table.astype(first), Y)).batch(4))
    other = (1000 * table + 0.5).astype(second)
    both = joined_examples(one, other)
    assert isinstance(both, np.memmap) and both.dtype == joined
    np.testing.assert_array_equal(both, np.concatenate([one, other]))


@pytest.mark.parametrize(
    ("stream", "message"),
    [
        (lambda: dataset().repeat(), "one that never ends"),
        (lambda: dataset().unbatch(), "pairs .x, y. of shapes"),
        (lambda: dataset().map(lambda x, y: (x, y, y)), "leave out sample weights"),
        (lambda: dataset().map(lambda x, y: x), "pairs .x, y. of shapes"),
        (lambda: dataset().take(0), "Data must not be empty"),
        (lambda: tf.data.Dataset.from_generator(_growing, output_types=("float32", "int32")), "one shape"),
    ],
    ids=["endless", "single", "weights", "alone", "empty", "shapes"],
)
def test_a_stream_of_another_form_is_refused(stream: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_stream(stream())


def _growing():
    yield np.zeros((2, 3)), np.zeros(2)
    yield np.zeros((2, 4)), np.zeros(2)


def test_targets_beside_a_stream_are_refused() -> None:
    with pytest.raises(InputError, match="A stream has its targets with it"):
        as_arrays(dataset(), Y)
    with pytest.raises(InputError, match="Examples and targets come together"):
        as_arrays(X)


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 images of 12 x 10: the bright ones are one class, the dark ones the other."""
    root = tmp_path_factory.mktemp("images")
    rng = np.random.default_rng(0)
    for part, count in (("train", 16), ("test", 8)):
        for number in range(count):
            name = ("bright", "dark")[number % 2]
            pixels = rng.integers(0, 90, (12, 10, 3), dtype=np.uint8) + np.uint8(150 * (name == "bright"))
            path = root / part / name / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(tf.io.encode_png(pixels).numpy())
    return root


def test_folders_of_images_are_a_source(images: Path) -> None:
    arrays = load_source(str(images), image_size=(8, 8), channels=1)
    assert arrays.x.shape == (16, 8, 8, 1) and arrays.x.dtype == np.uint8
    assert arrays.x_test is not None and len(arrays.x_test) == 8
    is_bright = arrays.x.mean(axis=(1, 2, 3)) > 120
    np.testing.assert_array_equal(is_bright, arrays.y == 0)
    assert len(load_source(str(images / "train"), image_size=(8, 8), limit=5).x) == 5
    again = load_source(str(images), image_size=(8, 8), channels=1)
    np.testing.assert_array_equal(arrays.x, again.x)
    with pytest.raises(InputError, match="a folder for each class"):
        load_source(str(images / "nowhere"), image_size=(8, 8))


@pytest.mark.parametrize("content", [b"", b"no image"], ids=["empty", "text"])
def test_a_file_that_is_no_image_is_named(content: bytes, images: Path, tmp_path: Path) -> None:
    shutil.copytree(images / "train", tmp_path, dirs_exist_ok=True)
    (tmp_path / "dark" / "5.png").write_bytes(content)
    with pytest.raises(InputError, match=r"can be read as an image.*dark/5\.png \("):
        load_source(str(tmp_path), image_size=(8, 8))


def test_test_images_are_numbered_as_the_training_images_are(images: Path, tmp_path: Path) -> None:
    shutil.copytree(images / "train", tmp_path / "train")
    shutil.copytree(images / "test" / "dark", tmp_path / "test" / "dark")  # there is no bright one
    arrays = load_source(str(tmp_path), image_size=(8, 8))
    assert (
        arrays.y_test is not None and set(arrays.y_test.tolist()) == {1} and set(arrays.y.tolist()) == {0, 1}
    )
    (tmp_path / "test" / "dark").rename(tmp_path / "test" / "darker")
    with pytest.raises(InputError, match="among bright, dark.*Received: darker"):
        load_source(str(tmp_path), image_size=(8, 8))


def folder(path: Path) -> tf.data.Dataset:
    return keras.utils.image_dataset_from_directory(path, image_size=(8, 8), batch_size=5, verbose=False)


def test_growth_and_the_final_training_of_a_search_take_a_folder_of_images(
    images: Path, tmp_path: Path
) -> None:
    train, test = folder(images / "train"), folder(images / "test")
    growth = gakeras.grow(
        train, x_test=test, validation_data=test, start="conv #2 kernelsize=3 activation=relu",
        initial_steps=8, steps=2, iterations=1, population_size=2, num_survivors=1, batch_size=8,
        run_dir=tmp_path / "growth", executor="debug", progress=False, mutations={"inception": 0},
    )  # fmt: skip
    assert growth.best.test["accuracy"] == growth.best.accuracy  # the same images
    assert growth.run.info.num_train == 24 and growth.best.validation_flops == growth.best.flops * 8
    arrays = load_source(str(images / "train"), image_size=(8, 8))
    found = gakeras.search(
        arrays.x, arrays.y, max_evaluations=1, population_size=1, num_folds=2, epochs=1, progress=False,
        space={"max_conv_layers": 1, "max_dense_layers": 1}, run_dir=tmp_path / "search", executor="debug",
    )  # fmt: skip
    summary = found.train_best(train, x_test=test, epochs=1)
    assert summary.on_test and 0 <= summary.avg <= 1
