"""Grown models and ensembles in other processes: with Keras alone, and on the other backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from grown_models import TOLERANCE, difference, network_of
from keras_models import outputs_of, random_inputs

from gakeras.morphism.deepening import deepen, insert_residual
from gakeras.morphism.ensembles import mean_ensemble
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.widening import widen
from gakeras.workers.supervisor import keras_environment

LOAD = """
import sys
import numpy as np, keras
arrays = np.load(sys.argv[1] + "/arrays.npz")
differences = {}
for name in ("grown", "ensemble"):
    model = keras.models.load_model(f"{sys.argv[1]}/{name}.keras")
    said = keras.ops.convert_to_numpy(model(arrays["x"], training=False))
    differences[name] = float(np.abs(said - arrays[name]).max())
assert not [name for name in sys.modules if name.startswith("gakeras")]
print(keras.backend.backend(), max(differences.values()))
"""


def grown_models():
    """Return a network, and one that every transform has made larger."""
    rng = np.random.default_rng(0)
    model = network_of("relu", normalise=True)
    grown = widen(insert_inception(model, "pool", 2, rng, normalise=True), "inception_1/conv_3", 6, rng)
    grown = insert_residual(deepen(widen(grown, "conv_1", 8, rng), "flatten"), "hidden", 2, rng)
    return model, grown


@pytest.mark.parametrize(
    ("backend", "tolerance"),
    [("tensorflow", 0.0), pytest.param("jax", TOLERANCE, marks=pytest.mark.slow)],
)
def test_they_load_with_only_keras(tmp_path: Path, backend: str, tolerance: float) -> None:
    models = dict(zip(("base", "grown"), grown_models(), strict=True))
    models["ensemble"] = mean_ensemble(list(models.values()), [0.25, 0.75])
    inputs = random_inputs(models["base"], 0)
    said = {name: outputs_of(model, inputs)[0] for name, model in models.items()}
    for name in ("grown", "ensemble"):
        models[name].save(tmp_path / f"{name}.keras")
    np.savez(tmp_path / "arrays.npz", x=inputs[0], **said)
    environment = os.environ | keras_environment(backend, threads=1)
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    used, apart = done.stdout.split()[-2:]
    assert used == backend and float(apart) <= tolerance


UNDER_JAX = """
import json
import keras, numpy as np
from grown_models import difference, network_of, small_task
from test_grown_elsewhere import grown_models
from gakeras.morphism.deepening import deepen
from gakeras.morphism.inception import insert_inception
from gakeras.morphism.kernels import grow_kernel
from gakeras.morphism.optimizers import carry_optimizer
from gakeras.morphism.widening import widen

model, grown = grown_models()
pairs = {"all": (model, grown), "kernel": (model, grow_kernel(model, "conv_2", 5))}
for size in (2, 4):
    relu = network_of("relu")
    pairs[f"identity {size}"] = (relu, deepen(relu, "pool", kernel_size=size))
tanh, rng = network_of("tanh"), np.random.default_rng(1)
pairs["odd"] = (tanh, insert_inception(tanh, "pool", 2, rng, variant="odd", activation="tanh"))
pairs["copies"] = (tanh, widen(tanh, "conv_1", 7, rng, method="copies", noise=0.2))
differences = {name: difference(*pair) for name, pair in pairs.items()}
loss = "sparse_categorical_crossentropy"
model.compile("adam", loss)
model.fit(*small_task(64), verbose=0)
child = widen(model, "conv_1", 8, rng)
child.compile(carry_optimizer(model, child), loss)
child.fit(*small_task(64), verbose=0)
print(json.dumps({
    "backend": keras.backend.backend(), "differences": differences, "steps": int(child.optimizer.iterations),
}))
"""


@pytest.mark.slow
def test_growing_changes_no_output_under_jax() -> None:
    here = Path(__file__).parent
    environment = os.environ | keras_environment("jax", threads=1)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [here, here.parent, here.parents[1]]))
    reply = subprocess.run([sys.executable, "-c", UNDER_JAX], env=environment, capture_output=True, text=True)
    assert reply.returncode == 0, reply.stderr
    said = json.loads(reply.stdout.splitlines()[-1])
    assert said["backend"] == "jax" and said["steps"] == 4
    assert max(said["differences"].values()) <= TOLERANCE, said["differences"]


def test_the_grown_network_says_the_same_here() -> None:
    assert difference(*grown_models()) <= TOLERANCE
