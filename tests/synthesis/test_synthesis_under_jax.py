"""A whole synthesis on the other backend, and its network on the default one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest

from gakeras.data import load_source
from gakeras.workers.supervisor import keras_environment

SYNTHESIZE = """
import json, sys
import numpy as np

def main():
    import keras
    import gakeras
    from gakeras.data import load_source
    from keras import layers

    arrays = load_source("digits", limit=300)
    keras.utils.set_random_seed(1)
    model = keras.Sequential([
        keras.Input((8, 8, 1)), layers.Rescaling(1 / 16), layers.Conv2D(8, 3, activation="relu"),
        layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(24, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(arrays.x, arrays.y, epochs=12, batch_size=32, verbose=0)
    lineage = gakeras.synthesize(
        model, arrays.x, arrays.y, generations=1, offspring=2, epochs=2, batch_size=32,
        max_drop=0.9, last_epochs=1, executor="serial", run_dir=sys.argv[1] + "/family", progress=False,
        precision="float16", distillation={"share": 0.5}, drawing={"strength": "gradient"},
    )
    path = lineage.save(sys.argv[1] + "/small.keras")
    outputs = lineage.compact().predict(np.asarray(arrays.x[:20]), verbose=0)
    print(json.dumps({
        "backend": keras.backend.backend(),
        "networks": len(lineage.history),
        "failures": lineage.failures,
        "efficiency": lineage.best().efficiency,
        "difference": lineage.export_measures()["max_difference"],
        "outputs": outputs.tolist(),
    }))

if __name__ == "__main__":
    main()
"""


@pytest.mark.slow
def test_a_family_lives_under_jax_and_its_network_says_the_same_under_tensorflow(tmp_path: Path) -> None:
    script = tmp_path / "under_jax.py"
    script.write_text(SYNTHESIZE)
    environment = os.environ | keras_environment("jax", threads=1)
    reply = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], env=environment, capture_output=True, text=True
    )
    assert reply.returncode == 0, reply.stderr
    said = json.loads(reply.stdout.splitlines()[-1])
    assert (said["backend"], said["networks"], said["failures"]) == ("jax", 4, {})
    assert said["efficiency"] > 1.4 and said["difference"] <= 1e-5
    model = keras.saving.load_model(tmp_path / "small.keras")
    outputs = model.predict(load_source("digits", limit=300).x[:20], verbose=0)
    np.testing.assert_allclose(outputs, said["outputs"], atol=1e-5)
