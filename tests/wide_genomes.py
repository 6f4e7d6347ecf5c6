"""Genomes in which every block and every flag of the wide space occurs, and spaces that draw them often."""

from __future__ import annotations

from gakeras.encoding import Genome, SearchSpace

EVERYTHING = Genome.parse("""
    conv #6 kernelsize=3 activation=relu normalise
    conv #6 kernelsize=3 activation=elu residual
    inception #3 activation=relu branches=1,3,pool normalise projection=5 residual dropout=0.1
    pool poolsize=2
    conv #7 kernelsize=2 activation=leaky_relu dropout=0.2 normalise separable residual
    inception #4 activation=tanh branches=5
    conv #4 kernelsize=2 activation=relu padding=valid separable
    globalpool
    dense #9 dropout=0.1 activation=relu normalise
    dense #6 dropout=0.0 activation=tanh
""")

OFTEN = SearchSpace.wide(
    max_conv_layers=5,
    max_dense_layers=2,
    inception_share=0.35,
    conv_normalise=0.5,
    conv_separable=0.5,
    conv_residual=0.7,
    dense_normalise=0.5,
    inception_normalise=0.5,
    inception_residual=0.5,
    global_pool=0.4,
    conv_filters=(2, 8),
    inception_filters=(1, 4),
    inception_projection=(3, 9),
    dense_units=(4, 12),
)
"""Small networks, in half of which there is everything that the wide space adds."""
