"""How an Inception module (see `gakeras.encoding.inception`) joins a trained network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import keras
import numpy as np
from keras import layers

from gakeras.encoding.inception import inception_module
from gakeras.errors import InputError
from gakeras.graph import read_graph
from gakeras.graph.grafting import graft
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.morphism.deepening import check_pairs, opposed_rows, paired_filters
from gakeras.morphism.points import fresh_name, point_behind

InceptionVariant = Literal["beta", "zero", "odd"]
_ODD = {"linear", "tanh", "softsign", "hard_tanh", "tanh_shrink", "soft_shrink", "hard_shrink"}


def insert_inception(
    model: keras.Model,
    after: str,
    filters: int,
    rng: np.random.Generator,
    *,
    variant: InceptionVariant = "beta",
    kernel_sizes: Sequence[int] = (1, 3, 5),
    pooling: bool = True,
    normalise: bool = False,
    activation: str = "relu",
    name: str | None = None,
) -> keras.Model:
    """Return a model with an Inception module beside a layer's way on, which begins at zero.

    What read x reads x + P s(F x), where F are the module's branches, s its activation and P its
    projection to the channels of x. The sum is zero at first (Painter 2018, figure 1):

    - `beta` (right): in every branch filters U and U, projected with B and -B. For every
      activation that treats each channel by itself.
    - `odd` (left): in every branch filters U and -U, both projected with B. Only where
      s(-v) = -s(v); its normalisation begins centred, which keeps it so.
    - `zero`: any filters, P = 0. Exact in every precision; the filters have no gradient in the
      first step.

    Args:
        model: Built, Sequential or Functional; it is left as it is.
        after: The layer with images, not the output and not in a nested model, behind which it comes.
        filters: Of each branch; even but for `zero`.
        rng: Draws U and B, normal with variance 2 / (number of inputs).
        variant: See above.
        kernel_sizes, pooling, normalise, activation: As of `inception_module`.
        name: Of the module, a model in the model, by default `"inception_1"` and so on; its sum
            is called `"inception_1_add"`. To widen a branch name its layer:
            `widen(model, "inception_1/conv_3", ...)`.

    Returns:
        A new, uncompiled Functional model whose outputs differ by rounding, in inference and in
        training mode, at most 1e-5 for outputs of order 1. It loads without gakeras.

    Raises:
        InputError: for another layer, a module that cannot be built, or a variant that does not
            suit the activation or the filters.

    >>> from keras import Input, Sequential
    >>> stack = [Input((8, 8, 1)), layers.Conv2D(4, 3, name="conv"), layers.Flatten(), layers.Dense(2)]
    >>> grown = insert_inception(Sequential(stack), "conv", 2, np.random.default_rng(0))
    >>> grown.get_layer("inception_1").output_shape
    (None, 6, 6, 4)
    """
    point = point_behind(read_graph(model), after)
    _check_variant(variant, filters, activation)
    name = name or fresh_name(model, "inception")
    module = inception_module(
        point.output_shape,
        filters,
        kernel_sizes=kernel_sizes,
        pooling=pooling,
        normalise=normalise,
        activation=activation,
        outputs=point.output_shape[-1],
        name=name,
    )
    inputs = keras.Input(point.output_shape)
    patch = keras.Model(inputs, layers.Add(name=f"{name}_add")([inputs, module(inputs)]))
    weights = read_weights(patch)
    branches = [f"{name}/conv_{size}/kernel" for size in kernel_sizes]
    branches += [f"{name}/pool_conv/kernel"] if pooling else []
    projection = f"{name}/projection/kernel"
    shape, widths = weights[projection].shape, [filters] * len(branches)
    if variant == "zero":
        new = {projection: np.zeros(shape)}
    else:
        signs = (1, -1) if variant == "beta" else (-1, 1)
        new = {key: paired_filters(weights[key].shape, rng, signs[0]) for key in branches}
        new[projection] = opposed_rows(shape, widths, rng, signs[1])
    write_weights(patch, new)
    return graft(model, after, patch)


def _check_variant(variant: str, filters: int, activation: str) -> None:
    if variant not in get_args(InceptionVariant):
        raise InputError(
            "A module begins at zero by one of three ways.",
            expected=f"a variant of {', '.join(get_args(InceptionVariant))}",
            received=f"variant={variant!r}",
        )
    if variant == "zero":
        return
    check_pairs(filters, activation)
    if variant == "odd" and activation not in _ODD:
        raise InputError(
            "Filters W and -W cancel through an odd activation only.",
            expected=f"one of {', '.join(sorted(_ODD))}",
            received=f"activation={activation!r}",
            way_out='Use variant="beta", which cancels through every activation.',
        )
