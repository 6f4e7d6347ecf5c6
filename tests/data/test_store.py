"""Laws of storing: what was stored is what is opened, and an unfinished store is never opened."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gakeras.data import (
    Arrays,
    DataInfo,
    Scaling,
    Task,
    arrays_digest,
    check_arrays,
    open_data,
    store_arrays,
)
from gakeras.errors import InputError

LABELS = np.arange(12) % 3
TASK = Task("multiclass", 3)


def table(dtype: Any = np.float64) -> np.ndarray:
    return np.arange(24).reshape(12, 2).astype(dtype)


def small_set() -> Arrays:
    return Arrays(table(), LABELS, table()[:4], LABELS[:4])


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64", "float16", "float64", ">f4"])
def test_examples_keep_their_dtype_and_values(dtype: Any, tmp_path: Path) -> None:
    store_arrays(Arrays(table(dtype), LABELS), TASK, tmp_path)
    stored = open_data(tmp_path)
    assert stored.x.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(stored.x, table(dtype))
    assert stored.x_test is None and stored.y_test is None


@pytest.mark.parametrize(
    ("y", "dtype", "shape"),
    [
        pytest.param(LABELS, np.int32, (12,), id="labels"),
        pytest.param(LABELS[:, None].astype(np.uint8), np.int32, (12,), id="a column of labels"),
        pytest.param(LABELS % 2 == 1, np.int32, (12,), id="booleans"),
        pytest.param(np.eye(3, dtype=int)[LABELS], np.float32, (12, 3), id="one-hot"),
        pytest.param(LABELS * 0.5, np.float32, (12, 1), id="one target"),
        pytest.param(table(), np.float32, (12, 2), id="two targets"),
    ],
)
def test_targets_take_the_form_that_training_uses(
    y: np.ndarray, dtype: Any, shape: Any, tmp_path: Path
) -> None:
    arrays = Arrays(table(), y, table(), y)
    store_arrays(arrays, check_arrays(arrays, num_folds=2), tmp_path)
    stored = open_data(tmp_path)
    for targets in (stored.y, stored.y_test):
        assert (targets.dtype, targets.shape) == (dtype, shape)
        np.testing.assert_array_equal(targets, y.reshape(shape))


def test_opened_arrays_are_mapped_and_cannot_be_written(tmp_path: Path) -> None:
    store_arrays(small_set(), TASK, tmp_path)
    stored = open_data(tmp_path)
    for array in (stored.x, stored.y, stored.x_test, stored.y_test):
        assert isinstance(array, np.memmap)
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_the_info_survives_the_disk(tmp_path: Path) -> None:
    info = store_arrays(small_set(), TASK, tmp_path)
    assert open_data(tmp_path).info == info
    assert (info.task, info.input_shape, info.num_train, info.num_test) == (TASK, (2,), 12, 4)


def test_the_info_is_plain_json_and_passes_over_later_fields(tmp_path: Path) -> None:
    info = store_arrays(small_set(), TASK, tmp_path)
    fields = json.loads(json.dumps(info.to_json())) | {"added_later": 1}
    assert DataInfo.from_json(fields) == info


def images(*values: float, dtype: Any) -> np.ndarray:
    return np.array([[[value, 0]] for value in values], dtype)


@pytest.mark.parametrize(
    ("x", "scaling"),
    [
        pytest.param(images(3, 200, dtype=np.uint8), Scaling("divide", 255.0), id="bytes"),
        pytest.param(images(3, 9, dtype=np.uint8), Scaling("divide", 9.0), id="small integers"),
        pytest.param(images(3, 4096, dtype=np.uint16), Scaling("divide", 4096.0), id="large integers"),
        pytest.param(images(-1000, 200, dtype=np.int16), Scaling("divide", 1000.0), id="signed integers"),
        pytest.param(images(-128, 7, dtype=np.int8), Scaling("divide", 255.0), id="signed bytes"),
        pytest.param(images(-32768, 7, dtype=np.int16), Scaling("divide", 32768.0), id="lowest integer"),
        pytest.param(images(3, -16, dtype=np.float32), Scaling("divide", 16.0), id="floats"),
        pytest.param(images(0, 0, dtype=np.float32), Scaling("divide", 1.0), id="black floats"),
        pytest.param(images(0, 1, dtype=bool), Scaling("divide", 1.0), id="booleans"),
        pytest.param(np.full((2, 3), 99.0), Scaling("standardise"), id="a table"),
    ],
)
def test_the_scaling_follows_from_the_training_examples(
    x: np.ndarray, scaling: Scaling, tmp_path: Path
) -> None:
    arrays = Arrays(x, np.arange(2), x * 0 + 1, np.arange(2))
    assert store_arrays(arrays, Task("binary", 1), tmp_path).scaling == scaling


def test_the_digest_of_what_is_opened_is_the_digest_that_was_recorded(tmp_path: Path) -> None:
    info = store_arrays(small_set(), TASK, tmp_path / "first")
    stored = open_data(tmp_path / "first")
    assert arrays_digest(stored) == info.digest
    again = Arrays(stored.x, stored.y, stored.x_test, stored.y_test)
    assert arrays_digest(again) == info.digest
    assert store_arrays(again, TASK, tmp_path / "second") == info


def test_the_digest_ignores_memory_layout_and_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = arrays_digest(small_set())
    monkeypatch.setattr("gakeras.data.chunks.CHUNK_BYTES", 32)
    assert arrays_digest(Arrays(np.asfortranarray(table()), LABELS, table()[:4], LABELS[:4])) == digest


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Arrays(table() + 1, LABELS), id="values"),
        pytest.param(Arrays(table(), LABELS[::-1]), id="labels"),
        pytest.param(Arrays(table().reshape(12, 1, 2), LABELS), id="shape"),
        pytest.param(Arrays(table().view(np.int64), LABELS), id="dtype"),
        pytest.param(Arrays(table(), LABELS, table(), LABELS), id="test set"),
    ],
)
def test_the_digest_tells_data_apart(other: Arrays) -> None:
    assert arrays_digest(other) != arrays_digest(Arrays(table(), LABELS))


def test_storing_again_replaces_even_what_is_mapped(tmp_path: Path) -> None:
    store_arrays(small_set(), TASK, tmp_path)
    stored = open_data(tmp_path)
    info = store_arrays(Arrays(stored.x, stored.y), TASK, tmp_path)
    assert info.num_test == 0 and open_data(tmp_path).x_test is None
    np.testing.assert_array_equal(open_data(tmp_path).x, table())


@pytest.mark.parametrize("calls_before_failing", range(4))
def test_an_interrupted_store_is_never_opened(
    calls_before_failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_arrays(small_set(), TASK, tmp_path)
    calls, save = iter(range(10)), np.save

    def save_or_fail(*args: Any, **kwargs: Any) -> None:
        if next(calls) == calls_before_failing:
            raise OSError("no space left")
        save(*args, **kwargs)

    monkeypatch.setattr(np, "save", save_or_fail)
    with pytest.raises(OSError, match="no space left"):
        store_arrays(small_set(), TASK, tmp_path)
    with pytest.raises(InputError, match=r"must hold stored data.*info\.json"):
        open_data(tmp_path)
    assert not list(tmp_path.glob("*unfinished*"))


@pytest.mark.parametrize("name", ["info.json", "x.npy", "y.npy", "x_test.npy", "y_test.npy"])
@pytest.mark.parametrize("spoil", [Path.unlink, lambda path: path.write_bytes(b"")], ids=["gone", "empty"])
def test_a_store_that_lost_a_file_is_refused(name: str, spoil: Any, tmp_path: Path) -> None:
    store_arrays(small_set(), TASK, tmp_path)
    spoil(tmp_path / name)
    with pytest.raises(InputError, match="must hold stored data"):
        open_data(tmp_path)
