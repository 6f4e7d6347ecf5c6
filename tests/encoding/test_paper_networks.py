"""The four networks of Vidnerova and Neruda (2018), Tables 2 and 3, have the parameters printed there."""

from __future__ import annotations

import pytest

from gakeras.encoding import Genome, build_model, genome_cost

MNIST_BASELINE = """
conv #32 kernelsize=3 activation=relu padding=valid
conv #32 kernelsize=3 activation=relu padding=valid
pool poolsize=2
dense #128 dropout=0.5 activation=relu
"""

MNIST_EVOLVED = """
conv #22 kernelsize=2 activation=tanh
conv #31 kernelsize=5 activation=linear
pool poolsize=3
conv #33 kernelsize=5 activation=relu
dense #143 dropout=0.4 activation=relu
dense #42 dropout=0.0 activation=tanh
"""

FASHION_BASELINE = """
conv #32 kernelsize=3 activation=leaky_relu
pool poolsize=2 padding=same
conv #64 kernelsize=3 activation=leaky_relu
pool poolsize=2 padding=same
conv #128 kernelsize=3 activation=leaky_relu
pool poolsize=2 padding=same
dense #128 dropout=0.3 activation=leaky_relu
"""

FASHION_EVOLVED = """
conv #46 kernelsize=3 activation=relu
conv #15 kernelsize=3 activation=relu
conv #36 kernelsize=4 activation=relu
conv #13 kernelsize=3 activation=relu
conv #36 kernelsize=3 activation=relu
pool poolsize=2
dense #235 dropout=0.4 activation=hard_sigmoid
dense #130 dropout=0.3 activation=tanh
"""

NETWORKS = {
    "mnist_baseline": (MNIST_BASELINE, 600_810),
    "mnist_evolved": (MNIST_EVOLVED, 431_659),
    "fashion_baseline": (FASHION_BASELINE, 356_234),
    "fashion_evolved": (FASHION_EVOLVED, 1_714_219),
}

networks = pytest.mark.parametrize(("text", "parameters"), NETWORKS.values(), ids=NETWORKS)


@networks
def test_the_cost_counts_the_parameters_of_the_paper(text: str, parameters: int) -> None:
    assert genome_cost(Genome.parse(text), (28, 28), outputs=10).parameters == parameters


@networks
def test_keras_counts_the_parameters_of_the_paper(text: str, parameters: int) -> None:
    assert build_model(Genome.parse(text), (28, 28), outputs=10).count_params() == parameters


@networks
def test_a_network_prints_as_in_the_paper(text: str, parameters: int) -> None:
    assert str(Genome.parse(text)) == text.strip()


def test_leaky_relu_is_also_read_as_the_paper_spells_it() -> None:
    spelt = FASHION_BASELINE.replace("leaky_relu", "leakyRelu")
    assert Genome.parse(spelt) == Genome.parse(FASHION_BASELINE)
