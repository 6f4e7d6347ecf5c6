"""Laws of evaluations that inherit, with Keras: fold by fold, and from nothing that a fold must not see."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from small_jobs import arrays_of, payload_of, scores_of, store

from gakeras.data import open_data
from gakeras.encoding import Genome, with_lineage
from gakeras.fitness.evaluation import evaluate
from gakeras.fitness.heritage import heritage_of
from gakeras.fitness.network import compiled_model, set_statistics
from gakeras.fitness.options import TrainingOptions
from gakeras.graph.rebuilding import read_weights, write_weights
from gakeras.jobs import JobFailed

PARENT = with_lineage(
    Genome.parse("""
        conv #3 kernelsize=3 activation=relu separable
        inception #2 activation=relu branches=1,3,pool normalise projection=4 residual
        pool poolsize=2
        dense #6 activation=relu normalise
    """),
    0,
)


def changed(**values: Any) -> Genome:
    """Return the parent with another dense layer of the same lineage."""
    plain = PARENT.to_json()
    plain["dense"][0] |= values
    return Genome.from_json(plain)


@pytest.fixture(scope="module")
def family(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, str], Path, dict[str, Any]]:
    """Where the data are, where the parent's weights are, and what its evaluation answered."""
    root = tmp_path_factory.mktemp("family")
    stored = store(arrays_of("images"), root / "data")
    payload = payload_of(PARENT, stored, folds=[0, 1], heritage=heritage([], root / "0"))
    return stored, root / "0", evaluate(payload)


def heritage(parents: list[Path], folder: Path) -> dict[str, Any]:
    return {"parents": {str(place): str(path) for place, path in enumerate(parents)}, "folder": str(folder)}


def test_a_child_equal_but_for_dropout_and_one_with_one_identity_more_start_with_the_parents_outputs(
    family: tuple[dict[str, str], Path, dict[str, Any]], tmp_path: Path
) -> None:
    stored, parent, _ = family
    data, folds = open_data(Path(stored["data_dir"])), np.load(stored["folds_file"])
    identity = Genome.parse("dense #6 activation=linear").dense
    deeper = with_lineage(Genome(conv=PARENT.conv, dense=(*PARENT.dense, *identity)), 1)
    outputs = []
    for genome in (PARENT, changed(dropout=0.4), deeper):
        model = compiled_model(genome, data.info, TrainingOptions())
        set_statistics(model, data.x, data.y)
        named = heritage_of({"heritage": heritage([parent], tmp_path)}, genome, data.info, folds)
        assert named is not None
        assert named.take(model, 0)["age"] == 2
        outputs.append(np.asarray(model.predict_on_batch(data.x[:])))
    assert np.array_equal(outputs[0], outputs[1])
    np.testing.assert_allclose(outputs[0], outputs[2], atol=1e-6)
    with np.load(parent / "fold0.npz") as trained:
        weights = read_weights(compiled_model(PARENT, data.info, TrainingOptions()))
        assert weights.keys() == set(trained) - {"about"}
        model = compiled_model(PARENT, data.info, TrainingOptions())
        write_weights(model, {name: trained[name] for name in weights})
    assert np.array_equal(outputs[0], np.asarray(model.predict_on_batch(data.x[:])))
    keras.backend.clear_session()


def test_a_fold_of_a_child_reads_that_fold_alone_and_its_age_adds_up(
    family: tuple[dict[str, str], Path, dict[str, Any]], tmp_path: Path
) -> None:
    stored, parent, answer = family
    assert [(fold["age"], fold["inherited"]) for fold in answer["measures"]["folds"]] == [(2, {})] * 2
    child = changed(units=8, activation="tanh")
    payload = payload_of(child, stored, heritage=heritage([parent], tmp_path / "child"))
    first = evaluate(payload)["measures"]["folds"][0]
    assert first["age"] == 4
    assert first["inherited"] == dict.fromkeys(["conv_1", "inception_2", "dense_1", "output"], 0)
    other = tmp_path / "other"
    shutil.copytree(parent, other)
    (other / "fold1.npz").write_bytes(b"of another fold")
    again = evaluate(payload | {"heritage": heritage([other], tmp_path / "child")})
    assert scores_of(again)[0] == [
        {key: value for key, value in epoch.items() if "seconds" not in key} for epoch in first["epochs"]
    ]
    scratch = evaluate(payload_of(child, stored))["measures"]["folds"][0]
    assert first["epochs"][0]["loss"] != scratch["epochs"][0]["loss"] and "age" not in scratch


def test_weights_of_another_fold_end_the_evaluation_with_the_reason(
    family: tuple[dict[str, str], Path, dict[str, Any]], tmp_path: Path
) -> None:
    stored, parent, _ = family
    shutil.copy(parent / "fold1.npz", tmp_path / "fold0.npz")
    with pytest.raises(JobFailed, match="within a fold only"):
        evaluate(payload_of(PARENT, stored, heritage=heritage([tmp_path], tmp_path / "child")))


def test_a_final_training_knows_nothing_of_lineage(
    family: tuple[dict[str, str], Path, dict[str, Any]], final_scores: Callable[..., dict[str, float]]
) -> None:
    stored, _, _ = family
    assert final_scores(PARENT, stored) == final_scores(Genome.parse(str(PARENT)), stored)


@pytest.fixture
def final_scores() -> Callable[..., dict[str, float]]:
    from gakeras.fitness.final import train

    def scores(genome: Genome, stored: dict[str, str]) -> dict[str, float]:
        training = {"epochs": 1, "batch_size": 8}
        payload = {"genome": genome.to_json(), "training": training, "repeat": 0, "run_seed": 1, **stored}
        return {name: value for name, value in train(payload)["measures"].items() if "_" in name}

    return scores
