"""Compacted models in other processes: with Keras alone, and on the other backend."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights
from random_masks import random_masks

from gakeras.graph import model_cost
from gakeras.synthesis.compaction import compact
from gakeras.workers.supervisor import keras_environment

LOAD = """
import sys
import numpy as np, keras
model = keras.models.load_model(sys.argv[1])
arrays = np.load(sys.argv[2])
said = model.predict(arrays["x"], verbose=0)
assert not [name for name in sys.modules if name.startswith("gakeras")]
assert np.abs(said - arrays["said"]).max() <= 1e-5
"""


def test_a_compacted_model_loads_with_only_keras(tmp_path: Path) -> None:
    model = with_random_weights(NETWORKS["inception"]("same"), 1)
    small = compact(model, random_masks(model, 2))
    x = random_inputs(model, 0)[0]
    small.save(tmp_path / "small.keras")
    np.savez(tmp_path / "arrays.npz", x=x, said=outputs_of(small, [x])[0])
    paths = [str(tmp_path / "small.keras"), str(tmp_path / "arrays.npz")]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", LOAD, *paths], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


UNDER_JAX = """
import json
import keras, numpy as np
from keras_models import NETWORKS, outputs_of, random_inputs, with_random_weights
from random_masks import masked, random_masks
from gakeras.graph import model_cost
from gakeras.synthesis.compaction import compact
from gakeras.synthesis.weights import hold_masks, read_kernels

differences = []
for name, padding in [("residual", "valid")]:
    model = with_random_weights(NETWORKS[name](padding), 0)
    masks, inputs = random_masks(model, 1), random_inputs(model, 0)
    pairs = zip(outputs_of(masked(model, masks), inputs), outputs_of(compact(model, masks), inputs))
    differences += [float(np.abs(one - other).max()) for one, other in pairs]
model = NETWORKS["lenet"]("valid")
masks = random_masks(model, 1)
hold_masks(model, masks)
model.compile("adam", "sparse_categorical_crossentropy")
model.fit(np.ones((32, 14, 14, 1), "float32"), np.arange(32) % 4, batch_size=16, verbose=0)
revived = sum(int((kernel[~masks[name]] != 0).sum()) for name, kernel in read_kernels(model).items())
print(json.dumps({
    "backend": keras.backend.backend(), "difference": max(differences), "revived": revived,
    "flops": model_cost(model).flops,
}))
"""


@pytest.mark.slow
def test_compaction_and_held_masks_work_under_jax() -> None:
    here = Path(__file__).parent
    environment = os.environ | keras_environment("jax", threads=1)
    environment["PYTHONPATH"] = os.pathsep.join(map(str, [here, here.parent, here.parents[1]]))
    reply = subprocess.run([sys.executable, "-c", UNDER_JAX], env=environment, capture_output=True, text=True)
    assert reply.returncode == 0, reply.stderr
    said = json.loads(reply.stdout.splitlines()[-1])
    assert said["backend"] == "jax"
    assert said["difference"] <= 1e-5 and said["revived"] == 0
    assert said["flops"] == model_cost(NETWORKS["lenet"]("valid")).flops
