"""Losses and optimizers of Keras as settings: a name, a class with its config, or an object that is given.

Nothing here imports Keras before it is needed: settings are read where it is not imported.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, field, fields
from typing import Annotated, Any, get_args

from pydantic import ConfigDict, PlainSerializer, PlainValidator
from pydantic.dataclasses import dataclass

from gakeras.encoding.learning import Optimizer

OPTIMIZERS: tuple[str, ...] = (*get_args(Optimizer), "adafactor", "ftrl")
LOSSES = (
    "mean_squared_error", "mean_absolute_error", "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error", "mse", "mae", "mape", "msle", "huber", "log_cosh", "cosine_similarity",
    "binary_crossentropy", "categorical_crossentropy", "sparse_categorical_crossentropy",
    "binary_focal_crossentropy", "categorical_focal_crossentropy", "kl_divergence", "poisson", "hinge",
    "squared_hinge", "categorical_hinge",
)  # fmt: skip


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class KerasObject:
    """A class of Keras, or of a module that workers can import, and the config it is made from.

    Attributes:
        class_name: Of the class; of the function where it is one.
        config: What the class's `from_config` takes.
        module: Where it is; None for Keras' own.
    """

    class_name: str
    config: dict[str, Any] = field(default_factory=dict, hash=False)
    module: str | None = None


def build_object(described: str | KerasObject, package: Any) -> Any:
    """Return a new object, or the function, that a setting describes.

    Args:
        described: The setting.
        package: `keras.losses` or `keras.optimizers`.
    """
    if isinstance(described, str):
        return package.get(described)
    module = package if described.module is None else importlib.import_module(described.module)
    found: Any = getattr(module, described.class_name)
    make = getattr(found, "from_config", None)
    return found if make is None else make(dict(described.config))


def read_optimizer(value: Any) -> str | KerasObject:
    """Return a validated optimizer. Raises `ValueError` in the words that `gakeras.validation` splits."""
    return _read(value, "optimizer", OPTIMIZERS)


def read_loss(value: Any) -> str | KerasObject | None:
    """Return a validated loss; None is the one that belongs to the targets."""
    return None if value is None else _read(value, "loss", LOSSES)


def _plain(described: Any) -> Any:
    return asdict(described) if isinstance(described, KerasObject) else described


_AS_JSON = PlainSerializer(_plain, return_type=Any)
OptimizerChoice = Annotated[str | KerasObject, PlainValidator(read_optimizer), _AS_JSON]
LossChoice = Annotated[str | KerasObject | None, PlainValidator(read_loss), _AS_JSON]


def _read(value: Any, kind: str, names: tuple[str, ...]) -> str | KerasObject:
    if isinstance(value, KerasObject):
        return value
    if isinstance(value, str) and value in names:
        return value
    if isinstance(value, Mapping):
        known = {each.name for each in fields(KerasObject)}
        is_table = {"class_name"} <= value.keys() <= known and isinstance(value["class_name"], str)
        if is_table and isinstance(value.get("config", {}), Mapping):
            return KerasObject(**value)
    elif callable(value) or hasattr(value, "get_config"):
        return _described(value, kind, names)
    raise ValueError(
        f"one of {', '.join(names)}, a table of class_name, config and perhaps module, or a Keras {kind}, "
        f"received {value!r:.80}"
    )


def _described(value: Any, kind: str, names: tuple[str, ...]) -> str | KerasObject:
    """Return what rebuilds an object in another process, or say why nothing does."""
    import keras

    package = keras.losses if kind == "loss" else keras.optimizers
    made = type(value) if hasattr(value, "get_config") else value
    name, module = made.__name__, made.__module__
    if getattr(package, name, None) is made:  # Keras' own
        if not hasattr(value, "get_config"):
            return name if name in names else KerasObject(name, module=package.__name__)
        module = None
    elif module == "__main__" or getattr(importlib.import_module(module), name, None) is not made:
        raise ValueError(
            f"a {kind} that workers can import, at the top of a module, "
            f"received {made.__qualname__} of {module}"
        )
    config = value.get_config() if hasattr(value, "get_config") else {}
    config = {key: item for key, item in keras.saving.serialize_keras_object(config).items() if key != "name"}
    try:
        config = json.loads(json.dumps(config, allow_nan=False))
    except (TypeError, ValueError):
        raise ValueError(f"a {kind} whose config is plain JSON, received {config!r:.200}") from None
    described = KerasObject(name, config, module)
    if kind == "loss" and not _says_the_same(value, build_object(described, package)):
        raise ValueError(
            f"a loss that its get_config describes in full, or a table of class_name and config, "
            f"received {name} with the config {config}, which gives other values than the object"
        )
    return described


def _says_the_same(loss: Any, rebuilt: Any) -> bool:
    """Tell whether two losses agree; some of Keras' own leave arguments out of their config."""
    import numpy as np

    rng = np.random.default_rng(0)
    chances = rng.dirichlet(np.ones(3), 8).astype("float32")
    labels = np.arange(8) % 3
    numbers = rng.normal(scale=9, size=(2, 8, 3)).astype("float32")
    one_hot = np.eye(3, dtype="float32")[labels]
    for y, outputs in ((one_hot, chances), (labels, chances), (one_hot, numbers[0]), tuple(numbers)):
        try:
            first, second = (np.asarray(each(y, outputs)) for each in (loss, rebuilt))
        except Exception:  # not what this loss takes
            continue
        if not np.allclose(first, second, equal_nan=True):
            return False
    return True
