"""Where examples come from: scikit-learn's sets, Keras' downloadable ones, and files."""

from __future__ import annotations

import difflib
import importlib
import os
import re
from dataclasses import replace
from pathlib import Path

from gakeras.data.archives import read_archive
from gakeras.data.arrays import Arrays
from gakeras.data.folders import read_folder, read_folders
from gakeras.data.stl10 import FOLDER, read_stl10
from gakeras.errors import InputError

BUNDLED = ("digits", "breast_cancer", "wine", "iris", "diabetes")  # they come with scikit-learn
DOWNLOADED = ("mnist", "fashion_mnist", "cifar10")  # keras.datasets fetches them once and keeps them


def load_source(
    source: str,
    *,
    limit: int | None = None,
    test_share: float = 0.25,
    base_dir: Path = Path("."),
    image_size: tuple[int, int] | None = None,
    channels: int = 3,
) -> Arrays:
    """Load the arrays that `source` names, in their own dtype and always in the same order.

    Args:
        source: One of scikit-learn's "digits" (images of 8 x 8), "breast_cancer", "wine",
            "iris" or "diabetes" (raw columns); one of "mnist", "fashion_mnist" or "cifar10",
            which Keras downloads; the path of an .npz file with `x_train` and `y_train`, and
            either both of `x_test` and `y_test` or neither, and perhaps `sample_weight`; the path
            of STL-10's folder `stl10_binary`; or, with an `image_size`, a folder with a folder of
            images for each class, or with two such folders, `train` and `test`
            (`gakeras.data.folders`). A path may contain `~` and `${VARIABLE}`, and is relative to
            `base_dir`.
        limit: Keep only this many training examples, the first ones; the test set stays whole.
        test_share: The part of a scikit-learn set that becomes its test set, by a split that
            is always the same and, for classes, stratified. The other sources have their own.
        base_dir: Where a relative path starts, for example the folder of a config file.
        image_size, channels: Height and width that the images of folders are resized to, and 3 for
            colours or 1 for grey.

    Raises:
        InputError: for an unknown name, an unset variable, a file that is missing or holds
            something else, a set that cannot be downloaded, or a limit or share out of range.

    >>> load_source("digits", limit=100).x.shape
    (100, 8, 8)
    """
    if not 0.0 < test_share < 1.0:
        raise InputError(
            "The test share is a part of the examples.",
            expected="0 < test_share < 1",
            received=f"test_share={test_share}",
        )
    if image_size is not None:
        return _load_folders(_expanded(source), base_dir, image_size, channels, limit)
    if source in BUNDLED:
        arrays = _load_bundled(source, test_share)
    elif source in DOWNLOADED:
        arrays = _load_downloaded(source)
    else:
        path = _resolve_path(source, base_dir)
        arrays = read_stl10(path) if path.name == FOLDER else Arrays(**read_archive(path))
    return arrays if limit is None else _keep_first(arrays, limit)


def _load_bundled(name: str, test_share: float) -> Arrays:
    from sklearn import datasets
    from sklearn.model_selection import train_test_split

    is_regression = name == "diabetes"
    bunch = datasets.load_diabetes(scaled=False) if is_regression else getattr(datasets, f"load_{name}")()
    x, y = (bunch.images if name == "digits" else bunch.data), bunch.target
    try:
        x, x_test, y, y_test = train_test_split(
            x, y, test_size=test_share, random_state=0, stratify=None if is_regression else y
        )
    except ValueError as error:  # too small a part for every class to be on both sides
        raise InputError(
            "Every class needs an example in the training set and in the test set.",
            expected=f"a test_share that splits the {len(y)} examples of {name} so",
            received=f"test_share={test_share}",
            way_out="Use a share nearer to 0.25.",
        ) from error
    return Arrays(x, y, x_test, y_test)


def _load_downloaded(name: str) -> Arrays:
    module = importlib.import_module("keras.datasets")
    try:
        (x, y), (x_test, y_test) = getattr(module, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise InputError(
            f"The data set {name!r} needs a network the first time.",
            expected="that Keras can download it or finds it in its own folder",
            received=f"{type(error).__name__}: {error}",
            way_out="Load it once where there is a network, or give the path of an .npz file instead.",
        ) from error
    return Arrays(x, y.reshape(-1), x_test, y_test.reshape(-1))  # cifar10's labels are (n, 1)


def _load_folders(
    path: Path, base_dir: Path, image_size: tuple[int, int], channels: int, limit: int | None
) -> Arrays:
    root = base_dir / path
    train, test = root / "train", root / "test"
    if train.is_dir() and test.is_dir():
        return Arrays(*read_folders(train, test, image_size, channels, limit))
    x, y, _ = read_folder(train if train.is_dir() else root, image_size, channels, limit)
    return Arrays(x, y)


def _expanded(source: str) -> Path:
    """Return a path with variables and home folders expanded."""
    text = re.sub(r"\$\{(\w+)\}", lambda match: _variable(match[1], source), source)
    return Path(os.path.expanduser(text))


def _resolve_path(source: str, base_dir: Path) -> Path:
    """Expand variables and home folders; refuse what is neither a known name nor a path of a known kind."""
    path = _expanded(source)
    if path.suffix == ".npz" or path.name == FOLDER:
        return base_dir / path
    if (base_dir / path).is_dir():
        raise InputError(
            "The images of a folder are all resized to one size.",
            expected="an image_size, such as [32, 32]",
            received=f"the folder source={source!r} without one",
            way_out="Say it beside the source: `data.image_size` in a config.",
        )
    if path.suffix or len(path.parts) != 1:
        raise InputError(
            "A data file must be an .npz archive.",
            expected=f"a path that ends in .npz, or the folder {FOLDER}",
            received=f"source={source!r}",
            way_out="Write one with `numpy.savez(path, x_train=..., y_train=...)`.",
        )
    known = BUNDLED + DOWNLOADED
    nearest = difflib.get_close_matches(source.lower(), known, n=1, cutoff=0.4)
    raise InputError(
        "No data set has this name.",
        expected=f"one of {', '.join(known)}, or the path of an .npz file",
        received=f"source={source!r}",
        way_out=f"Did you mean {nearest[0]!r}?" if nearest else "",
    )


def _variable(name: str, source: str) -> str:
    if name not in os.environ:
        raise InputError(
            "A path can only use variables that are set.",
            expected=f"{name} in the environment",
            received=f"source={source!r}, {name} is not set",
            way_out=f"Set it, for example with `export {name}=...`, or write the path out.",
        )
    return os.environ[name]


def _keep_first(arrays: Arrays, limit: int) -> Arrays:
    lengths = [len(array) if array.ndim else 0 for array in (arrays.x, arrays.y)]
    if not 1 <= limit <= min(lengths) or lengths[0] != lengths[1]:
        raise InputError(
            "The limit is a number of training examples, each with its target.",
            expected=f"1 <= limit <= {min(lengths)}, and as many targets as examples",
            received=f"limit={limit}, {lengths[0]} examples, {lengths[1]} targets",
            way_out="Leave the limit out to use all of them.",
        )
    weights = None if arrays.sample_weight is None else arrays.sample_weight[:limit]
    return replace(arrays, x=arrays.x[:limit], y=arrays.y[:limit], sample_weight=weights)
