"""Laws of matching: two models say by themselves where the numbers of the smaller are in the larger."""

from __future__ import annotations

from dataclasses import dataclass

import keras
import numpy as np
import pytest
from keras import layers
from keras_models import outputs_of, random_inputs, with_random_weights

from gakeras.errors import InputError
from gakeras.graph import entry_places, kernel_offset, matched_units, put, read_graph, trace_channels
from gakeras.graph.rebuilding import read_weights, write_weights


@dataclass(frozen=True)
class Sizes:
    """Of a network that has a flattening, a concatenation, a normalisation, a sum and a depthwise kernel."""

    stem: int = 3
    left: int = 2
    right: int = 4
    hidden: int = 5
    window: int = 3
    stride: int = 1
    size: int = 6
    tied: bool = True


def network(sizes: Sizes) -> keras.Model:
    inputs = keras.Input((sizes.size, sizes.size, 2))
    conv = {"padding": "same", "activation": "relu"}
    x = layers.Conv2D(sizes.stem, sizes.window, strides=sizes.stride, name="stem", **conv)(inputs)
    x = layers.BatchNormalization(name="norm")(x)
    left = layers.Conv2D(sizes.left, 1, name="left", **conv)(x)
    right = layers.SeparableConv2D(sizes.right, sizes.window, depth_multiplier=2, name="right", **conv)(x)
    x = layers.Concatenate(name="joined")([left, right])
    y = layers.Conv2D(sizes.left + sizes.right, 1, name="back", **conv)(x)
    x = layers.Flatten(name="flatten")(layers.Add(name="sum")([x, y]) if sizes.tied else x)
    x = layers.Dense(sizes.hidden, activation="relu", name="hidden")(x)
    return keras.Model(inputs, layers.Dense(2, name="out")(x))


GROWN = {
    "the first convolution": Sizes(stem=5),
    "the last branch": Sizes(right=7),
    "a branch in the middle": Sizes(left=3, tied=False),
    "the dense layer": Sizes(hidden=9),
    "two layers": Sizes(stem=4, hidden=7),
    "every window": Sizes(window=5),
}


@pytest.mark.parametrize("grown", GROWN.values(), ids=GROWN)
def test_the_old_entries_among_zeros_compute_what_they_did(grown: Sizes) -> None:
    """A relu of 0 is 0, so new units without weights say nothing."""
    small = with_random_weights(network(Sizes(tied=grown.tied)), 1)
    large = network(grown)
    places = entry_places(read_graph(small), read_graph(large))
    zeros = {key: np.zeros_like(array) for key, array in read_weights(large).items()}
    old = read_weights(small)
    assert places.keys() == old.keys()
    write_weights(large, {key: put(old[key], places[key], zeros[key]) for key in zeros})
    inputs = random_inputs(small, 2)
    np.testing.assert_allclose(*[outputs_of(m, inputs)[0] for m in (small, large)], rtol=0, atol=1e-5)


@pytest.mark.parametrize("grown", GROWN.values(), ids=GROWN)
def test_what_is_put_at_its_places_is_found_there_and_nothing_else_is_touched(grown: Sizes) -> None:
    small, large = network(Sizes(tied=grown.tied)), network(grown)
    places, after = entry_places(read_graph(small), read_graph(large)), read_weights(large)
    for key, array in read_weights(small).items():
        filled = put(array + 1, places[key], np.full_like(after[key], -7.0))
        np.testing.assert_array_equal(filled[np.ix_(*places[key])], array + 1)
        assert (filled == -7.0).sum() == filled.size - array.size


def test_a_widened_branch_in_the_middle_moves_what_stands_behind_it() -> None:
    """Its new channels come before the old ones of the next branch."""
    small, large = network(Sizes(tied=False)), network(Sizes(left=3, tied=False))
    units = [trace_channels(read_graph(model)) for model in (small, large)]
    origin = matched_units(*units)
    joined = origin[units[1].units["joined"]]
    assert joined.tolist() == [*units[0].units["left"], -1, *units[0].units["right"]]


def test_new_units_have_no_origin_and_old_ones_their_own() -> None:
    old, new = (trace_channels(read_graph(network(sizes))) for sizes in (Sizes(), Sizes(hidden=8)))
    origin = matched_units(old, new)
    assert origin[new.units["hidden"]].tolist() == [*old.units["hidden"], -1, -1, -1]
    assert origin[new.units["stem"]].tolist() == old.units["stem"].tolist()


def test_a_layer_that_one_of_them_lacks_is_left_out() -> None:
    stack = [keras.Input((3,)), layers.Dense(2, name="kept"), layers.Dense(2, name="new")]
    small, large = keras.Sequential(stack[:2]), keras.Sequential(stack)
    assert entry_places(read_graph(small), read_graph(large)).keys() == {"kept/kernel", "kept/bias"}
    assert entry_places(read_graph(large), read_graph(small)).keys() == {"kept/kernel", "kept/bias"}


@pytest.mark.parametrize(
    ("size", "larger", "stride", "length", "offset"),
    [
        (3, 5, 1, 6, 1),
        (1, 5, 1, 6, 2),
        (2, 3, 1, 6, 1),  # Keras puts the odd zero behind a window of 2
        (2, 4, 1, 6, 1),
        (3, 5, 2, 7, 1),
        (2, 4, 2, 6, 1),
        (3, 4, 2, 6, 1),  # with an even length and a stride of 2 the zero comes before
    ],
)
def test_a_window_stands_in_a_larger_one_where_it_looks_at_the_same_places(
    size: int, larger: int, stride: int, length: int, offset: int
) -> None:
    rng = np.random.default_rng(3)
    kernel, image = rng.normal(size=(size, size, 1, 1)), rng.normal(size=(1, length, length, 1))
    wide = np.zeros((larger, larger, 1, 1))
    said = []
    for window in (size, larger):
        stack = [
            keras.Input((length, length, 1)),
            layers.Conv2D(1, window, strides=stride, padding="same", use_bias=False, name="conv"),
        ]
        model = keras.Sequential(stack)
        node = read_graph(model).nodes[-1]
        found = [kernel_offset(node, axis, size, larger) for axis in (0, 1)]
        assert found == [offset, offset]
        wide[offset : offset + size, offset : offset + size] = kernel
        model.get_layer("conv").kernel.assign(kernel if window == size else wide)
        said.append(keras.ops.convert_to_numpy(model(image)))
    np.testing.assert_allclose(*said, atol=1e-5)


def test_a_valid_window_has_no_place_in_a_larger_one() -> None:
    node = read_graph(keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(1, 3)])).nodes[-1]
    assert kernel_offset(node, 0, 3, 5) is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (Sizes(hidden=9), Sizes(hidden=5), r"'hidden/bias' of shape \(9,\), now \(5,\)|'hidden/kernel'"),
        (Sizes(size=6), Sizes(size=8), "'hidden/kernel'"),
    ],
    ids=["smaller", "other places"],
)
def test_what_is_no_part_of_the_other_is_refused(old: Sizes, new: Sizes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        entry_places(read_graph(network(old)), read_graph(network(new)))
