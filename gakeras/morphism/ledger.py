"""Who has spent how many floating-point operations: on training and on validation."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Self

from gakeras.errors import InputError

TRAINING_FACTOR = 3
"""A step of training costs three forward passes: one forward, and about two for the gradients."""


@dataclass(frozen=True)
class Charge:
    """What one spender has spent.

    Attributes:
        training: FLOPs of forward and backward passes.
        validation: FLOPs of forward passes without gradients, of whatever a decision rests on.
    """

    training: int = 0
    validation: int = 0

    @property
    def flops(self) -> int:
        """The sum."""
        return self.training + self.validation

    def __add__(self, other: Charge) -> Charge:
        return Charge(self.training + other.training, self.validation + other.validation)


@dataclass(frozen=True)
class Ledger:
    """The accounts of all spenders, as a value: charging returns a new ledger.

    Methods compare fairly at equal `total.flops`. A forward pass is counted by
    `gakeras.graph.model_cost`; its FLOPs times 3 are a step of training, an estimate (XLA's own
    count of a gradient was 3.16 forward passes of a small network). The operations of the optimizer,
    and of transforming a network, are not counted.

    >>> ledger = Ledger().train("net_1", flops=1000, examples=50).validate("net_1", flops=1000, examples=10)
    >>> ledger.accounts["net_1"]
    Charge(training=150000, validation=10000)
    >>> ledger.total.flops
    160000
    """

    accounts: dict[str, Charge] = field(default_factory=dict)

    def train(self, spender: str, *, flops: int, examples: int) -> Self:
        """Charge the training on so many examples (steps times batch size) of a model of so many FLOPs."""
        return self._charged(spender, Charge(training=TRAINING_FACTOR * _product(flops, examples)))

    def validate(self, spender: str, *, flops: int, examples: int) -> Self:
        """Charge the prediction of so many examples by a model of so many FLOPs."""
        return self._charged(spender, Charge(validation=_product(flops, examples)))

    @property
    def total(self) -> Charge:
        """What all have spent together."""
        return sum(self.accounts.values(), Charge())

    def __add__(self, other: Ledger) -> Ledger:
        """Return the accounts of both."""
        names = [*self.accounts, *(name for name in other.accounts if name not in self.accounts)]
        return Ledger({name: self._of(name) + other._of(name) for name in names})

    def to_json(self) -> dict[str, dict[str, int]]:
        """Return plain JSON."""
        return {
            name: {"training": charge.training, "validation": charge.validation}
            for name, charge in self.accounts.items()
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        return cls({name: Charge(**charge) for name, charge in value.items()})

    def _of(self, spender: str) -> Charge:
        return self.accounts.get(spender, Charge())

    def _charged(self, spender: str, charge: Charge) -> Self:
        return type(self)(self.accounts | {spender: self._of(spender) + charge})


def _product(flops: int, examples: int) -> int:
    if flops < 0 or examples < 0:
        raise InputError(
            "Nothing costs less than nothing.",
            expected="flops >= 0 and examples >= 0",
            received=f"flops={flops}, examples={examples}",
        )
    return flops * examples
