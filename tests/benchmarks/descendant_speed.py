"""How much smaller and faster descendants are than their ancestor, measured in one run.

    python tests/benchmarks/descendant_speed.py ancestor.keras small.keras --data mnist --json speed.json

The first file is what the others are compared with. Sizes are of the files in each format, times of
Keras at batch 1 and 256 and of LiteRT (XNNPACK) at batch 1, one thread each, all models
taking turns in every round. Without --data, random whole numbers from 0 to 255 serve: times and sizes are
the same, but the differences of int8 then say little.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from gakeras.workers.supervisor import keras_environment

os.environ |= keras_environment(os.environ.get("KERAS_BACKEND", "tensorflow"), threads=1)

import keras  # noqa: E402
import numpy as np  # noqa: E402

from gakeras.data import load_source  # noqa: E402
from gakeras.exporting import compare_models  # noqa: E402

NUM_EXAMPLES = 1000
LIBRARIES = ("keras", "tensorflow", "ai-edge-litert", "onnxruntime", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="+", type=Path, metavar="MODEL.keras")
    parser.add_argument("--data", help="examples: the name of a data set or an .npz, as for a search")
    parser.add_argument("--rounds", type=int, default=31)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    loaded = {path.stem: keras.saving.load_model(path, compile=False) for path in arguments.models}
    if len(loaded) < len(arguments.models):
        parser.error("models are told apart by the names of their files")
    shape = next(iter(loaded.values())).input_shape[1:]
    comparison = compare_models(loaded, examples_of(arguments.data, shape), rounds=arguments.rounds)
    print(comparison)
    if arguments.json:
        written = {"data": arguments.data, "machine": machine(), **comparison.to_json()}
        arguments.json.write_text(json.dumps(written, indent=2) + "\n")


def examples_of(source: str | None, shape: tuple[int, ...]) -> np.ndarray:
    if source is None:
        return np.random.default_rng(0).integers(0, 256, (NUM_EXAMPLES, *shape)).astype("float32")
    x = load_source(source, limit=NUM_EXAMPLES).x
    return x.reshape(len(x), *shape)


def machine() -> dict[str, str | int | None]:
    found: dict[str, str | int | None] = {"processor": platform.machine(), "cores": os.cpu_count()}
    for library in LIBRARIES:
        try:
            found[library] = version(library)
        except PackageNotFoundError:
            found[library] = None
    return found


if __name__ == "__main__":
    main()
