"""What a network is judged by: the loss it learns from, and the metric that is reported beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from gakeras.fitness.keras_objects import LossChoice
from gakeras.fitness.metrics import MetricChoice


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class Criteria:
    """The loss of training and validation, and the metric of validation and of the final training.

    Attributes:
        loss: None is that of the targets: cross-entropy for classes, the mean squared error otherwise,
            learnt in units of each column's deviation. Any other is taken as it is.
        metric: The name of a scorer of scikit-learn (`gakeras.fitness.metrics`); None is accuracy, or the
            mean absolute error.
    """

    loss: LossChoice = None
    metric: MetricChoice = None

    def to_payload(self) -> dict[str, Any]:
        """Return what a job's payload says of them: nothing where they are the usual ones."""
        return {} if self == Criteria() else {"criteria": asdict(self)}


def criteria_of(payload: Mapping[str, Any]) -> Criteria:
    """Return the criteria that a payload names, or the usual ones."""
    return Criteria(**payload.get("criteria", {}))
