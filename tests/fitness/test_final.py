"""Laws of the final training: what is saved is what was measured, and it needs nothing but Keras."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from small_jobs import DENSE, GENOMES, arrays_of, store

from gakeras.data import open_data
from gakeras.encoding import Genome, genome_cost
from gakeras.fitness import final
from gakeras.fitness.network import score
from gakeras.kinds import KINDS
from gakeras.workers.child import answer


def payload_of(genome: Genome, data_dir: str, **changes: Any) -> dict[str, Any]:
    payload = {
        "genome": genome.to_json(),
        "run_seed": 11,
        "repeat": 0,
        "training": {"epochs": 2, "batch_size": 8, "optimizer": "adam"},
        "data_dir": data_dir,
    }
    return payload | changes


class Trained(NamedTuple):
    """A payload, and what its training answered."""

    payload: dict[str, Any]
    answer: dict[str, Any]


@pytest.fixture(scope="module")
def every_trained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Trainings by kind of data; the models go to directories that are not there yet."""
    trained = {}
    for kind, genome in GENOMES.items():
        directory = tmp_path_factory.mktemp(kind)
        places = store(arrays_of(kind), directory / "data")
        payload = payload_of(genome, places["data_dir"], save_to=str(directory / "models" / "best.keras"))
        trained[kind] = Trained(payload, final.train(payload))
    return trained


@pytest.fixture(params=GENOMES)
def trained(request: pytest.FixtureRequest, every_trained: dict[str, Trained]) -> Trained:
    return every_trained[request.param]


def test_the_measures_are_plain_json_and_name_cost_epochs_and_scores(trained: Trained) -> None:
    payload, done = trained
    measures, info = done["measures"], open_data(Path(payload["data_dir"])).info
    assert json.loads(json.dumps(done, allow_nan=False)) == done
    cost = genome_cost(Genome.from_json(payload["genome"]), info.input_shape, info.task.outputs)
    assert (measures["parameters"], measures["flops"]) == (cost.parameters, cost.flops)
    assert [epoch["epoch"] for epoch in measures["epochs"]] == [0, 1]
    scores = {f"{part}_{name}" for part in ("train", "test") for name in ("loss", "metric")}
    assert set(measures) == {"parameters", "flops", "epochs"} | scores


def test_test_scores_are_those_of_the_stored_outputs(trained: Trained) -> None:
    payload, done = trained
    data, outputs = open_data(Path(payload["data_dir"])), np.load(done["artifacts"]["outputs"])
    assert outputs.shape == (10, data.info.task.outputs)
    measured = (done["measures"]["test_loss"], done["measures"]["test_metric"])
    assert measured == pytest.approx(score(data.info.task, data.y_test, outputs), rel=1e-5)
    if data.info.task.is_classification:
        assert measured[1] == pytest.approx(np.mean(outputs.argmax(axis=1) == data.y_test))
    else:
        assert measured[1] == pytest.approx(np.mean(np.abs(outputs - data.y_test)), rel=1e-5)


def test_the_model_and_its_outputs_are_all_that_is_left_on_disk(trained: Trained) -> None:
    payload, done = trained
    path = Path(payload["save_to"])
    assert done["artifacts"] == {"model": str(path), "outputs": str(path.with_name("best.outputs.npy"))}
    assert {file.name for file in path.parent.iterdir()} == {"best.keras", "best.outputs.npy"}


LOAD = """
import json, pathlib, sys
import keras, numpy
logs = []
for path, data in zip(sys.argv[1::2], map(pathlib.Path, sys.argv[2::2])):
    model = keras.models.load_model(path)
    x_test, y_test = numpy.load(data / "x_test.npy"), numpy.load(data / "y_test.npy")
    numpy.save(path + ".npy", model.predict(x_test, verbose=0))
    logs.append(model.evaluate(x_test, y_test, verbose=0))
print(json.dumps({"logs": logs, "gakeras": "gakeras" in sys.modules}))
"""


def test_saved_models_need_only_keras_and_raw_data(every_trained: dict[str, Trained], tmp_path: Path) -> None:
    arguments = []
    for kind, (payload, done) in every_trained.items():
        shutil.copy(done["artifacts"]["model"], tmp_path / f"{kind}.keras")
        arguments += [str(tmp_path / f"{kind}.keras"), payload["data_dir"]]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    reply = subprocess.run(
        [sys.executable, "-c", LOAD, *arguments],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert reply.returncode == 0, reply.stderr
    said = json.loads(reply.stdout.splitlines()[-1])
    assert not said["gakeras"]
    for (kind, (_, done)), logs in zip(every_trained.items(), said["logs"], strict=True):
        outputs, stored = np.load(tmp_path / f"{kind}.keras.npy"), np.load(done["artifacts"]["outputs"])
        np.testing.assert_allclose(outputs, stored, rtol=1e-5, atol=1e-5)
        measured = [done["measures"]["test_loss"], done["measures"]["test_metric"]]
        assert logs == pytest.approx(measured, rel=1e-4)


@pytest.fixture(scope="module")
def without_test_set(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    directory = tmp_path_factory.mktemp("alone")
    arrays = dataclasses.replace(arrays_of("regression"), x_test=None, y_test=None)
    places = store(arrays, directory / "data")
    payload = payload_of(DENSE, places["data_dir"], save_to=str(directory / "best.keras"))
    return Trained(payload, final.train(payload))


def test_without_test_data_there_is_no_test_metric(without_test_set: Trained) -> None:
    payload, done = without_test_set
    assert set(done["measures"]) == {"parameters", "flops", "epochs", "train_loss", "train_metric"}
    assert done["artifacts"] == {"model": payload["save_to"]} and Path(payload["save_to"]).is_file()


def test_a_repeat_is_another_training_and_the_same_payload_the_same(without_test_set: Trained) -> None:
    payload, done = without_test_set
    again, other = (final.train(payload | {"save_to": None, "repeat": repeat}) for repeat in (0, 1))
    assert again == {"measures": done["measures"], "artifacts": {}}
    assert other["measures"]["train_loss"] != done["measures"]["train_loss"]


LINEAR = Genome.parse("dense #8 dropout=0.0 activation=linear\ndense #8 dropout=0.0 activation=linear")


@pytest.mark.parametrize(
    ("batch_size", "epochs"),
    [pytest.param(8, 3, id="within an epoch"), pytest.param(128, 1, id="by the very last step")],
)
def test_a_diverged_network_is_an_error_with_a_reason(
    batch_size: int, epochs: int, without_test_set: Trained, tmp_path: Path
) -> None:
    options = {"epochs": epochs, "batch_size": batch_size, "optimizer": "sgd", "learning_rate": 1e30}
    data_dir, save_to = without_test_set.payload["data_dir"], str(tmp_path / "best.keras")
    payload = payload_of(LINEAR, data_dir, training=options, save_to=save_to)
    reply = json.loads(json.dumps(answer({"kind": "train", "payload": payload}, KINDS), allow_nan=False))
    assert reply["status"] == "error" and reply["reason"].startswith("diverged")
    assert reply["measures"]["parameters"] > 0 and reply["artifacts"] == {}
    assert list(tmp_path.iterdir()) == []
