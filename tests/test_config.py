"""Laws of the settings: what is written is what runs, and a mistake is named before anything starts."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gakeras.config import Settings, find_config, load_config, settings_from, training_options
from gakeras.encoding import SearchSpace
from gakeras.errors import InputError
from gakeras.evolution import Caps, Fidelity, Variation

BUDGET = {"max_evaluations": 10}


def write(folder: Path, text: str, name: str = "a.toml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        settings_from(BUDGET | values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("values", "unknown", "nearest"),
    [
        ({"max_evaluation": 3}, "max_evaluation", "max_evaluations"),
        ({"populationsize": 3}, "populationsize", "population_size"),
        ({"data": {"sources": "digits"}}, "data.sources", "data.source"),
        ({"space": {"kernel_sizes": [2, 3]}}, "space.kernel_sizes", "space.kernel_size"),
        ({"space": {"preset": "paper", "pool_size": [2]}}, "space.pool_size", "space.pool_sizes"),
        ({"variation": {"tournament": 3}}, "variation.tournament", "variation.tournament_size"),
        ({"caps": {"flops": 3}}, "caps.flops", "caps.max_flops"),
        ({"training": {"epoch": 3}}, "training.epoch", "training.epochs"),
        ({"final": {"repeat": 3}}, "final.repeat", "final.repeats"),
        ({"workers": {"timeout": 3}}, "workers.timeout", "workers.timeout_seconds"),
        ({"published": {"title": "T", "row": {}, "rows": {}}}, "published.row", "published.rows"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unknown_key_is_refused_with_the_nearest_known_one(values: dict, unknown: str, nearest: str):
    message = refused(values)
    assert f"unknown key `{unknown}`" in message and f"the nearest is `{nearest}`" in message


def test_an_unknown_key_that_is_near_to_none_is_refused_with_all_known_ones() -> None:
    message = refused({"caps": {"xyz": 1}})
    assert (
        "one of budget_share, max_cpu_seconds, max_flops" in message and "unknown key `caps.xyz`" in message
    )


@pytest.mark.parametrize(
    ("values", "place", "received"),
    [
        ({"seed": "one"}, "seed", "'one'"),
        ({"population_size": 2.5}, "population_size", "2.5"),
        ({"population_size": 0}, "population_size", "0"),
        ({"num_folds": 1}, "num_folds", "1"),
        ({"max_seconds": -3}, "max_seconds", "-3"),
        ({"max_seconds": math.inf}, "max_seconds", "inf"),
        ({"task": "clustering"}, "task", "'clustering'"),
        ({"backend": "theano"}, "backend", "'theano'"),
        ({"algorithm": "random"}, "algorithm", "'random'"),
        ({"data": "digits"}, "data", "'digits'"),
        ({"data": {"limit": 0}}, "data.limit", "0"),
        ({"training": 5}, "training", "5"),
        ({"training": {"optimizer": "adm"}}, "training.optimizer", "'adm'"),
        ({"final": {"optimizer": "adm"}}, "final.optimizer", "'adm'"),
        ({"final": {"baselines": ["nobody"]}}, "network", "'nobody'"),
        ({"final": {"baselines": ["table_baseline"] * 2}}, "final.baselines", "table_baseline"),
        ({"networks": {"mine": "dense 3"}}, "networks.mine", "dense 3"),
        (
            {"networks": {"best": "dense #3 activation=relu"}, "final": {"baselines": ["best"]}},
            "best",
            "best",
        ),
        ({"caps": {"max_parameters": 0}}, "caps.max_parameters", "0"),
        ({"workers": {"workers": 0}}, "workers.workers", "0"),
        ({"variation": {"filters_width": 0}}, "variation.filters_width", "0"),
        ({"variation": {"filters_width": math.inf}}, "finite", "infinite"),
        ({"space": 5}, "space", "5"),
        ({"space": {"conv_filters": [50, 10]}}, "conv_filters", "(50, 10)"),
        ({"space": {"preset": "paper", "dense_dropout": [0.4, 0.1]}}, "dense_dropout", "(0.4, 0.1)"),
        ({"space": {"pool_sizes": []}}, "pool_sizes", "[]"),
        ({"space": "papers"}, "space", "'papers'"),
        ({"variation": {"preset": "papers"}}, "variation", "'papers'"),
        ({"min_population_size": 9, "population_size": 5}, "min_population_size", "9 > 5"),
        ({"published": {"title": "T", "rows": {"ours": [1, 2, 3]}}}, "published.rows.ours", "[1, 2, 3]"),
    ],
    ids=lambda value: "" if isinstance(value, str) else json.dumps(value).translate({34: None}),
)
def test_a_wrong_value_is_refused_by_its_place_and_itself(values: dict, place: str, received: str) -> None:
    expected, separator, rest = refused(values).partition("Received: ")
    assert separator and place in expected and received in rest


def test_several_mistakes_are_named_at_once() -> None:
    message = refused({"seed": "one", "training": {"epochs": "many"}, "colour": "red"})
    assert "seed" in message and "training.epochs" in message and "unknown key `colour`" in message


def test_a_search_needs_a_budget() -> None:
    with pytest.raises(
        InputError, match="max_evaluations, max_seconds, max_cpu_seconds, or more than one. Received: none"
    ):
        settings_from({})


@pytest.mark.parametrize(("key", "cls"), [("space", SearchSpace), ("variation", Variation)])
@pytest.mark.parametrize("form", ["string", "table"])
@pytest.mark.parametrize("preset", ["paper", "default"])
def test_a_preset_is_a_string_or_a_table(key: str, cls: type, form: str, preset: str) -> None:
    value = preset if form == "string" else {"preset": preset}
    wanted = cls.paper() if preset == "paper" else SearchSpace.wide() if key == "space" else cls()
    assert getattr(settings_from(BUDGET | {key: value}), key) == wanted


def test_a_preset_beside_other_values_is_changed_by_them() -> None:
    settings = settings_from(
        BUDGET
        | {
            "space": {"preset": "paper", "max_conv_layers": 2, "conv_filters": [1, 4]},
            "variation": {"preset": "paper", "tournament_size": 5},
        }
    )
    assert settings.space == SearchSpace.paper(max_conv_layers=2, conv_filters=(1, 4))
    assert settings.variation == Variation.paper(tournament_size=5)


FULL = {
    "name": "full",
    "seed": np.int64(7),
    "max_seconds": 12.5,
    "min_population_size": 3,
    "population_size": 4,
    "data": {"source": "mnist", "limit": 100},
    "space": {"preset": "paper", "max_dense_layers": 2},
    "variation": "paper",
    "caps": {"max_parameters": 1000},
    "training": {"epochs": 3, "optimizer": "sgd", "learning_rate": 0.1},
    "final": {"repeats": 3, "baselines": ["mnist_baseline", "mine"]},
    "workers": {"executor": "serial", "timeout_seconds": 3},
    "networks": {"mine": "dense #3 activation=relu"},
    "published": {"title": "Table 1", "rows": {"evolved": [1, 2, 3, 4]}},
}


@pytest.mark.parametrize("values", [{}, FULL], ids=["smallest", "full"])
def test_settings_survive_json(values: dict[str, Any]) -> None:
    settings = settings_from(BUDGET | values)
    again = settings_from(json.loads(json.dumps(settings.to_json(), allow_nan=False)))
    assert again == settings and isinstance(again, Settings)


def test_validating_does_not_change_what_was_passed() -> None:
    values = {**BUDGET, "space": {"preset": "paper"}}
    settings_from(values)
    assert values == {**BUDGET, "space": {"preset": "paper"}}


def test_training_options_of_a_caller_are_refused_like_settings() -> None:
    with pytest.raises(InputError, match=r"epochs: .*optimizer: .*Received: 0; 'adm'"):
        training_options(epochs=0, optimizer="adm")


OVERRIDES = {
    "seed=5": lambda settings: settings.seed == 5,
    "seed = 5": lambda settings: settings.seed == 5,
    "training.epochs=3": lambda settings: settings.training.epochs == 3,
    "space.pool_sizes=[2]": lambda settings: settings.space.pool_sizes == (2,),
    "space=paper": lambda settings: settings.space == SearchSpace.paper(),
    "data.source=mnist": lambda settings: settings.data.source == "mnist",
    'data.source="iris"': lambda settings: settings.data.source == "iris",
    "data.source=../a b/c=d.npz": lambda settings: settings.data.source == "../a b/c=d.npz",
    "final.baselines=[]": lambda settings: settings.final.baselines == (),
    "training.learning_rate=1e-3": lambda settings: settings.training.learning_rate == 0.001,
}


@pytest.mark.parametrize("override", OVERRIDES)
def test_an_override_is_a_dotted_key_and_toml_or_text(override: str, tmp_path: Path) -> None:
    path = write(tmp_path, 'seed = 1\nmax_seconds = 3\n[final]\nbaselines = ["table_baseline"]\n')
    assert OVERRIDES[override](load_config(path, [override]))


def test_the_last_of_two_overrides_counts(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "max_seconds = 3"), ["seed=1", "seed=2"]).seed == 2


def test_an_override_goes_on_top_of_a_preset(tmp_path: Path) -> None:
    path = write(tmp_path, 'max_seconds = 3\nspace = "paper"')
    assert load_config(path, ["space.max_conv_layers=2"]).space == SearchSpace.paper(max_conv_layers=2)


def test_an_override_changes_what_it_names_and_leaves_the_usual_space_and_caps(tmp_path: Path) -> None:
    path = write(tmp_path, "max_seconds = 3")
    assert load_config(path) == settings_from({"max_seconds": 3})
    changed = load_config(path, ["space.pool_sizes=[2]", "caps.max_parameters=99"])
    assert changed.space == SearchSpace.wide(pool_sizes=(2,))
    assert changed.caps == replace(load_config(path).caps, max_parameters=99)
    named = write(tmp_path, "max_seconds = 3\n[caps]\nmax_flops = 7")
    assert load_config(named, ["caps.max_parameters=99"]).caps == Caps(99, 7)
    assert load_config(path, ["seed=1"]) == replace(load_config(path), seed=1)


@pytest.mark.parametrize("overrides", [["fidelity.keep=0.3"], ["fidelity=rungs", "fidelity.keep=0.3"]])
def test_an_override_goes_on_top_of_a_fidelity_that_is_named(overrides: list[str], tmp_path: Path) -> None:
    path = write(tmp_path, 'max_seconds = 3\nfidelity = "rungs"')
    assert load_config(path, overrides).fidelity == Fidelity(kind="rungs", keep=0.3)
    assert load_config(path, ["fidelity.kind=full", "fidelity.race=true"]).fidelity == Fidelity("full", True)


@pytest.mark.parametrize("override", ["seed", "=3", ".=3", "training..epochs=3", "seed.x=3", ""])
def test_an_override_that_sets_nothing_is_refused(override: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"key=value.*Received: {re.escape(override)}"):
        load_config(write(tmp_path, "max_seconds = 3\nseed = 5"), [override])


def test_a_wrong_override_is_refused_like_a_line_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training\.epochs: .*Received: 'many'"):
        load_config(write(tmp_path, "max_seconds = 3"), ["training.epochs=many"])


@pytest.mark.parametrize("text", ["seed = ", "seed = 1\nseed = 2", "[data\n", "just words"])
def test_a_config_that_does_not_parse_says_where(text: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    with pytest.raises(InputError, match=rf"valid TOML\. Received: {re.escape(str(path))}.*(line|end of)"):
        load_config(path)


def test_a_config_that_is_not_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="valid TOML"):
        load_config(path)


@pytest.mark.parametrize("name", ["nowhere.toml", "."], ids=["missing", "a folder"])
def test_a_config_that_cannot_be_read_names_the_shipped_ones(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"one of the shipped configs: .*digits.*smoke"):
        load_config(tmp_path / name)


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "max_seconds = 3\ncolour = 1")
    with pytest.raises(InputError, match=re.escape(str(path))):
        load_config(path)


def test_a_shipped_config_is_found_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("digits").name == "digits.toml" and find_config("digits").is_file()
    assert find_config("nowhere") == Path("nowhere")


def test_a_file_is_preferred_to_a_shipped_config_and_a_folder_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert find_config("digits").name == "digits.toml"
    write(tmp_path, "max_seconds = 3", name="smoke")
    assert find_config("smoke") == Path("smoke")
