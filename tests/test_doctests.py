"""The examples in the docstrings run."""

from __future__ import annotations

import doctest
import pkgutil
from importlib import import_module

import pytest

import gakeras

# The rooms whose examples need no training.
LIGHT = (
    "gakeras.encoding",
    "gakeras.errors",
    "gakeras.evolution",
    "gakeras.exporting",
    "gakeras.graph",
    "gakeras.growth",
    "gakeras.morphism",
    "gakeras.seeding",
    "gakeras.synthesis",
)

MODULES = [
    module.name
    for module in pkgutil.walk_packages(gakeras.__path__, "gakeras.")
    if ".".join(module.name.split(".")[:2]) in LIGHT
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_run(module):
    results = doctest.testmod(import_module(module), optionflags=doctest.ELLIPSIS)
    assert results.failed == 0


def test_examples_are_found():
    assert {"gakeras.errors", "gakeras.seeding"} <= set(MODULES)
