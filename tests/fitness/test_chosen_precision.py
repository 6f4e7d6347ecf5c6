"""Laws of the dtype policy that a worker chooses: only large networks are timed, what is recorded stays."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import pytest
from small_jobs import CONV, arrays_of, payload_of, scores_of, store

from gakeras.config import Settings, settings_from
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.evaluations import chosen_policy, evaluation_job
from gakeras.evolution import Fitness, Individual, Proposal, SearchState, Step, Stretch
from gakeras.fitness import precision
from gakeras.fitness.evaluation import evaluate
from gakeras.fitness.final import train
from gakeras.fitness.network import layers_of
from gakeras.fitness.options import TrainingOptions
from gakeras.fitness.precision import MIN_GAIN, MIN_MACS, choose_policy, step_seconds
from gakeras.jobs import JobResult
from gakeras.lineage import synthesis_settings
from gakeras.run import RunDirectory

AUTO = {"epochs": 2, "batch_size": 8, "optimizer": "adam", "dtype_policy": "auto"}
FASTER = {"float32": 1.0, "mixed_bfloat16": 0.5}
SLOWER = {"float32": 1.0, "mixed_bfloat16": 1.0 / MIN_GAIN + 0.01}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return store(arrays_of("images"), tmp_path_factory.mktemp("images"))


@pytest.fixture
def timed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Mapping[str, float]], list[str]]:
    """Return what lets every network count as large, and its steps take the given seconds."""

    def stub(seconds: Mapping[str, float]) -> list[str]:
        asked: list[str] = []

        def step_seconds(options: TrainingOptions, *rest: Any) -> float:
            asked.append(options.dtype_policy)
            return seconds[options.dtype_policy]

        monkeypatch.setattr(precision, "MIN_MACS", 0)
        monkeypatch.setattr(precision, "step_seconds", step_seconds)
        return asked

    return stub


def test_a_small_network_is_not_timed_and_scores_as_under_float32(images: dict[str, str]) -> None:
    payload = payload_of(CONV, images)
    chosen = evaluate(payload | {"training": AUTO})
    assert scores_of(chosen) == scores_of(evaluate(payload))
    assert chosen["measures"]["dtype_policy"] == "float32" and "step_seconds" not in chosen["measures"]


@pytest.mark.parametrize(
    ("macs", "seconds", "expected"),
    [
        (MIN_MACS - 1, FASTER, "float32"),
        (MIN_MACS, FASTER, "mixed_bfloat16"),
        (MIN_MACS, SLOWER, "float32"),
    ],
    ids=["too small to be timed", "faster", "hardly faster"],
)
def test_bfloat16_is_for_large_networks_that_train_faster_by_it(
    macs: float, seconds: Mapping[Any, float], expected: str
) -> None:
    policy, timed = choose_policy(macs, seconds.__getitem__)
    assert policy == expected and dict(timed) == (seconds if macs >= MIN_MACS else {})


def test_what_was_chosen_is_recorded_and_is_what_the_network_is_trained_in(
    images: dict[str, str], timed: Callable[[Mapping[str, float]], list[str]]
) -> None:
    asked = timed(FASTER)
    payload = payload_of(CONV, images)
    chosen = evaluate(payload | {"training": AUTO})
    assert chosen["measures"]["dtype_policy"] == "mixed_bfloat16" and asked == list(FASTER)
    assert chosen["measures"]["step_seconds"] == FASTER
    given = evaluate(payload | {"training": AUTO | {"dtype_policy": "mixed_bfloat16"}})
    assert scores_of(chosen) == scores_of(given) and len(asked) == 2


def test_a_final_training_may_choose_too(
    images: dict[str, str], timed: Callable[[Mapping[str, float]], list[str]], tmp_path: Path
) -> None:
    timed(FASTER)
    payload = payload_of(CONV, images, training=AUTO, save_to=str(tmp_path / "best.keras"))
    answer = train(payload)
    assert answer["measures"]["dtype_policy"] == "mixed_bfloat16"
    model = keras.saving.load_model(answer["artifacts"]["model"])
    assert {layer.compute_dtype for layer in model.layers if layer.name.startswith("conv")} == {"bfloat16"}


def test_a_step_takes_some_time(images: dict[str, str]) -> None:
    from gakeras.data import open_data

    data = open_data(Path(images["data_dir"]))
    assert 0 < step_seconds(TrainingOptions(batch_size=8), CONV, data) < 10


def search_settings() -> Settings:
    return settings_from({"max_evaluations": 3, "training": AUTO, "final": {"dtype_policy": "auto"}})


@pytest.mark.parametrize(
    ("stage", "stretch"), [("search", Stretch((0,), 1, 2)), ("final", Stretch((1,), 0, 20))], ids=str
)
def test_later_steps_and_finals_keep_the_recorded_choice(stage: Any, stretch: Stretch) -> None:
    measures = {"dtype_policy": "mixed_bfloat16", "folds": []}
    proposal = Proposal(4, Genome.parse("dense #4 activation=relu"))
    state = SearchState()
    assert chosen_policy(state, 4) is None
    if stage == "search":
        state.pieces[4] = (JobResult("4", "ok", measures=measures),)
    else:
        state.population = (Individual(4, proposal.genome, Fitness([0.1]), measures),)
    step = Step(proposal, stretch, stage)
    job = evaluation_job(step, RunDirectory(Path("run")), search_settings(), state)
    assert job.payload["training"]["dtype_policy"] == "mixed_bfloat16"


def test_only_a_search_chooses() -> None:
    with pytest.raises(InputError, match="once its dtype policy is known"), layers_of("auto"):
        pass
    with pytest.raises(InputError, match="one for all networks of a synthesis"):
        synthesis_settings({"training": {"dtype_policy": "auto"}}, origin="a test")
