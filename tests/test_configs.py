"""Laws of the configs that are shipped: each is valid, and none starts what it cannot finish."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import gakeras
from gakeras.config import Settings, load_config, settings_from, shipped_configs, shipped_networks
from gakeras.encoding import Genome, genome_cost
from gakeras.errors import InputError
from gakeras.growth import growth_settings, load_growth
from gakeras.lineage import load_synthesis, synthesis_settings

CONFIGS = shipped_configs()
SYNTHESES = shipped_configs("synthesis")
GROWTHS = shipped_configs("growth")
IN_CHECKOUT = Path(gakeras.__file__).parents[1] / "configs"
SHAPES = {  # of one example, and the outputs, of the sources a config may name
    "digits": ((8, 8), 10),
    "mnist": ((28, 28), 10),
    "fashion_mnist": ((28, 28), 10),
    "cifar10": ((32, 32, 3), 10),
    "breast_cancer": ((30,), 1),
    "wine": ((13,), 3),
    "iris": ((4,), 3),
    "diabetes": ((10,), 1),
}
PAPER = {
    "mnist_baseline": 600_810,
    "mnist_evolved": 431_659,
    "fashion_baseline": 356_234,
    "fashion_evolved": 1_714_219,
}

every_config = pytest.mark.parametrize("name", CONFIGS)


def load(name: str) -> Settings:
    return load_config(CONFIGS[name])


def test_the_shipped_configs_are_all_files_of_the_folder_but_the_networks() -> None:
    assert {"digits", "smoke"} <= set(CONFIGS) and "networks" not in CONFIGS
    if IN_CHECKOUT.is_dir():
        every = {path.stem for path in IN_CHECKOUT.glob("*.toml")} - {"networks"}
        assert set(CONFIGS) | set(SYNTHESES) | set(GROWTHS) == set(shipped_configs(kind=None)) == every


@pytest.mark.parametrize("name", SYNTHESES)
def test_a_shipped_synthesis_is_valid_and_survives_its_journal(name: str) -> None:
    settings = load_synthesis(SYNTHESES[name])
    assert settings.name == name and settings.data is not None and settings.ancestor is not None
    assert synthesis_settings(settings.to_json()) == settings


@pytest.mark.parametrize("name", GROWTHS)
def test_a_shipped_growth_is_valid_fits_its_data_and_survives_its_journal(name: str) -> None:
    settings = load_growth(GROWTHS[name])
    assert settings.name == name and settings.data is not None and settings.start is not None
    genome = settings.start.genome()
    assert genome is not None and genome_cost(genome, *SHAPES[settings.data.source]).parameters > 0
    assert growth_settings(settings.to_json()) == settings


def test_a_config_is_used_for_what_it_is_for() -> None:
    with pytest.raises(InputError, match="kind = 'synthesis'. Use `gakeras synthesize"):
        load_config(SYNTHESES["lenet_mnist"])
    with pytest.raises(InputError, match="kind = 'growth'. Use `gakeras grow"):
        load_config(GROWTHS["smoke_growth"])
    with pytest.raises(InputError, match="kind = 'search'. Use `gakeras search"):
        load_synthesis(CONFIGS["digits"])


@every_config
def test_a_shipped_config_is_valid_and_bears_its_own_name(name: str) -> None:
    assert load(name).name == name


@every_config
def test_a_shipped_config_survives_its_journal(name: str) -> None:
    assert settings_from(load(name).to_json()) == load(name)


@every_config
def test_caps_are_on_except_in_the_configs_of_the_paper(name: str) -> None:
    caps = load(name).caps
    assert (caps.max_parameters is None) == (caps.max_flops is None) == name.startswith("paper_")


@every_config
def test_a_config_names_its_data_and_they_are_in_reach_of_its_space_and_baselines(name: str) -> None:
    settings = load(name)
    assert settings.data is not None
    input_shape, outputs = SHAPES[settings.data.source]
    settings.space.check_input(input_shape)
    for baseline in settings.final.baselines:
        assert genome_cost(settings.network(baseline), input_shape, outputs).parameters > 0


@every_config
def test_a_config_of_the_paper_keeps_to_the_space_of_the_paper(name: str) -> None:
    settings = load(name)
    if name.startswith("paper_"):
        assert settings.space.conv_dropout == (0, 0) and settings.variation.conv_dropout == 0
        assert (settings.final.epochs, settings.final.optimizer) == (20, "rmsprop")
        assert settings.final.repeats == 10 and settings.published is not None


@pytest.mark.parametrize("name", shipped_networks())
def test_a_shipped_network_is_one_block_a_line(name: str) -> None:
    text = shipped_networks()[name]
    genome = Genome.parse(text)
    assert len(genome.blocks) == len(text.strip().splitlines())
    assert Genome.parse(str(genome)) == genome


@pytest.mark.parametrize(("name", "parameters"), PAPER.items(), ids=PAPER)
def test_the_networks_of_the_paper_have_its_parameters(name: str, parameters: int) -> None:
    assert genome_cost(Genome.parse(shipped_networks()[name]), (28, 28), outputs=10).parameters == parameters


def test_the_parameters_that_are_written_beside_the_networks_are_these() -> None:
    text = next(iter(CONFIGS.values())).with_name("networks.toml").read_text(encoding="utf-8")
    assert all(f"# {parameters:,} trainable parameters" in text for parameters in PAPER.values())
    assert set(tomllib.loads(text)) == {"networks"}
