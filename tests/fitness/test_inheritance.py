"""Laws of what a child takes from its parents: by lineage ids, in plain arrays."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from gakeras.encoding import Conv, Dense, Genome, Inception, SearchSpace, random_genome, with_lineage
from gakeras.errors import InputError
from gakeras.evolution import Proposer, SearchState, Variation, make_toolbox
from gakeras.evolution.crossover import mate
from gakeras.evolution.mutation import mutate
from gakeras.fitness.checkpoints import Checkpoint, Training, load_checkpoint, save_checkpoint
from gakeras.fitness.descent import trace_layers
from gakeras.fitness.inheritance import Inherited, Relative, inherit
from gakeras.jobs import JobFailed
from gakeras.seeding import isolated

SHAPE = (8, 8)
OUTPUTS = 3


def genome_of(text: str, ids: str) -> Genome:
    """Return a genome whose blocks have the letters as ids."""
    genome, letters = with_lineage(Genome.parse(text), 0), iter(ids)
    parts = genome.to_json()
    for part in ("conv", "dense"):
        for block in parts.get(part, ()):
            block["lineage_id"] = next(letters)
    return Genome.from_json(parts)


def weights_of(genome: Genome, seed: int) -> dict[str, np.ndarray]:
    """Return random arrays by the names that a Keras model of plain convolutions and dense layers has."""
    rng = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in trace_layers(genome, SHAPE):
        if isinstance(layer.block, Conv):
            size, out = layer.block.kernel_size, layer.block.filters
            shapes[f"{layer.name}/kernel"] = (size, size, layer.shape[-1], out)
        else:
            out = layer.block.units if isinstance(layer.block, Dense) else OUTPUTS
            shapes[f"{layer.name}/kernel"] = (math.prod(layer.shape), out)
        shapes[f"{layer.name}/bias"] = (out,)
        if layer.block is not None and layer.block.normalise:
            shapes |= {f"{layer.name}_norm/{name}": (out,) for name in ("gamma", "moving_variance")}
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


def child_of(
    child: Genome, *parents: Genome
) -> tuple[Inherited, dict[str, np.ndarray], list[dict[str, Any]]]:
    """Return what a child has inherited, what it was before, and its parents' weights."""
    fresh, trained = weights_of(child, 99), [weights_of(parent, seed) for seed, parent in enumerate(parents)]
    relatives = [Relative(parent, weights) for parent, weights in zip(parents, trained, strict=True)]
    return inherit(child, SHAPE, fresh, relatives), fresh, trained


PARENT = genome_of(
    """
    conv #4 kernelsize=3 activation=relu
    pool poolsize=2
    conv #6 kernelsize=3 activation=tanh normalise
    dense #5 activation=relu
    """,
    "apbd",
)


def changed(part: str, place: int, **values: Any) -> Genome:
    """Return the parent with one block changed, ids as they were."""
    plain = PARENT.to_json()
    plain[part][place] |= values
    return Genome.from_json(plain)


@pytest.mark.parametrize(
    "child",
    [
        PARENT,
        changed("conv", 0, dropout=0.3),
        changed("conv", 2, activation="sigmoid"),
        changed("dense", 0, dropout=0.2),
    ],
    ids=["equal", "dropout", "activation", "dense dropout"],
)
def test_dropout_and_activation_do_not_matter_every_array_is_the_parents(child: Genome) -> None:
    inherited, _, (trained,) = child_of(child, PARENT)
    assert inherited.weights.keys() == trained.keys()
    assert all(np.array_equal(inherited.weights[name], trained[name]) for name in trained)
    assert set(inherited.sources) == {"conv_1", "conv_3", "dense_1", "output"}


def test_more_filters_keep_those_there_were_and_what_reads_them_by_place_and_channel() -> None:
    inherited, fresh, (trained,) = child_of(changed("conv", 2, filters=8), PARENT)
    new, name = inherited.weights, "conv_3"
    assert np.array_equal(new[f"{name}/kernel"][..., :6], trained[f"{name}/kernel"])
    assert np.array_equal(new[f"{name}/kernel"][..., 6:], fresh[f"{name}/kernel"][..., 6:])
    assert np.array_equal(new[f"{name}_norm/moving_variance"][:6], trained[f"{name}_norm/moving_variance"])
    image = new["dense_1/kernel"].reshape(4, 4, 8, 5)
    assert np.array_equal(image[:, :, :6], trained["dense_1/kernel"].reshape(4, 4, 6, 5))
    assert np.array_equal(image[:, :, 6:], fresh["dense_1/kernel"].reshape(4, 4, 8, 5)[:, :, 6:])


def test_fewer_units_keep_the_first() -> None:
    inherited, _, (trained,) = child_of(changed("dense", 0, units=2), PARENT)
    assert np.array_equal(inherited.weights["dense_1/kernel"], trained["dense_1/kernel"][:, :2])
    assert np.array_equal(inherited.weights["output/kernel"], trained["output/kernel"][:2])


def test_a_larger_window_has_zeros_around_the_old_one_and_a_smaller_one_its_middle() -> None:
    larger, _, (trained,) = child_of(changed("conv", 0, kernel_size=5), PARENT)
    old = trained["conv_1/kernel"]
    assert np.array_equal(larger.weights["conv_1/kernel"], np.pad(old, ((1, 1), (1, 1), (0, 0), (0, 0))))
    smaller, _, _ = child_of(changed("conv", 0, kernel_size=1), PARENT)
    assert np.array_equal(smaller.weights["conv_1/kernel"], old[1:2, 1:2])


def test_a_pool_of_another_size_leaves_convolutions_and_makes_what_reads_the_image_fresh() -> None:
    inherited, _, _ = child_of(changed("conv", 1, pool_size=4), PARENT)
    assert set(inherited.sources) == {"conv_1", "conv_3", "output"}


@pytest.mark.parametrize("kept", [(0, 2), (1, 2)], ids=["without the pool", "without the first convolution"])
def test_where_a_block_is_removed_the_layer_behind_it_is_fresh(kept: tuple[int, ...]) -> None:
    child = Genome(conv=tuple(PARENT.conv[i] for i in kept), dense=PARENT.dense)
    inherited, fresh, _ = child_of(child, PARENT)
    assert np.array_equal(inherited.weights["conv_2/kernel"], fresh["conv_2/kernel"])
    assert "conv_2" not in inherited.sources and "output" in inherited.sources


def test_behind_the_cut_of_a_crossover_one_layer_is_fresh() -> None:
    text = "dense #4 activation=relu\ndense #5 activation=relu\ndense #6 activation=relu"
    mother, father = genome_of(text, "abc"), genome_of(text, "xyz")
    child = Genome(dense=(*mother.dense[:1], *father.dense[1:]))
    inherited, fresh, (_, fathers) = child_of(child, mother, father)
    assert inherited.sources == {"dense_1": 0, "dense_3": 1, "output": 1}
    assert np.array_equal(inherited.weights["dense_2/kernel"], fresh["dense_2/kernel"])
    assert np.array_equal(inherited.weights["dense_3/kernel"], fathers["dense_3/kernel"])


def test_of_two_parents_with_one_lineage_the_layers_come_from_one() -> None:
    inherited, _, _ = child_of(changed("dense", 0, units=9), PARENT, PARENT)
    assert set(inherited.sources.values()) == {0}


@pytest.mark.parametrize(
    ("line", "is_identity"),
    [
        ("conv #4 kernelsize=3 activation=relu", True),
        ("conv #7 kernelsize=2 activation=linear", True),
        ("conv #4 kernelsize=3 activation=tanh", False),
        ("conv #3 kernelsize=3 activation=relu", False),
        ("conv #4 kernelsize=3 activation=relu padding=valid", False),
        ("conv #4 kernelsize=3 activation=relu normalise", False),
    ],
)
def test_a_new_convolution_begins_as_the_identity_where_its_activation_and_width_allow(
    line: str, is_identity: bool
) -> None:
    new = with_lineage(Genome.parse(line), 7).conv
    child = Genome(conv=(*PARENT.conv[:1], *new, *PARENT.conv[1:]), dense=PARENT.dense)
    inherited, _, (trained,) = child_of(child, PARENT)
    assert ("conv_4" in inherited.sources) == is_identity
    if is_identity:
        kernel = inherited.weights["conv_2/kernel"]
        image = np.random.default_rng(1).random((8, 8, 4))
        assert np.array_equal(correlate(image, kernel)[..., :4], image)
        assert np.array_equal(inherited.weights["conv_4/kernel"][:, :, :4], trained["conv_3/kernel"])


def correlate(image: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Return a convolution with `same` padding, as Keras does it."""
    size = len(kernel)
    before = (size - 1) // 2
    padded = np.pad(image, ((before, size - 1 - before),) * 2 + ((0, 0),))
    rows, columns = image.shape[:2]
    return sum(padded[i : i + rows, j : j + columns] @ kernel[i, j] for i in range(size) for j in range(size))


def test_behind_values_that_may_be_negative_relu_is_no_identity() -> None:
    new = with_lineage(Genome.parse("conv #6 kernelsize=1 activation=relu"), 7).conv
    inherited, _, _ = child_of(Genome(conv=(*PARENT.conv, *new), dense=PARENT.dense), PARENT)
    assert "dense_1" not in inherited.sources


def test_an_inception_modules_channels_go_with_their_branch() -> None:
    from gakeras.fitness.overlaps import channel_map

    old, new = Inception(2, "relu", branches=(1, 3)), Inception(3, "relu", branches=(1, 3, "pool"))
    assert channel_map(old, new).tolist() == [0, 1, -1, 2, 3, -1, -1, -1, -1]
    assert channel_map(old, Inception(3, "relu", branches=(3,))).tolist() == [2, 3, -1]


# Lineage ids


def weighted(genome: Genome) -> tuple[Any, ...]:
    """Return the blocks that may have an id."""
    return (*genome.conv, *genome.dense)


ROOMY = SearchSpace.wide()


def test_ids_are_no_part_of_equality_hash_text_and_digest_but_of_json() -> None:
    plain = Genome.parse(str(PARENT))
    assert plain == PARENT and hash(plain) == hash(PARENT)
    assert str(plain) == str(PARENT) and plain.digest == PARENT.digest
    assert "lineage_id" not in str(plain.to_json()) and "lineage_id" not in repr(PARENT)
    ids = [block.lineage_id for block in Genome.from_json(PARENT.to_json()).conv]
    assert ids == ["a", "p", "b"]


@pytest.mark.parametrize(
    "block", [{"kind": "globalpool", "lineage_id": "a"}, {"kind": "dense", "lineage_id": 3}]
)
def test_an_id_that_is_none_is_refused(block: dict[str, Any]) -> None:
    part = "head" if block["kind"] == "globalpool" else "dense"
    plain = {"version": 1, part: [block | ({"units": 3, "activation": "relu"} if part == "dense" else {})]}
    with pytest.raises(InputError, match="lineage"):
        Genome.from_json(plain)


def test_ids_are_not_written_in_a_genomes_text() -> None:
    with pytest.raises(InputError, match="dense block"):
        Genome.parse("dense #3 activation=relu lineage_id=a")


def test_blocks_keep_their_ids_through_mutation_and_crossover_and_new_ones_have_none() -> None:
    with isolated(5) as rng:
        for number in range(60):
            mother, father = (
                with_lineage(random_genome(ROOMY, SHAPE, rng), n) for n in (number, 1000 + number)
            )
            child, _ = mate(mother, father, ROOMY, SHAPE)
            of_parents = {(block, block.lineage_id) for each in (mother, father) for block in weighted(each)}
            assert {(block, block.lineage_id) for block in weighted(child)} <= of_parents
            mutant, name = mutate(mother, ROOMY, SHAPE, Variation(), rng)
            before, after = ([block.lineage_id for block in weighted(each)] for each in (mother, mutant))
            new = after.count(None)
            assert set(after) <= {*before, None} and new <= (name == "addLayer")
            assert name != "delLayer" or len(after) < len(before)


def test_proposals_are_those_without_lineage_but_for_ids_that_are_unique_in_each() -> None:
    def proposals(tracks_lineage: bool) -> list[Any]:
        toolbox = make_toolbox(ROOMY, SHAPE, Variation())
        proposer = Proposer(3, toolbox, Variation(), SHAPE, OUTPUTS, 5, tracks_lineage=tracks_lineage)
        state, found = SearchState(), []
        for _ in range(12):
            found.append(proposer(state))
            state.add_proposal(found[-1])
        return found

    plain, tracked = proposals(False), proposals(True)
    assert plain == tracked
    assert all("lineage_id" not in str(proposal.genome.to_json()) for proposal in plain)
    for proposal in tracked:
        ids = [block.lineage_id for block in (*proposal.genome.conv, *proposal.genome.dense)]
        assert None not in ids and len(set(ids)) == len(ids)


def test_the_second_of_two_blocks_with_one_id_is_new() -> None:
    (block,) = with_lineage(Genome.parse("dense #3 activation=relu"), 4).dense
    twice = with_lineage(Genome(dense=(block, block)), 9)
    assert [each.lineage_id for each in twice.dense] == ["4/dense/0", "9/dense/1"]


# Checkpoints

TRAINING = Training(1, "folds", "data")


def test_a_checkpoint_gives_back_what_was_saved(tmp_path: Any) -> None:
    weights = weights_of(PARENT, 3)
    save_checkpoint(Checkpoint(PARENT, weights, TRAINING, 6), tmp_path / "4")
    read = load_checkpoint(tmp_path / "4", TRAINING)
    assert (read.genome.conv[0].lineage_id, read.age, read.training) == ("a", 6, TRAINING)
    assert all(np.array_equal(read.weights[name], weights[name]) for name in weights)


@pytest.mark.parametrize(
    "other",
    [Training(2, "folds", "data"), Training(1, "others", "data"), Training(1, "folds", "others")],
    ids=["fold", "folds", "data"],
)
def test_weights_of_another_fold_or_other_data_are_refused(other: Training, tmp_path: Any) -> None:
    path = save_checkpoint(Checkpoint(PARENT, weights_of(PARENT, 3), other, 6), tmp_path)
    path.rename(tmp_path / "fold1.npz")
    with pytest.raises(JobFailed, match="within a fold only"):
        load_checkpoint(tmp_path, TRAINING)


@pytest.mark.parametrize("content", [None, b"", b"no zip"], ids=["missing", "empty", "torn"])
def test_weights_that_cannot_be_read_are_a_failure_with_a_reason(
    content: bytes | None, tmp_path: Any
) -> None:
    if content is not None:
        (tmp_path / "fold1.npz").write_bytes(content)
    with pytest.raises(JobFailed, match="cannot be read"):
        load_checkpoint(tmp_path, TRAINING)
