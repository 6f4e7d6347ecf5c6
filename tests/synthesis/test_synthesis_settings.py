"""The settings of synthesis: refused when they contradict themselves, and the same after JSON."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from gakeras.errors import InputError
from gakeras.synthesis.settings import Budget, Factors, Synthesis


@pytest.mark.parametrize(
    "settings",
    [
        Synthesis(),
        Synthesis(environment=Factors(0.8, 0.9), cap=None, sharpness=1),
        Synthesis(method="lamp", environment=Budget(0.5, 0.95), cluster="kernel"),
    ],
    ids=["default", "factors", "baseline"],
)
def test_settings_come_back_from_json(settings: Synthesis) -> None:
    assert Synthesis(**json.loads(json.dumps(asdict(settings)))) == settings


@pytest.mark.parametrize(
    "wrong",
    [{"chi": 0}, {"chi": 1.1}, {"cap": 0}, {"sharpness": 0}, {"method": "magic"}, {"keep": 0.5}],
    ids=lambda wrong: str(wrong),
)
def test_values_out_of_range_and_unknown_names_are_refused(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Synthesis(**wrong)


@pytest.mark.parametrize(("share", "split"), [(0, 0.5), (1.1, 0.5), (0.5, -0.1), (0.5, 1.1)])
def test_a_budget_is_a_share_and_its_split_one_too(share: float, split: float) -> None:
    with pytest.raises(InputError, match=f"keep={share}, split={split}"):
        Budget.keeping(share, split=split)


@pytest.mark.parametrize("split", [0.0, 0.3, 1.0])
def test_a_split_budget_keeps_the_whole(split: float) -> None:
    budget = Budget.keeping(0.67, split=split)
    assert budget.share == pytest.approx(0.67) and budget.cluster_share == pytest.approx(0.67**split)


def test_a_cap_below_the_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="a cap of at least the budget"):
        Synthesis(environment=Budget.keeping(0.9), cap=0.8)


def test_a_baseline_without_a_budget_is_refused() -> None:
    with pytest.raises(ValueError, match="how many synapses to keep"):
        Synthesis(method="lamp", environment=Factors())
