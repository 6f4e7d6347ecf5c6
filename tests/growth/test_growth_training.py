"""Laws of a member's training: it begins where its parent stood, and depends on its job alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers

from gakeras.data import Arrays
from gakeras.fitness.trainer import Trainer
from gakeras.graph import model_cost
from gakeras.graph.rebuilding import read_weights
from gakeras.growth.population import Member, Training
from gakeras.growth.runs import GrowthRun, create_growth
from gakeras.growth.settings import GrowthSettings, growth_settings
from gakeras.growth.training import train_member
from gakeras.growth.work import training_job
from gakeras.jobs import JobFailed
from gakeras.morphism.ensembles import mean_ensemble

START = Training(0, 0, "start", 0, steps=12, age=12)
CHILD = Training(2, 1, "newcomer", 2, 0, 0, (2,), steps=0, age=12)


def small_images(examples: int = 120) -> Arrays:
    """Return images of 6 x 6 and which half is the brighter one."""
    x = np.random.default_rng(0).normal(size=(examples, 6, 6)).astype("float32")
    return Arrays(
        x[20:], (x[20:, :3].mean((1, 2)) > x[20:, 3:].mean((1, 2))).astype(int), x[:20], np.arange(20) % 2
    )


@pytest.fixture(scope="module")
def plan() -> GrowthSettings:
    return settings()


def settings(**changes: Any) -> GrowthSettings:
    values = {
        "validation_share": 0.2,
        "start": {"build": "conv #3 kernelsize=3 activation=relu\npool poolsize=2\ndense #4 activation=relu"},
        "training": {"batch_size": 16, "learning_rate": 0.01},
        "mutations": {"widen": 1, "deepen": 0, "inception": 0},
    }
    return growth_settings(values | changes)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, plan: GrowthSettings) -> Iterator[GrowthRun]:
    """A run whose start network has been trained for 12 steps."""
    run = create_growth(tmp_path_factory.mktemp("growth") / "run", plan, small_images(), None)
    done(START, run, plan)
    yield run


def done(training: Training, run: GrowthRun, plan: GrowthSettings) -> Member:
    return Member(training, train_member(training_job(training, run, plan).payload)["measures"])


def load(run: GrowthRun, number: int) -> keras.Model:
    return keras.saving.load_model(run.network(number))


def test_a_newcomer_says_what_its_parent_said_and_its_optimizer_goes_on(
    run: GrowthRun, plan: GrowthSettings
) -> None:
    start = np.load(run.outputs(0))
    child = done(CHILD, run, plan)
    np.testing.assert_allclose(np.load(run.outputs(2))["val"], start["val"], atol=1e-5)
    assert child.measures["transforms"][0]["kind"] == "widen"
    assert int(load(run, 2).optimizer.iterations) == 12
    fresh = settings(carry=False)
    done(CHILD, run, fresh)
    assert int(load(run, 2).optimizer.iterations) == 0


def test_without_inheritance_the_same_architecture_begins_anew(run: GrowthRun, plan: GrowthSettings) -> None:
    with_weights = done(CHILD, run, plan)
    without = done(CHILD, run, settings(inherit=False))
    assert without.measures["transforms"] == with_weights.measures["transforms"]
    assert without.flops == with_weights.flops and without.loss != pytest.approx(with_weights.loss, abs=1e-3)


def test_what_is_counted_is_what_was_done(run: GrowthRun, plan: GrowthSettings) -> None:
    child = done(Training(3, 1, "newcomer", 3, 0, 0, (3,), steps=5, age=17), run, plan)
    assert child.measures["trained_examples"] == 5 * 16 and child.measures["validated_examples"] == 20
    assert child.flops == model_cost(load(run, 3)).flops
    assert int(load(run, 3).optimizer.iterations) == 17
    assert {"val_accuracy", "train_accuracy", "test_accuracy"} <= child.measures.keys()


def test_a_training_depends_on_its_job_alone(run: GrowthRun, plan: GrowthSettings) -> None:
    training = Training(4, 1, "newcomer", 4, 0, 0, (4,), steps=3, age=15)
    first = done(training, run, plan).measures
    np.random.default_rng(1), keras.utils.set_random_seed(99)
    assert done(training, run, plan).measures == first
    other = train_member(training_job(training, run, plan).payload | {"seed": 5})["measures"]
    assert other["loss"] != first["loss"] and other["transforms"] == first["transforms"]


def test_images_are_varied_where_that_is_wanted_and_the_same_training_varies_them_alike(
    run: GrowthRun, plan: GrowthSettings
) -> None:
    training = Training(6, 1, "newcomer", 6, 0, 0, (4,), steps=3, age=15)
    varied = settings(
        training={"batch_size": 16, "learning_rate": 0.01, "shift": 0.3, "crop": 0.3, "erase": 0.3}
    )
    first = done(training, run, varied).measures
    assert first["loss"] != done(training, run, plan).measures["loss"]
    assert done(training, run, varied).measures == first


def test_the_last_leg_lets_the_rate_fall_and_saves_the_rate_that_it_began_with(
    run: GrowthRun, plan: GrowthSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rates: list[float] = []

    def noting_the_rate(trainer: Trainer, *step: Any) -> float:
        rates.append(float(trainer.model.optimizer.learning_rate))
        return take_step(trainer, *step)

    take_step = Trainer._step
    monkeypatch.setattr(Trainer, "_step", noting_the_rate)
    done(Training(5, 1, "last", 0, 0, 0, (), steps=4, age=16), run, plan)
    assert rates == pytest.approx([0.01, 0.00854, 0.005, 0.001464], rel=1e-3)
    assert float(load(run, 5).optimizer.learning_rate) == pytest.approx(0.01)


def test_a_last_leg_begins_with_shrunk_weights_of_the_parent_and_new_ones_of_its_own(
    run: GrowthRun, plan: GrowthSettings
) -> None:
    for number in (7, 8):
        done(Training(number, 1, "last", 0, 0, 0, (), steps=0, age=12), run, settings(last_shrink=0.4))
    parent, one, other = (read_weights(load(run, number)) for number in (0, 7, 8))
    kernel = next(name for name in parent if name.endswith("kernel"))
    drawn = [(weights[kernel] - 0.4 * parent[kernel]) / 0.6 for weights in (one, other)]
    assert not np.allclose(*drawn)
    limit = np.sqrt(6 / (9 * 1 + 9 * 3))  # Glorot and Bengio (2010): uniform, by fan in and fan out
    assert all(0.5 * limit < np.abs(each).max() <= limit + 1e-6 for each in drawn)
    assert int(load(run, 7).optimizer.iterations) == 0


def test_the_statistics_of_a_table_are_those_of_the_training_part(tmp_path: Path) -> None:
    table = Arrays(np.arange(80.0).reshape(40, 2), np.arange(40) % 2)
    plan = settings(start={"build": "dense #3 activation=relu"})
    run = create_growth(tmp_path / "run", plan, table, None)
    done(Training(0, 0, "start", 0, steps=1, age=1), run, plan)
    mean = next(value for name, value in read_weights(load(run, 0)).items() if name.endswith("moving_mean"))
    train = table.x[np.load(run.folds) != 0]
    np.testing.assert_allclose(mean, train.mean(axis=0), rtol=1e-6)


def given(run_dir: Path, plan: GrowthSettings, *stack: keras.Layer) -> GrowthRun:
    model = keras.Sequential([keras.Input((6, 6)), layers.Flatten(), *stack])
    return create_growth(run_dir, plan, small_images(), model.save)


def test_a_given_model_may_be_taken_as_it_is(tmp_path: Path) -> None:
    run = given(tmp_path / "run", settings(start=None), layers.Dense(2, "softmax"))
    start = done(Training(0, 0, "start", 0), run, settings(start=None))
    assert start.measures["trained_examples"] == 0 and start.measures["loss"] is None
    model, x = keras.saving.load_model(run.start), np.load(run.data / "x.npy")
    expected = keras.ops.convert_to_numpy(model(x[np.load(run.folds) == 0]))
    np.testing.assert_allclose(np.load(run.outputs(0))["val"], expected, atol=1e-6)


@pytest.mark.parametrize("shares", [None, [0.25, 0.75]], ids=["equal", "unequal"])
def test_an_ensemble_may_grow_on(shares: list[float] | None, run: GrowthRun, tmp_path: Path) -> None:
    plan = settings(start=None)
    ensemble = mean_ensemble([load(run, 0), load(run, 0)], shares)
    own = create_growth(tmp_path / "run", plan, small_images(), ensemble.save)
    done(Training(0, 0, "start", 0, steps=1, age=1), own, plan)
    assert done(CHILD, own, plan).measures["transforms"]
    np.testing.assert_allclose(*(np.load(own.outputs(n))["val"] for n in (0, 2)), atol=1e-5)


@pytest.mark.parametrize(
    ("stack", "message"),
    [
        ([layers.Dense(2)], "softmax or sigmoid at the end of the start network"),
        ([layers.Dense(7, "softmax")], "labels 0..6"),
        ([layers.Dense(2, "relu")], "probabilities|how likely each class is"),
        ([layers.Dense(2, "sigmoid")], "several units sum to 1"),
    ],
    ids=["logits", "classes", "relu", "sigmoids"],
)
def test_a_start_network_that_does_not_fit_is_refused(
    stack: list[keras.Layer], message: str, tmp_path: Path
) -> None:
    run = given(tmp_path / "run", settings(start=None), *stack)
    with pytest.raises(JobFailed, match=message) as failure:
        done(START, run, settings(start=None))
    assert failure.value.measures["refused"]["rule"]


def test_a_loss_that_is_not_finite_is_a_reason(run: GrowthRun) -> None:
    wild = settings(training={"batch_size": 16, "optimizer": "sgd", "learning_rate": 1e30})
    with pytest.raises(JobFailed, match="not finite") as failure:
        done(START, run, wild)
    assert failure.value.measures["trained_examples"] > 0
