"""The front door is light: names are imported at their first use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import gakeras

HEAVY = [
    "deap",
    "jax",
    "jinja2",
    "keras",
    "matplotlib",
    "mpi4py",
    "numpy",
    "plotly",
    "pydantic",
    "sklearn",
    "tensorflow",
]


@pytest.mark.parametrize("heavy", HEAVY)
def test_importing_gakeras_imports_no_heavy_library(heavy, modules_after_import):
    assert heavy not in modules_after_import


def test_importing_gakeras_imports_no_room_but_the_one_that_looks_for_a_launcher(modules_after_import):
    assert [name for name in modules_after_import if name.startswith("gakeras.")] == ["gakeras.launcher"]


def test_every_public_name_resolves_twice_to_the_same_object():
    same = "[name for name in gakeras.__all__ if getattr(gakeras, name) is getattr(gakeras, name)]"
    assert in_fresh_python(f"import gakeras, json; print(json.dumps({same}))") == gakeras.__all__


def test_dir_lists_every_public_name():
    assert set(gakeras.__all__) <= set(dir(gakeras))


def test_no_module_is_named_like_a_public_name():
    # After `import gakeras.search`, gakeras.search would be the module.
    rooms = {path.stem for path in Path(gakeras.__file__).parent.iterdir()}
    assert rooms.isdisjoint(gakeras.__all__)


def test_an_unknown_name_is_an_attribute_error_that_says_what_there_is():
    with pytest.raises(AttributeError, match="no attribute 'evolve'; it has: .*search"):
        _ = gakeras.evolve


@pytest.fixture(scope="module")
def modules_after_import():
    return in_fresh_python("import gakeras, json, sys; print(json.dumps(sorted(sys.modules)))")


def in_fresh_python(code: str):
    """Run code in its own interpreter, on the same gakeras, and return the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(gakeras.__file__).parents[1],  # the first folder that -c imports from
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])
