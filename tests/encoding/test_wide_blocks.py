"""Laws of blocks that are normalised, separable or residual, of Inception modules and of global pooling."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras_models import outputs_of, random_inputs, with_random_weights
from wide_genomes import EVERYTHING, OFTEN

from gakeras.encoding import (
    Conv,
    Dense,
    Genome,
    GlobalPool,
    Inception,
    build_model,
    genome_cost,
    random_genome,
)
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import trace_costs
from gakeras.errors import InputError
from gakeras.graph import model_cost, read_graph

BLOCKS = {
    "conv": Conv(8, 3, "relu"),
    "inception": Inception(4, "relu"),
    "dense": Dense(10, "relu"),
}


@pytest.mark.parametrize("shape", [(28, 28), (9, 6, 3), (30,)], ids=str)
def test_costs_and_shapes_are_those_of_the_model_that_keras_builds(shape: Shape) -> None:
    rng = random.Random(5)
    for genome in [random_genome(OFTEN, shape, rng) for _ in range(8)] + [EVERYTHING] * (len(shape) > 1):
        model = build_model(genome, shape, outputs=10)
        expected, cost = genome_cost(genome, shape, outputs=10), model_cost(model)
        assert (cost.parameters, cost.flops) == (expected.parameters, expected.flops)
        widths = {node.name: node.output_shape for node in read_graph(model).nodes}
        for index, layer in enumerate(trace_costs(genome, shape, outputs=10), start=1):
            name = f"{layer.block.kind}_{index}_add" if layer.block else "output"
            assert widths.get(name, layer.output_shape) == layer.output_shape


def test_every_block_becomes_its_stock_layers_in_order() -> None:
    model = build_model(EVERYTHING, (12, 12), outputs=3)
    assert type(model) is not keras.Sequential
    kinds = {node.name: node.kind for node in read_graph(model).nodes}
    assert [kinds[name] for name in ("conv_1", "conv_1_norm", "conv_1_activation")] == [
        "Conv2D",
        "BatchNormalization",
        "Activation",
    ]
    assert not model.get_layer("conv_1").use_bias and model.get_layer("conv_2").use_bias
    assert model.get_layer("conv_1").activation is keras.activations.linear
    assert kinds["conv_2_add"] == "Add" and "conv_2_shortcut" not in kinds  # 6 channels to 6
    assert kinds["inception_3_shortcut"] == "Conv2D"  # 6 channels to 5
    assert kinds["inception_3/projection"] == "Conv2D" and kinds["inception_3/norm"] == "BatchNormalization"
    assert kinds["conv_5"] == kinds["conv_7"] == "SeparableConv2D"
    assert kinds["inception_6/conv_5"] == "Conv2D" and "inception_6/pool" not in kinds
    assert kinds["global_pool"] == "GlobalAveragePooling2D" and "flatten" not in kinds
    assert {model.get_layer(name).momentum for name in ("conv_1_norm", "dense_1_norm")} == {0.9}
    assert model.get_layer("inception_3").get_layer("norm").momentum == 0.9


def test_a_genome_without_a_skip_is_a_chain_with_modules_in_it() -> None:
    genome = Genome.parse("inception #4 activation=relu\nglobalpool\ndense #3 dropout=0.0 activation=relu")
    model = build_model(genome, (8, 8), outputs=2)
    assert type(model) is keras.Sequential
    assert [layer.name for layer in model.layers] == [
        "channel",
        "inception_1",
        "global_pool",
        "dense_1",
        "output",
    ]


def test_the_file_of_a_network_has_stock_layers_alone_and_says_the_same(tmp_path: Path) -> None:
    model = with_random_weights(build_model(EVERYTHING, (12, 12), outputs=3), 2)
    model.save(tmp_path / "model.keras")
    modules = set(re.findall(r'"module": "([a-z]+)', json.dumps(model.get_config())))
    assert modules == {"keras"}
    twin, inputs = keras.saving.load_model(tmp_path / "model.keras"), random_inputs(model, 3)
    np.testing.assert_array_equal(outputs_of(twin, inputs)[0], outputs_of(model, inputs)[0])


@pytest.mark.parametrize(
    "block",
    [Conv(3, 3, "relu", residual=True), Inception(2, "relu", projection=3, residual=True)],
    ids=["conv", "inception"],
)
def test_a_skip_adds_the_input(block: Any) -> None:
    """Of two networks with the same weights, one with the skip, the difference is the input itself."""
    models = [
        build_model(
            Genome(conv=(each,), head=(GlobalPool(),)), (5, 5, 3), outputs=2, output_activation="linear"
        )
        for each in (block, replace(block, residual=False))
    ]
    with_random_weights(models[0], 1)
    models[1].set_weights(models[0].get_weights())
    x = random_inputs(models[0], 1)
    said = [outputs_of(model, x)[0] for model in models]
    kernel = keras.ops.convert_to_numpy(models[0].get_layer("output").kernel)
    np.testing.assert_allclose(said[0] - said[1], x[0].mean(axis=(1, 2)) @ kernel, atol=1e-5)


def test_everything_comes_back_from_its_printed_form_and_its_json() -> None:
    assert Genome.parse(str(EVERYTHING)) == EVERYTHING
    back = Genome.from_json(json.loads(json.dumps(EVERYTHING.to_json())))
    assert (back, back.digest, hash(back)) == (EVERYTHING, EVERYTHING.digest, hash(EVERYTHING))
    rng = random.Random(3)
    for genome in (random_genome(OFTEN, (20, 20), rng) for _ in range(200)):
        assert (
            Genome.parse(str(genome)) == genome == Genome.from_json(json.loads(json.dumps(genome.to_json())))
        )


def test_the_printed_form_names_flags_by_words_and_branches_by_windows() -> None:
    lines = str(EVERYTHING).splitlines()
    assert lines[2] == (
        "inception #3 activation=relu branches=1,3,pool normalise projection=5 residual dropout=0.1"
    )
    assert lines[4] == "conv #7 kernelsize=2 activation=leaky_relu dropout=0.2 normalise separable residual"
    assert EVERYTHING.to_json()["head"] == [{"kind": "globalpool"}]
    assert EVERYTHING.to_json()["conv"][2]["branches"] == [1, 3, "pool"]


@pytest.mark.parametrize(
    "changes",
    [{"conv": (replace(BLOCKS["conv"], **{flag: True}),)} for flag in ("normalise", "separable", "residual")]
    + [{"conv": (BLOCKS["conv"],), "head": (GlobalPool(),)}],
    ids=["normalise", "separable", "residual", "head"],
)
def test_every_addition_counts_in_the_digest_and_none_by_being_absent(changes: dict[str, Any]) -> None:
    plain = Genome(conv=(BLOCKS["conv"],))
    assert Genome(**changes).digest != plain.digest
    said = Conv(8, 3, "relu", normalise=False, separable=False, residual=False)
    assert Genome(conv=(said,), head=()).digest == plain.digest


REFUSED = {
    "a valid skip": ("conv #3 kernelsize=3 activation=relu padding=valid residual", "padding='same' where"),
    "a flag with a number": ("conv #3 kernelsize=3 activation=relu normalise=1", "normalise=True or.*=1"),
    "a size without a number": (
        "conv kernelsize=3 activation=relu filters",
        "positive whole `filters`.*True",
    ),
    "a rate without a number": ("dense #3 activation=relu dropout", "share of values.*True"),
    "branches in disorder": ("inception #3 activation=relu branches=3,1", "in ascending order.*3, 1"),
    "a branch twice": ("inception #3 activation=relu branches=3,3", "in ascending order.*3, 3"),
    "an unknown branch": ("inception #3 activation=relu branches=1,mean", "then perhaps 'pool'.*'mean'"),
    "a branch of nothing": ("inception #3 activation=relu branches=0", r"from 1 in ascending.*\(0,\)"),
    "a negative projection": ("inception #3 activation=relu projection=-2", "projection=-2"),
    "two heads": ("globalpool\nglobalpool", "becomes a vector once.*2 blocks"),
    "a head behind a dense layer": ("dense #3 activation=relu\nglobalpool", "no globalpool line.*dense"),
    "a module behind the head": ("globalpool\ninception #3 activation=relu", "no inception line.*head"),
}


@pytest.mark.parametrize(("text", "message"), REFUSED.values(), ids=REFUSED)
def test_a_text_that_is_no_wide_network_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Genome.parse(text)


@pytest.mark.parametrize("measure", [build_model, genome_cost], ids=["build_model", "genome_cost"])
def test_a_table_has_no_global_pool(measure: Any) -> None:
    with pytest.raises(InputError, match="Convolutions need images"):
        measure(Genome(head=(GlobalPool(),)), (30,), outputs=2)
