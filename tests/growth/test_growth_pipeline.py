"""The whole way on real networks: what a growth saves loads with Keras alone and says what was measured."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

import gakeras
from gakeras.workers.supervisor import keras_environment

KERAS_ALONE = """
import json, sys
import keras, numpy as np
x = np.load(sys.argv[2])
said = {}
for name in ("best", "ensemble"):
    model = keras.saving.load_model(f"{sys.argv[1]}/{name}.keras")
    said[name] = keras.ops.convert_to_numpy(model(x, training=False)).tolist()
print(json.dumps([said, "gakeras" in sys.modules, keras.backend.backend()]))
"""


@pytest.mark.slow
def test_a_grown_inception_network_and_an_ensemble_say_elsewhere_what_they_said_here(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(140, 6, 6)).astype("float32")
    y = x.reshape(140, 3, -1).mean(axis=2).argmax(axis=1)
    growth = gakeras.grow(
        x[20:], y[20:], x_test=x[:20], y_test=y[:20], start="conv #4 kernelsize=3 activation=relu",
        mutations={"widen": 0, "deepen": 0}, initial_steps=10, steps=5, iterations=1, population_size=2,
        num_survivors=1, num_newcomers=1, last_steps=4, batch_size=16,
        ensemble={"over": "snapshots", "method": "mean"}, validation_share=0.2,
        executor="debug", run_dir=tmp_path / "run", progress=False,
    )  # fmt: skip
    assert [row.role for row in growth.history] == ["start", "survivor", "newcomer", "last"]
    assert growth.history[2].transforms[0]["kind"] == "inception"
    growth.save(tmp_path / "out")
    here = {
        name: keras.ops.convert_to_numpy(keras.saving.load_model(tmp_path / "out" / f"{name}.keras")(x[:20]))
        for name in ("best", "ensemble")
    }
    accuracy = float((here["ensemble"].argmax(axis=1) == y[:20]).mean())
    assert accuracy == pytest.approx(growth.ensemble.test_accuracy)
    np.save(tmp_path / "x.npy", x[:20])
    program = [sys.executable, "-c", KERAS_ALONE, str(tmp_path / "out"), str(tmp_path / "x.npy")]
    environment = os.environ | keras_environment("jax", threads=1)
    done = subprocess.run(program, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    said, is_gakeras_there, backend = json.loads(done.stdout.splitlines()[-1])
    assert backend == "jax" and not is_gakeras_there
    for name, outputs in here.items():
        np.testing.assert_allclose(said[name], outputs, atol=1e-5)
