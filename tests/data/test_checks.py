"""Laws of checking: every mistake is found before training, and each has its own message."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse

from gakeras.data import Arrays, Task, as_arrays, check_arrays
from gakeras.data.checks import check_validation
from gakeras.errors import InputError

CLASSES = np.arange(20) % 4
TABLE = np.linspace(0.0, 1.0, 60).reshape(20, 3)
IMAGES = np.zeros((20, 4, 5), np.uint8)


def one_hot(labels: np.ndarray, columns: int) -> np.ndarray:
    return np.eye(columns)[labels]


@pytest.mark.parametrize(
    ("y", "wish", "task"),
    [
        pytest.param(CLASSES, "auto", Task("multiclass", 4), id="integers"),
        pytest.param(CLASSES.astype(np.uint8), "auto", Task("multiclass", 4), id="bytes"),
        pytest.param(CLASSES.astype(np.uint64), "auto", Task("multiclass", 4), id="unsigned"),
        pytest.param(CLASSES[:, None], "auto", Task("multiclass", 4), id="one column"),
        pytest.param(CLASSES * 1.0, "classification", Task("multiclass", 4), id="whole floats"),
        pytest.param(CLASSES % 2, "auto", Task("binary", 1), id="two classes"),
        pytest.param(CLASSES > 1, "auto", Task("binary", 1), id="booleans"),
        pytest.param(one_hot(CLASSES, 4), "auto", Task("one_hot", 4), id="one-hot floats"),
        pytest.param(one_hot(CLASSES, 4) > 0, "classification", Task("one_hot", 4), id="one-hot booleans"),
        pytest.param(one_hot(CLASSES % 2, 2), "auto", Task("one_hot", 2), id="one-hot of two"),
        pytest.param(CLASSES * 1.5, "auto", Task("regression", 1), id="floats"),
        pytest.param(CLASSES[:, None] * 1.5, "auto", Task("regression", 1), id="one float column"),
        pytest.param(TABLE, "auto", Task("regression", 3), id="float columns"),
        pytest.param(CLASSES, "regression", Task("regression", 1), id="integers as numbers"),
        pytest.param(one_hot(CLASSES, 4), "regression", Task("regression", 4), id="one-hot as numbers"),
    ],
)
def test_the_targets_state_the_task(y: np.ndarray, wish: str, task: Task) -> None:
    assert check_arrays(Arrays(TABLE, y), task=wish) == task
    assert check_arrays(Arrays(TABLE, y, TABLE[:8], y[:8]), task=wish) == task


@pytest.mark.parametrize("kind", ["multiclass", "one_hot", "binary", "regression"])
def test_only_regression_is_no_classification(kind: Any) -> None:
    assert Task(kind, 1).is_classification == (kind != "regression")


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int16", "float16", "float64", ">f4"])
@pytest.mark.parametrize("shape", [(20, 3), (20, 4, 5), (20, 4, 5, 3)], ids=["table", "grey", "colour"])
def test_tables_and_images_of_any_number_pass(shape: tuple[int, ...], dtype: Any) -> None:
    assert check_arrays(Arrays(np.zeros(shape, dtype), CLASSES)).outputs == 4


def spoilt(value: float, dtype: Any = np.float64) -> np.ndarray:
    array = TABLE.astype(dtype)
    array[17, 1] = value
    return array


@pytest.mark.parametrize(
    ("x", "message"),
    [
        pytest.param(TABLE.tolist(), "must be NumPy arrays.*list", id="a list"),
        pytest.param(TABLE[:, 0], r"rows of a table or images.*shape \(20,\)", id="rank 1"),
        pytest.param(np.zeros((20, 2, 2, 2, 2)), "rows of a table or images", id="rank 5"),
        pytest.param(np.array(3.0), r"rows of a table or images.*shape \(\)", id="rank 0"),
        pytest.param(np.zeros((0, 3)), "must not be empty", id="no rows"),
        pytest.param(np.zeros((20, 0)), "must not be empty", id="no columns"),
        pytest.param(TABLE.astype(object), "Examples must be numbers.*object", id="objects"),
        pytest.param(TABLE.astype(str), "Examples must be numbers.*OneHotEncoder", id="text"),
        pytest.param(TABLE * 1j, "Examples must be numbers.*complex128", id="complex"),
        pytest.param(TABLE[:19], "19 examples in x, 20 targets in y", id="too few"),
        pytest.param(spoilt(np.nan), "finite number.*nan in example 17 of x", id="NaN"),
        pytest.param(spoilt(-np.inf, np.float32), "finite number.*-inf in example 17 of x", id="infinity"),
        pytest.param(spoilt(1e300), "squares fit in float32.*1e.300 in example 17 of x", id="huge"),
    ],
)
def test_bad_examples_are_refused(x: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_arrays(Arrays(x, CLASSES))


def test_a_bad_value_is_found_in_any_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gakeras.data.chunks.CHUNK_BYTES", 48)
    with pytest.raises(InputError, match="nan in example 17 of x"):
        check_arrays(Arrays(spoilt(np.nan), CLASSES))


@pytest.mark.parametrize(
    ("y", "wish", "message"),
    [
        pytest.param(CLASSES.tolist(), "auto", "must be NumPy arrays.*y of type list", id="a list"),
        pytest.param(CLASSES, "clustering", "task must be known.*'clustering'", id="unknown task"),
        pytest.param(np.zeros((20, 2, 2)), "auto", "one label, or one row", id="rank 3"),
        pytest.param(np.zeros((20, 0)), "auto", "must not be empty", id="no columns"),
        pytest.param(CLASSES.astype(str), "auto", "Targets must be numbers.*LabelEncoder", id="text"),
        pytest.param(
            CLASSES.astype(object), "classification", "Targets must be numbers.*object", id="objects"
        ),
        pytest.param(spoilt(np.nan)[:, 1], "auto", "finite number.*example 17 of y", id="NaN"),
        pytest.param(CLASSES + 0.5, "classification", "non-integer labels 0.5, 1.5, 2.5, 3.5", id="halves"),
        pytest.param(CLASSES * 0, "auto", "two classes or more.*label 0 for all 20", id="one class"),
        pytest.param(
            one_hot(CLASSES * 0, 3),
            "auto",
            "two classes or more.*label 0 for all 20",
            id="one class, one-hot",
        ),
        pytest.param(
            CLASSES + 1,
            "auto",
            "0..3.*outside that range: 4; .*without an example: 0.*LabelEncoder",
            id="from 1",
        ),
        pytest.param(
            CLASSES - 1, "auto", "outside that range: -1; labels without an example: 3", id="negative"
        ),
        pytest.param(CLASSES * 2, "auto", "outside that range: 4, 6; .*without an example: 1, 3", id="gaps"),
        pytest.param(np.arange(20) * 100, "auto", "1000 and 9 more", id="many labels"),
        pytest.param(one_hot(CLASSES, 5), "auto", "labels without an example: 4", id="gap, one-hot"),
        pytest.param(
            one_hot(CLASSES, 4).astype(int) * 2, "auto", 'one-hot.*task="regression"', id="integer columns"
        ),
        pytest.param(TABLE, "classification", "one-hot", id="float columns"),
        pytest.param(np.ones((20, 2)), "classification", "one-hot", id="two ones in a row"),
        pytest.param(np.full(20, 2.5), "auto", "must vary.*column 0 is 2.5 for all 20", id="constant"),
        pytest.param(TABLE * [1, 0, 1], "auto", "must vary.*column 1 is 0.0", id="a constant column"),
        pytest.param(1 + TABLE[:, 0] * 1e-12, "auto", "must vary.*as float32", id="constant in float32"),
    ],
)
def test_bad_targets_are_refused(y: Any, wish: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_arrays(Arrays(TABLE, y), task=wish)


@pytest.mark.parametrize("num_folds", [-1, 0, 1, 21])
def test_a_number_of_folds_out_of_range_is_refused(num_folds: int) -> None:
    with pytest.raises(InputError, match=f"2 <= num_folds <= 20.*num_folds={num_folds}"):
        check_arrays(Arrays(TABLE, CLASSES), num_folds=num_folds)


@pytest.mark.parametrize("encode", [lambda y: y, lambda y: one_hot(y, 3)], ids=["labels", "one-hot"])
def test_every_class_needs_an_example_in_every_fold(encode: Any) -> None:
    arrays = Arrays(TABLE, encode(np.repeat([0, 1, 2], [9, 3, 8])))
    assert check_arrays(arrays, num_folds=3).outputs == 3
    with pytest.raises(InputError, match="at least 4 training examples per class.*class 1 has 3"):
        check_arrays(arrays, num_folds=4)


@pytest.mark.parametrize(
    ("x", "y", "x_test", "y_test", "message"),
    [
        pytest.param(TABLE, CLASSES, TABLE, None, "both of x_test and y_test.*x_test alone", id="no targets"),
        pytest.param(TABLE, CLASSES, None, CLASSES, "y_test alone", id="no examples"),
        pytest.param(TABLE, CLASSES, TABLE[:9], CLASSES, "9 examples in x_test, 20 targets", id="too few"),
        pytest.param(TABLE, CLASSES, TABLE[:0], CLASSES[:0], "not be empty.*x_test", id="empty"),
        pytest.param(TABLE, CLASSES, TABLE[:, :2], CLASSES, r"shape \(n, 3\).*\(20, 2\)", id="fewer columns"),
        pytest.param(TABLE, CLASSES, IMAGES, CLASSES, "shape of the training examples", id="images"),
        pytest.param(IMAGES, CLASSES, IMAGES / 255, CLASSES, "scaled like the training", id="scaled images"),
        pytest.param(TABLE, CLASSES, spoilt(np.nan), CLASSES, "nan in example 17 of x_test", id="NaN"),
        pytest.param(TABLE, CLASSES, TABLE, CLASSES + 2, "among the training labels.*4, 5", id="new labels"),
        pytest.param(TABLE, CLASSES, TABLE, CLASSES + 0.5, "non-integer labels", id="halves"),
        pytest.param(
            TABLE, CLASSES, TABLE, CLASSES.astype(str), "Targets must be numbers.*y_test", id="text"
        ),
        pytest.param(TABLE, one_hot(CLASSES, 4), TABLE, CLASSES, "as many columns", id="not encoded"),
        pytest.param(
            TABLE,
            one_hot(CLASSES, 4),
            TABLE,
            np.ones((20, 4)),
            "Test targets must be one-hot",
            id="not one-hot",
        ),
        pytest.param(TABLE, TABLE, TABLE, TABLE[:, :2], "as many columns", id="fewer outputs"),
        pytest.param(
            TABLE, TABLE, TABLE, spoilt(np.inf), "inf in example 17 of y_test", id="infinite target"
        ),
    ],
)
def test_bad_test_sets_are_refused(x: Any, y: Any, x_test: Any, y_test: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_arrays(Arrays(x, y, x_test, y_test))


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        (IMAGES / 255, CLASSES, "Validation images must be scaled.*validation x like x, of dtype uint8"),
        (IMAGES, CLASSES + 2, "Validation labels must be among the training labels.*4, 5"),
        (IMAGES[:0], CLASSES[:0], "not be empty.*validation x"),
    ],
    ids=["scale", "new labels", "empty"],
)
def test_validation_data_keep_to_the_rules_of_a_test_set(x: Any, y: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_validation(Arrays(IMAGES, CLASSES), Arrays(x, y))
    check_validation(Arrays(IMAGES, CLASSES), Arrays(IMAGES[:3], CLASSES[:3]))


def test_a_test_set_may_lack_a_class_and_have_a_constant_target() -> None:
    assert check_arrays(Arrays(TABLE, CLASSES, TABLE[:1], CLASSES[:1])).outputs == 4
    assert check_arrays(Arrays(TABLE, TABLE, TABLE[:1], TABLE[:1])).outputs == 3


@pytest.mark.parametrize("dtype", [">f4", ">i2", "<f8", "longdouble"])
def test_arrays_have_the_byte_order_of_the_machine_and_no_more_than_eight_bytes_a_number(dtype: str) -> None:
    x = np.arange(6).reshape(3, 2).astype(dtype)
    arrays = as_arrays(x, np.arange(3))
    assert arrays.x.dtype.isnative and arrays.x.dtype.itemsize <= 8
    np.testing.assert_array_equal(arrays.x, [[0, 1], [2, 3], [4, 5]])


class Frame:
    """What stands for a data frame with columns of several types of numbers."""

    dtypes = ("float64", "bool", "Int64")

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array([[0.5, True, 3], [1.5, False, 4]], dtype=dtype or object)


def test_frames_of_numbers_of_several_types_are_numbers_and_masked_values_are_nan() -> None:
    np.testing.assert_array_equal(as_arrays(Frame(), [0, 1]).x, [[0.5, 1, 3], [1.5, 0, 4]])
    masked = np.ma.array([[1, 2], [3, 4]], mask=[[False, True], [False, False]])
    assert np.isnan(as_arrays(masked, [0, 1]).x[0, 1])


class Labels:
    """What stands for a pandas Series of objects."""

    dtypes = "object"

    def __init__(self, *labels: object) -> None:
        self.labels = labels

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.labels, dtype=dtype or object)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [((0, 1, True), "int64"), ((np.int64(0), np.bool_(1)), "int64"), ((0, 1.0), "float64")],
    ids=["Python's", "NumPy's", "a real number among them"],
)
def test_objects_that_are_whole_numbers_stay_whole(labels: tuple[object, ...], dtype: str) -> None:
    assert as_arrays([[0]] * len(labels), Labels(*labels)).y.dtype == dtype


@pytest.mark.parametrize(
    "y",
    [CLASSES.astype(float), CLASSES[:, None].astype("float32"), np.c_[CLASSES % 2, CLASSES < 2] * 1.0],
    ids=["a column of text", "a stream of a binary mode", "several labels"],
)
def test_real_numbers_that_may_be_classes_or_amounts_need_a_task(y: np.ndarray) -> None:
    with pytest.raises(InputError, match='dtype float.* among 0..[13].*task="classification" or task="regr'):
        check_arrays(Arrays(TABLE, y))
    assert not check_arrays(Arrays(TABLE, y), task="regression").is_classification
    if y.size == len(y):
        assert check_arrays(Arrays(TABLE, y), task="classification") == Task("multiclass", 4)


@pytest.mark.parametrize(
    "y",
    [CLASSES + 1.0, CLASSES * 2.0, np.arange(20.0), CLASSES + 0.5],
    ids=["from 1", "gaps", "once", "halves"],
)
def test_other_real_numbers_are_amounts(y: np.ndarray) -> None:
    assert check_arrays(Arrays(TABLE, y)) == Task("regression", 1)


def test_sparse_data_are_refused_by_name() -> None:
    sparse = scipy.sparse.csr_matrix(np.eye(3))
    with pytest.raises(InputError, match=r"a sparse csr_matrix. Pass its `toarray\(\)`"):
        as_arrays(sparse, [0, 1, 2])
