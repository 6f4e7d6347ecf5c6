"""Laws of the ledger: nothing is lost, and training costs three times what validation does."""

from __future__ import annotations

import json

import keras
import pytest

from gakeras.errors import InputError
from gakeras.graph import model_cost
from gakeras.morphism.ledger import Charge, Ledger


def test_training_costs_three_forward_passes_and_validation_one() -> None:
    flops = model_cost(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])).flops
    assert flops == 27
    ledger = Ledger().train("a", flops=flops, examples=10).validate("a", flops=flops, examples=4)
    assert ledger.accounts == {"a": Charge(training=3 * 27 * 10, validation=27 * 4)}


def test_the_total_is_what_all_spenders_spent() -> None:
    ledger = Ledger()
    for number, name in enumerate(["a", "b", "a", "c"], start=1):
        ledger = ledger.train(name, flops=10, examples=number).validate(name, flops=1, examples=number)
    assert ledger.accounts["a"] == Charge(training=30 * 4, validation=4)
    assert ledger.total == Charge(training=30 * 10, validation=10) and ledger.total.flops == 310


def test_charging_leaves_the_old_ledger_alone() -> None:
    old = Ledger().train("a", flops=1, examples=1)
    old.train("a", flops=1, examples=1)
    assert old.total.flops == 3


def test_ledgers_add_up_and_survive_json() -> None:
    one, other = Ledger().train("a", flops=2, examples=3), Ledger().validate("b", flops=5, examples=7)
    both = one + other + one
    assert both.accounts == {"a": Charge(training=36), "b": Charge(validation=35)}
    assert Ledger.from_json(json.loads(json.dumps(both.to_json()))) == both


@pytest.mark.parametrize(("flops", "examples"), [(-1, 1), (1, -1)])
def test_nothing_is_paid_back(flops: int, examples: int) -> None:
    for charge in (Ledger().train, Ledger().validate):
        with pytest.raises(InputError, match=f"less than nothing.*flops={flops}, examples={examples}"):
            charge("a", flops=flops, examples=examples)
