"""Laws of the genes of learning: values on a genome, which a space turns on one by one."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from gakeras.encoding import Genome, Learning, LearningSpace, SearchSpace, random_genome, repair
from gakeras.encoding.blocks import Shape
from gakeras.errors import InputError

law = settings(deadline=None, derandomize=True)
GENES = LearningSpace(
    optimizers=("adam", "rmsprop"),
    learning_rate=(0.0003, 0.01),
    batch_sizes=(32, 64, 128),
    schedules=("constant", "cosine"),
    flip=0.5,
    shift=(0.0, 0.2),
    crop=(0.0, 0.1),
    erase=(0.0, 0.4),
)
SPACE = SearchSpace.wide(learning=GENES)
spaces = st.sampled_from(
    [SPACE, SearchSpace(), SearchSpace.paper(learning=LearningSpace(schedules=("cosine",), flip=1))]
)
shapes = st.sampled_from([(28, 28), (30,)])
EXAMPLE = Learning("rmsprop", 0.0021, 64, "cosine", flip=True, shift=0.1, crop=0.05, erase=0.3)


def genome_with(*learning: Learning) -> Genome:
    return (
        Genome.parse("dense #20 activation=relu")
        if not learning
        else Genome(dense=Genome.parse("dense #20 activation=relu").dense, learning=learning)
    )


def test_genes_come_back_from_their_printed_form_and_their_json_and_count_in_the_digest() -> None:
    genome = genome_with(EXAMPLE)
    assert str(genome).splitlines()[1] == (
        "learning optimizer=rmsprop learningrate=0.0021 batchsize=64 schedule=cosine flip shift=0.1"
        " crop=0.05 erase=0.3"
    )
    assert Genome.parse(str(genome)) == genome == Genome.from_json(json.loads(json.dumps(genome.to_json())))
    off = genome_with(Learning(flip=False, shift=0.0))
    assert str(off).splitlines()[1] == "learning flip=False shift=0.0" and Genome.parse(str(off)) == off
    assert off.to_json()["learning"] == [{"kind": "learning", "flip": False, "shift": 0.0}]
    assert off.digest not in (genome.digest, genome_with().digest)
    assert genome.digest != genome_with().digest and genome.blocks == genome_with().blocks
    assert genome_with(Learning("adam")).to_json()["learning"] == [{"kind": "learning", "optimizer": "adam"}]


@law
@given(st.integers(0, 2**32), shapes)
def test_random_genes_lie_in_their_space(seed: int, shape: Shape) -> None:
    genome = random_genome(SPACE, shape, random.Random(seed))
    assert genome in SPACE and repair(genome, SPACE, shape) == genome
    (learning,) = genome.learning
    assert 0.0003 <= learning.learning_rate <= 0.01
    assert len(shape) > 1 or not (learning.flip or learning.shift or learning.crop or learning.erase)
    assert Genome.parse(str(genome)) == genome


@law
@given(st.integers(0, 2**32), spaces, shapes)
def test_repair_brings_any_genes_into_any_space_once_and_for_all(
    seed: int, space: SearchSpace, shape: Shape
) -> None:
    foreign = SearchSpace.wide(
        learning=LearningSpace(("sgd",), (1e-6, 3.0), (7, 999), flip=1, shift=(0, 0.9))
    )
    repaired = repair(random_genome(foreign, (28, 28), random.Random(seed)), space, shape)
    assert repaired in space and repair(repaired, space, shape) == repaired
    assert bool(repaired.learning) == bool(space.learning.open_genes(images=len(shape) > 1))


def test_every_choice_and_both_ends_of_the_ranges_are_drawn() -> None:
    rng = random.Random(1)
    drawn = [GENES.sample(rng, images=True) for _ in range(800)]
    assert {genes.optimizer for genes in drawn} == {"adam", "rmsprop"}
    assert {genes.batch_size for genes in drawn} == {32, 64, 128}
    assert {genes.schedule for genes in drawn} == {"constant", "cosine"}
    rates = sorted(genes.learning_rate for genes in drawn)
    assert rates[0] < 0.00033 and rates[-1] > 0.009
    assert rates[400] == pytest.approx((0.0003 * 0.01) ** 0.5, rel=0.2)  # the logarithms are even
    assert {0.0, 0.2} <= {genes.shift for genes in drawn} <= {i / 100 for i in range(21)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning optimizer=lbfgs", "one of adam.*'lbfgs'"),
        ("learning schedule=linear", "constant, cosine.*'linear'"),
        ("learning learningrate=0", "above 0.*learning_rate=0"),
        ("learning learningrate", "above 0.*True"),
        ("learning batchsize=0", "batch_size=0"),
        ("learning flip=2", "flip=True or"),
        ("learning shift=1.5", "from 0 to less than 1.*shift=1.5"),
        ("learning momentum=0.9", "momentum=0.9"),
        ("learning flip\nlearning flip", "trained in one way.*2 blocks"),
    ],
)
def test_genes_that_no_training_could_have_are_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Genome.parse(text)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"optimizers": ("lbfgs",)}, "adam"),
        ({"learning_rate": (0.1, 0.01)}, "smallest value comes first"),
        ({"learning_rate": (0.0, 0.01)}, "greater than 0"),
        ({"batch_sizes": (0,)}, "greater than or equal to 1"),
        ({"shift": (0.2, 0.1)}, "smallest value comes first"),
        ({"rotate": 1}, "rotate"),
    ],
    ids=str,
)
def test_an_impossible_space_of_genes_is_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        LearningSpace(**wrong)


def test_a_space_with_genes_survives_json() -> None:
    plain = TypeAdapter(SearchSpace).dump_python(SPACE, mode="json")
    assert TypeAdapter(SearchSpace).validate_python(json.loads(json.dumps(plain))) == SPACE
