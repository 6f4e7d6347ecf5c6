"""Laws of the arguments of `synthesize`: none is dropped, and tables change what they name."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gakeras
from gakeras.cli.syntheses import _settings
from gakeras.data import Arrays
from gakeras.errors import InputError
from gakeras.fitness.options import TrainingOptions
from gakeras.lineage.settings import load_synthesis, synthesis_settings
from gakeras.synthesis import Budget, Factors, Synthesis

X, Y = np.arange(40.0).reshape(20, 2), np.arange(20) % 2


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a synthesis of a search's result would be begun with."""
    begun: list[Any] = []
    own = Arrays(X, Y, sample_weight=np.ones(20))
    monkeypatch.setattr("gakeras.lineage.starting.find_ancestor", lambda model: (None, own))
    monkeypatch.setattr("gakeras.lineage.starting.run_synthesis", lambda *given, **named: begun.append(given))
    return begun


def test_test_data_that_are_given_stand_beside_the_data_of_the_search(begun: list[Any]) -> None:
    gakeras.synthesize(SimpleNamespace(), x_test=X[:4], y_test=Y[:4])  # type: ignore[arg-type]
    (_, arrays, _) = begun[0]
    assert np.array_equal(arrays.x, X) and len(arrays.x_test) == 4 and arrays.sample_weight is not None
    with pytest.raises(InputError, match="sample_weight beside x and y"):
        gakeras.synthesize(SimpleNamespace(), sample_weight=np.ones(20))  # type: ignore[arg-type]


def test_the_last_training_is_as_the_others_but_longer(begun: list[Any]) -> None:
    training = {"batch_size": 16, "shift": 0.1}
    gakeras.synthesize(SimpleNamespace(), last_epochs=20, training=training)  # type: ignore[arg-type]
    (settings, _, _) = begun[0]
    assert (settings.last.epochs, settings.last.batch_size, settings.last.shift) == (20, 16, 0.1)
    assert settings.training.epochs != 20 and settings.training.batch_size == 16


def test_an_environment_that_is_given_says_what_is_kept_and_nothing_else_can(begun: list[Any]) -> None:
    environment = {"cluster_share": 0.9, "synapse_share": 0.8}
    gakeras.synthesize(SimpleNamespace(), drawing={"environment": environment})  # type: ignore[arg-type]
    (settings, _, _) = begun[0]
    assert settings.drawing_in(3).environment == Budget(0.9, 0.8)
    with pytest.raises(InputError, match="keep, or drawing.environment"):
        gakeras.synthesize(SimpleNamespace(), keep=0.5, drawing={"environment": environment})  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", ["", "keep = 0.5\n"])
def test_the_same_holds_for_a_config(keep: str, tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(f'kind = "synthesis"\n{keep}[drawing.environment]\ncluster = 0.8\nsynapse = 0.9\n')
    if keep:
        with pytest.raises(InputError, match="One setting says what offspring keep"):
            load_synthesis(path)
        return
    settings = load_synthesis(path)
    assert settings.drawing_in(1).environment == Factors(0.8, 0.9)
    assert synthesis_settings(settings.to_json()) == settings


def test_a_baseline_with_budgets_of_layers_and_exponents_of_no_layer_are_refused() -> None:
    with pytest.raises(ValueError, match="highest scores of the whole network"):
        Synthesis(method="lamp", budget_per="layer")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"method": "lamp", "drawing": Synthesis()}, "method='lamp', drawing.method='synthesis'"),
        ({"epochs": 7, "training": TrainingOptions(epochs=3)}, "epochs=7, training.epochs=3"),
        ({"keep": 0.5, "drawing": Synthesis(environment=Factors())}, "keep, or drawing.environment"),
    ],
    ids=["drawing", "training", "environment"],
)
def test_an_argument_that_an_object_contradicts_is_refused(
    arguments: dict[str, Any], message: str, begun: list[Any]
) -> None:
    with pytest.raises(InputError, match=message):
        gakeras.synthesize(SimpleNamespace(), **arguments)
    assert not begun


def test_the_environment_of_an_object_says_what_is_kept(begun: list[Any]) -> None:
    drawing = Synthesis(method="lamp", environment=Budget(0.9, 0.8))
    gakeras.synthesize(SimpleNamespace(), method="lamp", drawing=drawing)  # type: ignore[arg-type]
    gakeras.synthesize(SimpleNamespace(), keep=0.5, drawing=Synthesis(chi=0.7))  # type: ignore[arg-type]
    (given, _, _), (usual, _, _) = begun
    assert given.drawing_in(3) == drawing and usual.drawing_in(3).environment == Budget.keeping(0.5)


@pytest.mark.parametrize("target", ["model.keras", "."])
def test_the_environment_of_an_option_says_what_is_kept_whatever_the_target(target: str) -> None:
    environment = ["drawing.environment={cluster=0.8,synapse=0.9}"]
    settings, _ = _settings(target, environment)
    assert settings.drawing_in(1).environment == Factors(0.8, 0.9)
    with pytest.raises(InputError, match="One setting says what offspring keep"):
        _settings(target, [*environment, "keep=0.5"])


def test_settings_that_are_objects_are_taken_as_they_are(begun: list[Any]) -> None:
    arguments = {"training": TrainingOptions(batch_size=16), "drawing": Synthesis(chi=0.7)}
    gakeras.synthesize(SimpleNamespace(), last_epochs=20, **arguments)  # type: ignore[arg-type]
    (settings, _, _) = begun[0]
    assert (settings.last.epochs, settings.last.batch_size, settings.drawing.chi) == (20, 16, 0.7)
