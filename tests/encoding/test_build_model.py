"""The pure-Python rules of shapes and costs say what Keras then builds."""

from __future__ import annotations

import math
import random

import keras
import pytest

from gakeras.encoding import Genome, MaxPool, SearchSpace, build_model, genome_cost, random_genome
from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import trace_shapes
from gakeras.errors import InputError

SPACES = {"default": SearchSpace(), "paper": SearchSpace.paper()}
SHAPES: list[Shape] = [(28, 28), (8, 8), (32, 32, 3), (30,)]


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_shapes_and_costs_agree_with_keras_on_random_genomes(space: SearchSpace, shape: Shape) -> None:
    rng = random.Random(5)
    for genome in (random_genome(space, shape, rng) for _ in range(7)):
        model = build_model(genome, shape, outputs=10)
        layers = [layer for layer in model.layers if isinstance(layer, BLOCK_LAYERS)]
        expected = [block.output_shape(arriving) for block, arriving in trace_shapes(genome, shape)]
        assert [layer.output.shape[1:] for layer in layers] == [*expected, (10,)]
        cost = genome_cost(genome, shape, outputs=10)
        assert cost.parameters == sum(math.prod(weight.shape) for weight in model.trainable_weights)
        assert cost.flops == sum(map(flops, layers))


BLOCK_LAYERS = (keras.layers.Conv2D, keras.layers.MaxPooling2D, keras.layers.Dense)


def flops(layer: keras.Layer) -> int:
    """Two for every multiply-accumulate, one for every bias added and every value a pool looks at."""
    positions = math.prod(layer.output.shape[1:-1])
    if isinstance(layer, keras.layers.MaxPooling2D):
        return positions * layer.output.shape[-1] * math.prod(layer.pool_size)
    return positions * (2 * math.prod(layer.kernel.shape) + math.prod(layer.bias.shape))


def test_every_block_becomes_its_stock_layers_in_order() -> None:
    genome = Genome.parse("""
        conv #8 kernelsize=3 activation=leaky_relu padding=valid dropout=0.1
        pool poolsize=2 padding=same dropout=0.25
        dense #16 dropout=0.5 activation=hard_sigmoid
        dense #12 dropout=0.0 activation=tanh
    """)
    model = build_model(genome, (9, 9), outputs=3)
    assert type(model) is keras.Sequential and model.built
    assert [(type(layer).__name__, layer.name) for layer in model.layers] == [
        ("Reshape", "channel"),
        ("Conv2D", "conv_1"),
        ("Dropout", "conv_1_dropout"),
        ("MaxPooling2D", "pool_2"),
        ("Dropout", "pool_2_dropout"),
        ("Flatten", "flatten"),
        ("Dense", "dense_1"),
        ("Dropout", "dense_1_dropout"),
        ("Dense", "dense_2"),
        ("Dense", "output"),
    ]
    conv, pool, dense = (model.get_layer(name) for name in ("conv_1", "pool_2", "dense_1"))
    assert (conv.activation, conv.padding) == (keras.activations.leaky_relu, "valid")
    assert (pool.pool_size, pool.padding) == ((2, 2), "same")
    assert dense.activation is keras.activations.hard_sigmoid
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [0.1, 0.25, 0.5]
    assert (model.output_shape, model.layers[-1].activation) == ((None, 3), keras.activations.softmax)


def test_layers_may_stand_before_the_first_block_and_after_the_output() -> None:
    genome = Genome.parse("dense #4 activation=relu")
    before, after = keras.layers.Rescaling(1 / 255), keras.layers.Rescaling(3.0, offset=1.0)
    model = build_model(
        genome, (5,), outputs=1, output_activation="linear", preprocessing=[before], postprocessing=[after]
    )
    assert (model.layers[0], model.layers[-1]) == (before, after)


@pytest.mark.parametrize("shape", [(4, 4), (4,)], ids=str)
def test_the_empty_genome_is_the_output_layer_alone(shape: Shape) -> None:
    parameters = 3 * (math.prod(shape) + 1)
    assert build_model(Genome(), shape, outputs=3).count_params() == parameters
    assert genome_cost(Genome(), shape, outputs=3).parameters == parameters


@pytest.mark.parametrize("measure", [build_model, genome_cost], ids=["build_model", "genome_cost"])
@pytest.mark.parametrize(
    ("shape", "message"), [((2, 5), r"shape=\(2, 5, 1\)"), ((30,), "Convolutions need images")], ids=str
)
def test_a_block_that_does_not_fit_is_an_error_not_a_silent_drop(
    measure: object, shape: Shape, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        measure(Genome(conv=(MaxPool(3),)), shape, outputs=2)  # type: ignore[operator]
