"""Laws of loading: every source gives the same arrays every time, or a message that helps."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from gakeras.data import Arrays, load_source
from gakeras.errors import InputError


def save(path: Path, **arrays: object) -> Path:
    np.savez(path, **arrays)
    return path


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    x = np.arange(12, dtype=np.uint8).reshape(6, 2)
    return save(tmp_path / "set.npz", x_train=x[:4], y_train=np.arange(4), x_test=x[4:], y_test=np.arange(2))


@pytest.fixture
def keras_datasets(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Stand in for keras.datasets, so that neither Keras nor a network is needed."""
    module = SimpleNamespace()
    monkeypatch.setitem(sys.modules, "keras.datasets", module)
    return module


SHAPES = {
    "digits": (1347, 8, 8),
    "breast_cancer": (426, 30),
    "wine": (133, 13),
    "iris": (112, 4),
    "diabetes": (331, 10),
}


@pytest.mark.parametrize("name", SHAPES)
def test_a_bundled_set_is_split_into_training_and_test(name: str) -> None:
    arrays = load_source(name)
    assert arrays.x.shape == SHAPES[name] and arrays.x.dtype == np.float64
    assert arrays.x_test.shape[1:] == SHAPES[name][1:]
    assert len(arrays.x) == len(arrays.y) and len(arrays.x_test) == len(arrays.y_test)


@pytest.mark.parametrize("name", ["wine", "diabetes"])
def test_the_split_is_always_the_same(name: str) -> None:
    np.random.seed(1)
    first = load_source(name)
    np.random.seed(2)
    second = load_source(name)
    np.testing.assert_array_equal(first.x, second.x)
    np.testing.assert_array_equal(first.y_test, second.y_test)


def test_the_split_keeps_the_share_of_every_class() -> None:
    arrays = load_source("iris", test_share=0.2)
    assert np.bincount(arrays.y).tolist() == [40, 40, 40]
    assert np.bincount(arrays.y_test).tolist() == [10, 10, 10]


def test_diabetes_comes_in_its_own_units() -> None:
    ages = load_source("diabetes").x[:, 0]
    assert ages.min() >= 18 and ages.max() <= 80


def test_a_limit_keeps_the_first_training_examples_and_the_whole_test_set() -> None:
    whole, part = load_source("wine"), load_source("wine", limit=20)
    np.testing.assert_array_equal(part.x, whole.x[:20])
    np.testing.assert_array_equal(part.y, whole.y[:20])
    np.testing.assert_array_equal(part.x_test, whole.x_test)


@pytest.mark.parametrize("limit", [0, -3, 134])
def test_a_limit_out_of_range_says_how_many_examples_there_are(limit: int) -> None:
    with pytest.raises(InputError, match=rf"1 <= limit <= 133.*limit={limit}"):
        load_source("wine", limit=limit)


def test_a_limit_does_not_hide_missing_targets(tmp_path: Path) -> None:
    path = save(tmp_path / "set.npz", x_train=np.ones((5, 2)), y_train=np.ones(4))
    with pytest.raises(InputError, match="5 examples, 4 targets"):
        load_source(str(path), limit=3)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5])
def test_a_test_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(InputError, match="0 < test_share < 1"):
        load_source("iris", test_share=share)


def test_a_test_share_too_small_for_every_class_is_refused() -> None:
    with pytest.raises(InputError, match="Every class needs an example in the training set and in the test"):
        load_source("digits", test_share=0.001)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10"])
def test_a_downloaded_set_comes_as_keras_gives_it_with_flat_labels(name: str, keras_datasets) -> None:
    x, y = np.zeros((3, 4, 4, 3), np.uint8), np.array([[2], [0], [1]], np.uint8)
    setattr(keras_datasets, name, SimpleNamespace(load_data=lambda: ((x, y), (x[:1], y[:1]))))
    arrays = load_source(name)
    assert arrays.x is x
    assert arrays.y.tolist() == [2, 0, 1] and arrays.y_test.tolist() == [2]


def test_a_failing_download_points_at_a_file_instead(keras_datasets) -> None:
    def fail() -> None:
        raise Exception("URL fetch failure")

    keras_datasets.mnist = SimpleNamespace(load_data=fail)
    with pytest.raises(InputError, match=r"'mnist' needs a network.*URL fetch failure.*\.npz") as caught:
        load_source("mnist")
    assert str(caught.value.__cause__) == "URL fetch failure"


def test_a_file_keeps_its_values_and_dtypes(archive: Path) -> None:
    arrays = load_source(str(archive))
    assert arrays.x.dtype == np.uint8
    assert arrays.x.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]] and arrays.y.tolist() == [0, 1, 2, 3]
    assert arrays.x_test.tolist() == [[8, 9], [10, 11]] and arrays.y_test.tolist() == [0, 1]


def test_a_file_may_lack_a_test_set(tmp_path: Path) -> None:
    arrays = load_source(str(save(tmp_path / "set.npz", x_train=np.ones((2, 2)), y_train=np.arange(2))))
    assert arrays.x_test is None and arrays.y_test is None


@pytest.mark.parametrize("source", ["set.npz", "./set.npz", "${GAKERAS_DATA}/set.npz", "~/set.npz"])
def test_a_path_is_relative_to_its_base_and_expands(source: str, archive: Path, monkeypatch) -> None:
    monkeypatch.setenv("GAKERAS_DATA", str(archive.parent))
    monkeypatch.setenv("HOME", str(archive.parent))
    elsewhere = Path("/nowhere") if source[0] in "$~" else archive.parent
    assert isinstance(load_source(source, base_dir=elsewhere), Arrays)


def test_an_unset_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GAKERAS_DATA", raising=False)
    with pytest.raises(InputError, match="GAKERAS_DATA is not set"):
        load_source("${GAKERAS_DATA}/set.npz")


@pytest.mark.parametrize(
    ("source", "nearest"),
    [("digit", "digits"), ("MNIST", "mnist"), ("fashion-mnist", "fashion_mnist"), ("cifar", "cifar10")],
)
def test_an_unknown_name_suggests_the_nearest(source: str, nearest: str) -> None:
    with pytest.raises(InputError, match=f"one of digits, .*cifar10.*Did you mean '{nearest}'"):
        load_source(source)


def test_a_name_like_no_other_suggests_nothing() -> None:
    with pytest.raises(InputError, match="No data set has this name") as caught:
        load_source("xyzzy")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize("source", ["table.csv", "folder/digits", "x.npy"])
def test_another_kind_of_file_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="must be an .npz archive"):
        load_source(source)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.npz, which is missing"):
        load_source("gone.npz", base_dir=tmp_path)


@pytest.mark.parametrize("source", ["photos", "my/photos"])
def test_a_folder_of_images_needs_their_size(source: str, tmp_path: Path) -> None:
    (tmp_path / source).mkdir(parents=True)
    with pytest.raises(InputError, match="image_size, such as"):
        load_source(source, base_dir=tmp_path)


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "set.npz").mkdir()
    with pytest.raises(InputError, match="which is a folder"):
        load_source("set.npz", base_dir=tmp_path)


@pytest.mark.parametrize(
    "names",
    [["x", "y"], ["x_train"], ["x_train", "y_train", "x_test"], []],
    ids=["other names", "no y", "no y_test", "empty"],
)
def test_a_file_without_the_names_says_what_it_has(names: list[str], tmp_path: Path) -> None:
    path = save(tmp_path / "set.npz", **{name: np.ones(2) for name in names})
    with pytest.raises(InputError, match=f"fixed names.*with {', '.join(sorted(names)) or 'no arrays'}"):
        load_source(str(path))


@pytest.mark.parametrize("dtype", [">f4", "longdouble"])
def test_numbers_of_a_file_are_those_that_every_backend_computes_with(dtype: str, tmp_path: Path) -> None:
    path = save(tmp_path / "set.npz", x_train=np.arange(6).reshape(3, 2).astype(dtype), y_train=np.arange(3))
    x = load_source(str(path)).x
    assert x.dtype.isnative and x.dtype.itemsize <= 8
    np.testing.assert_array_equal(x, [[0, 1], [2, 3], [4, 5]])


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    path = save(tmp_path / "set.npz", x_train=np.array([[1], "a"], dtype=object), y_train=np.arange(2))
    with pytest.raises(InputError, match="a numeric dtype for x_train.*object array"):
        load_source(str(path))


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def damage(whole: bytes) -> bytes:
    at = whole.index(b"NUMPY") + 150  # inside the values of the first array
    return whole[:at] + b"\xff\xff" + whole[at + 2 :]


@pytest.mark.parametrize(
    "spoil", [cut, damage, lambda _: b"", lambda _: b"text"], ids=["cut", "damaged", "empty", "text"]
)
def test_a_spoilt_file_is_refused(spoil, tmp_path: Path) -> None:
    path = save(tmp_path / "set.npz", x_train=np.ones((50, 2)), y_train=np.arange(50))
    path.write_bytes(spoil(path.read_bytes()))
    with pytest.raises(InputError, match="cannot be read"):
        load_source(str(path))


def test_a_lone_array_under_the_name_of_an_archive_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "set.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(InputError, match="cannot be read"):
        load_source("set.npz", base_dir=tmp_path)
