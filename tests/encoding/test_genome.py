"""Laws of genomes: a value with one JSON form, one printed form and one digest."""

from __future__ import annotations

import json
import pickle
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gakeras.encoding import Conv, Dense, Genome, MaxPool, SearchSpace, random_genome
from gakeras.errors import InputError

law = settings(deadline=None, derandomize=True)
genomes = st.builds(
    lambda seed, shape: random_genome(SearchSpace(), shape, random.Random(seed)),
    seed=st.integers(0, 2**32),
    shape=st.sampled_from([(28, 28), (32, 32, 3), (30,)]),
)

EXAMPLE = Genome(
    conv=(Conv(22, 2, "tanh"), MaxPool(3, dropout=0.25), Conv(31, 5, "linear", "valid", 0.1)),
    dense=(Dense(143, "relu", 0.4), Dense(42, "tanh")),
)
BLOCKS = {"conv": Conv(8, 3, "relu"), "pool": MaxPool(2), "dense": Dense(10, "relu")}


@law
@given(genomes)
def test_a_genome_comes_back_from_its_json(genome: Genome) -> None:
    back = Genome.from_json(json.loads(json.dumps(genome.to_json())))
    assert (back, hash(back), back.digest) == (genome, hash(genome), genome.digest)


@law
@given(genomes)
def test_a_genome_comes_back_from_its_printed_form(genome: Genome) -> None:
    assert Genome.parse(str(genome)) == genome


@law
@given(genomes, genomes)
def test_genomes_are_equal_where_their_digests_are(first: Genome, second: Genome) -> None:
    assert (first == second) == (first.digest == second.digest)


def test_a_genome_comes_back_from_a_pickle() -> None:
    assert EXAMPLE.digest == pickle.loads(pickle.dumps(EXAMPLE)).digest


def test_a_genome_prints_one_block_a_line_without_the_defaults_the_paper_does_not_print() -> None:
    assert str(EXAMPLE).splitlines() == [
        "conv #22 kernelsize=2 activation=tanh",
        "pool poolsize=3 dropout=0.25",
        "conv #31 kernelsize=5 activation=linear padding=valid dropout=0.1",
        "dense #143 dropout=0.4 activation=relu",
        "dense #42 dropout=0.0 activation=tanh",
    ]


def test_blocks_are_in_the_order_of_the_data() -> None:
    assert EXAMPLE.blocks == EXAMPLE.conv + EXAMPLE.dense


def test_a_whole_number_among_genes_of_learning_is_the_same_gene() -> None:
    genes = ("learningrate=1 shift=0 erase=0", "learningrate=1.0 shift=0.0 erase=0.0")
    whole, real = (Genome.parse(f"dense #3 activation=relu\nlearning {each}") for each in genes)
    assert whole == real and whole.digest == real.digest


def test_the_digest_of_a_genome_never_changes() -> None:
    """Journals, caches and seeds hang on it: a change of this literal is a new `GENOME_VERSION`."""
    assert EXAMPLE.digest == "7a502bccdab7eca9840f"


def test_the_json_of_a_genome_leaves_out_defaults_and_empty_parts() -> None:
    assert EXAMPLE.to_json()["conv"][0] == {
        "kind": "conv",
        "filters": 22,
        "kernel_size": 2,
        "activation": "tanh",
    }
    assert Genome().to_json() == {"version": 1}


@pytest.mark.parametrize(
    ("explicit", "kind"),
    [
        pytest.param(Conv(8, 3, "relu", padding="same", dropout=0.0), "conv", id="conv"),
        pytest.param(Conv(8, 3, "relu", dropout=0), "conv", id="conv, a whole number"),
        pytest.param(MaxPool(2, padding="valid", dropout=0.0), "pool", id="pool"),
        pytest.param(Dense(10, "relu", dropout=0.0), "dense", id="dense"),
    ],
)
def test_a_default_said_aloud_changes_neither_digest_nor_json(explicit: Any, kind: str) -> None:
    part = "dense" if kind == "dense" else "conv"
    said, unsaid = Genome(**{part: (explicit,)}), Genome(**{part: (BLOCKS[kind],)})
    assert (said, said.digest, said.to_json()) == (unsaid, unsaid.digest, unsaid.to_json())


@pytest.mark.parametrize(
    "text",
    [
        "conv #9 kernelsize=3 activation=relu",
        "conv #8 kernelsize=2 activation=relu",
        "conv #8 kernelsize=3 activation=tanh",
        "conv #8 kernelsize=3 activation=relu padding=valid",
        "conv #8 kernelsize=3 activation=relu dropout=0.01",
    ],
)
def test_every_field_of_a_block_counts_in_the_digest(text: str) -> None:
    assert Genome.parse(text).digest != Genome(conv=(BLOCKS["conv"],)).digest


def test_the_order_of_blocks_counts_in_the_digest() -> None:
    assert Genome(conv=EXAMPLE.conv).digest != Genome(conv=EXAMPLE.conv[::-1]).digest


@pytest.mark.parametrize("rate", [1e-05, 0.1, 1 / 3])
def test_every_dropout_rate_comes_back_from_its_printed_form(rate: float) -> None:
    genome = Genome(dense=(Dense(10, "relu", rate),))
    assert Genome.parse(str(genome)) == genome


@pytest.mark.parametrize(
    ("text", "message"),
    {
        "an unknown kind": ("lstm #3", "one of conv, pool, dense"),
        "an unknown field": ("pool poolsize=2 stride=1", "poolsize=2 stride=1"),
        "a missing field": ("conv #8 activation=relu", "filters, kernel_size, activation"),
        "a size that a kind has not": ("pool #2", "pool_size"),
        "an unknown activation": ("dense #8 activation=swish", "activation='swish'"),
        "an unknown padding": ("pool poolsize=2 padding=full", "padding='full'"),
        "no filters": ("conv #0 kernelsize=3 activation=relu", "filters=0"),
        "half a unit": ("dense #0.5 activation=relu", "units=0.5"),
        "a negative kernel": ("conv #8 kernelsize=-3 activation=relu", "kernel_size=-3"),
        "dropout of everything": ("dense #8 activation=relu dropout=1.0", "dropout=1.0"),
        "dropout that is no number": ("dense #8 activation=relu dropout=much", "dropout='much'"),
        "dropout nan": ("dense #8 activation=relu dropout=nan", "dropout=nan"),
        "dense before pool": ("dense #8 activation=relu\npool poolsize=2", "come before dense"),
    }.values(),
    ids=lambda value: value.replace("\n", " then "),
)
def test_a_text_that_is_no_network_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Genome.parse(text)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param({}, "version=None", id="no version"),
        pytest.param({"version": 2, "learning": []}, "version=2", id="a newer version"),
        pytest.param({"version": 1, "convs": []}, "convs", id="an unknown part"),
        pytest.param({"version": 1, "dense": [{"units": 3}]}, "has a kind", id="no kind"),
        pytest.param(
            {"version": 1, "dense": [{"kind": "dense", "units": 3}]}, "activation", id="a field missing"
        ),
        pytest.param(
            {"version": 1, "dense": [{"kind": "pool", "pool_size": 2}]}, "dense part", id="a wrong part"
        ),
        pytest.param(
            {"version": 1, "conv": [{"kind": "pool", "pool_size": True}]}, "pool_size=True", id="a wrong type"
        ),
    ],
)
def test_json_that_is_no_genome_is_refused(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Genome.from_json(data)
