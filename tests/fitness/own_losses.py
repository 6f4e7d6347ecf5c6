"""Losses of one's own, in a module that workers can import."""

from __future__ import annotations

from typing import Any

import keras


class Pinball(keras.losses.Loss):
    """The loss of a quantile."""

    def __init__(self, quantile: float = 0.5, name: str = "pinball", **options: Any) -> None:
        super().__init__(name=name, **options)
        self.quantile = quantile

    def call(self, y_true: Any, y_pred: Any) -> Any:
        error = y_true - y_pred
        return keras.ops.mean(keras.ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "quantile": self.quantile}


class Forgetful(Pinball):
    """Leaves its argument out of its config."""

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name}


def absolute(y_true: Any, y_pred: Any) -> Any:
    """Return the mean absolute error of every example."""
    return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)
