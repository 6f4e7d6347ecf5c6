"""How Optuna and KerasTuner write down a genome of the space: one hyperparameter after another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from gakeras.encoding import Conv, Dense, Genome, MaxPool, SearchSpace, repair


class Suggest(Protocol):
    """What Optuna's trials and KerasTuner's hyperparameters have in common."""

    def integer(self, name: str, low: int, high: int) -> int: ...

    def choice(self, name: str, options: Sequence[Any]) -> Any: ...

    def real(self, name: str, low: float, high: float) -> float: ...


def suggest_genome(suggest: Suggest, space: SearchSpace, input_shape: tuple[int, ...]) -> Genome:
    """Return a genome of the space, one hyperparameter after another, repaired where it does not fit."""
    conv: list[Conv | MaxPool] = []
    num_conv = suggest.integer("conv_layers", 1, space.max_conv_layers) if len(input_shape) > 1 else 0
    for n in range(num_conv):
        if suggest.choice(f"kind{n}", ["conv", "conv", "pool"]) == "pool":
            size = suggest.choice(f"pool_size{n}", list(space.pool_sizes))
            conv.append(MaxPool(size, suggest.choice(f"pool_padding{n}", list(space.pool_paddings))))
            continue
        conv.append(
            Conv(
                filters=suggest.integer(f"filters{n}", *space.conv_filters),
                kernel_size=suggest.integer(f"kernel{n}", *space.kernel_size),
                activation=suggest.choice(f"conv_activation{n}", list(space.conv_activations)),
                padding=suggest.choice(f"conv_padding{n}", list(space.conv_paddings)),
                dropout=round(suggest.real(f"conv_dropout{n}", *space.conv_dropout), 2),
                normalise=_is_chosen(suggest, f"conv_normalise{n}", space.conv_normalise),
            )
        )
    dense = [
        Dense(
            units=suggest.integer(f"units{n}", *space.dense_units),
            activation=suggest.choice(f"dense_activation{n}", list(space.dense_activations)),
            dropout=round(suggest.real(f"dense_dropout{n}", *space.dense_dropout), 2),
            normalise=_is_chosen(suggest, f"dense_normalise{n}", space.dense_normalise),
        )
        for n in range(suggest.integer("dense_layers", 1, space.max_dense_layers))
    ]
    return repair(Genome(tuple(conv), tuple(dense)), space, input_shape)


def _is_chosen(suggest: Suggest, name: str, share: float) -> bool:
    """Return whether a block has something, which is asked for where the space has it at times."""
    return bool(suggest.choice(name, [False, True])) if 0 < share < 1 else share == 1


@dataclass(frozen=True)
class TrialSuggest:
    """Asks a trial of Optuna."""

    trial: Any

    def integer(self, name: str, low: int, high: int) -> int:
        return int(self.trial.suggest_int(name, low, high))

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return self.trial.suggest_categorical(name, list(dict.fromkeys(options)))

    def real(self, name: str, low: float, high: float) -> float:
        return float(self.trial.suggest_float(name, low, high))


@dataclass(frozen=True)
class HyperparameterSuggest:
    """Asks the hyperparameters of KerasTuner."""

    hyperparameters: Any

    def integer(self, name: str, low: int, high: int) -> int:
        return int(self.hyperparameters.Int(name, low, high))

    def choice(self, name: str, options: Sequence[Any]) -> Any:
        return self.hyperparameters.Choice(name, list(dict.fromkeys(options)))

    def real(self, name: str, low: float, high: float) -> float:
        return float(self.hyperparameters.Float(name, low, high))
