"""From a genome to a plain Keras model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from gakeras.encoding.blocks import Shape
from gakeras.encoding.costs import image_shape, trace_shapes
from gakeras.encoding.genome import Genome

if TYPE_CHECKING:
    import keras


def build_model(
    genome: Genome,
    input_shape: Shape,
    outputs: int,
    *,
    output_activation: str = "softmax",
    preprocessing: Sequence[keras.Layer] = (),
    postprocessing: Sequence[keras.Layer] = (),
) -> keras.Sequential:
    """Build the network of a genome as a `keras.Sequential` of stock layers.

    Args:
        genome: The architecture; every block must fit its input (see `repair`).
        input_shape: Shape of one example as the user has it: `(height, width)`,
            `(height, width, channels)` or `(features,)`.
        outputs: Units of the output layer.
        output_activation: Its activation, `"softmax"` for classes.
        preprocessing: Layers between the input and the first block, for example scaling.
        postprocessing: Layers after the output layer, for example to the targets' scale.

    Returns:
        A built, uncompiled model with newly drawn weights, float32 outputs of shape
        `(batch, outputs)`. It saves to a `.keras` file that loads without gakeras.

    Raises:
        InputError: A block does not fit, or a genome with convolutions meets a table.

    >>> genome = Genome.parse("conv #8 kernelsize=3 activation=relu")
    >>> build_model(genome, (28, 28), outputs=10).count_params()  # doctest: +SKIP
    62810
    """
    from keras import Input, Sequential, layers

    for block, shape in trace_shapes(genome, input_shape):
        block.cost(shape)
    stack: list[keras.Layer] = [Input(shape=input_shape)]
    if genome.conv and len(input_shape) == 2:
        stack.append(layers.Reshape(image_shape(input_shape), name="channel"))
    stack.extend(preprocessing)
    for index, conv_block in enumerate(genome.conv, start=1):
        stack.extend(conv_block.layers(f"{conv_block.kind}_{index}"))
    if len(input_shape) > 1:
        stack.append(layers.Flatten(name="flatten"))
    for index, dense_block in enumerate(genome.dense, start=1):
        stack.extend(dense_block.layers(f"dense_{index}"))
    stack.append(layers.Dense(outputs, activation=output_activation, dtype="float32", name="output"))
    return Sequential([*stack, *postprocessing])
