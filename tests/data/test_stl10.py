"""The reader of STL-10, on files generated in its format."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gakeras.data import load_source
from gakeras.data.stl10 import read_stl10
from gakeras.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for part, examples in (("train", 3), ("test", 2)):
        rng.integers(0, 256, (examples, 3, 96, 96), dtype=np.uint8).tofile(tmp_path / f"{part}_X.bin")
        (np.arange(examples, dtype=np.uint8) % 10 + 1).tofile(tmp_path / f"{part}_y.bin")
    return tmp_path


def test_images_are_upright_and_classes_count_from_zero(folder: Path) -> None:
    raw = np.fromfile(folder / "train_X.bin", np.uint8).reshape(3, 3, 96, 96)
    arrays = read_stl10(folder)
    assert arrays.x.shape == (3, 96, 96, 3) and arrays.x_test.shape == (2, 96, 96, 3)
    assert arrays.x.dtype == np.uint8
    assert arrays.x[1, 5, 7, 2] == raw[1, 2, 7, 5]  # files go column by column
    assert arrays.y.tolist() == [0, 1, 2] and arrays.y_test.tolist() == [0, 1]


@pytest.mark.parametrize("name", ["train_X.bin", "test_y.bin"])
def test_a_missing_file_is_named_with_where_it_comes_from(name: str, folder: Path) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=rf"{name}, which is missing.*stl10_binary"):
        read_stl10(folder)


def test_a_cut_file_is_refused(folder: Path) -> None:
    path = folder / "train_X.bin"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(InputError, match="images of 27648 bytes.*82943 bytes"):
        read_stl10(folder)


@pytest.mark.parametrize("labels", [[0, 1, 2], [1, 2, 11], []])
def test_labels_out_of_range_are_refused(labels: list[int], folder: Path) -> None:
    np.array(labels, np.uint8).tofile(folder / "train_y.bin")
    with pytest.raises(InputError, match="labels from 1 to 10"):
        read_stl10(folder)


def test_every_image_has_a_label(folder: Path) -> None:
    np.array([1, 2], np.uint8).tofile(folder / "train_y.bin")
    with pytest.raises(InputError, match=r"3 labels.*2 in .*train_y\.bin"):
        read_stl10(folder)


def test_the_folder_is_a_source_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.rename(folder.parent / "stl10_binary")
    monkeypatch.setenv("STL10", str(folder.parent))
    assert load_source("${STL10}/stl10_binary", limit=2).x.shape == (2, 96, 96, 3)
