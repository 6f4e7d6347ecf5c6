"""Laws of the front door: what it refuses before any work, and what a search gives back."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from stub_runs import TABLE, records, run_stub, stub_settings

import gakeras
from gakeras.api import run_search
from gakeras.data import Arrays, open_data
from gakeras.encoding import Genome, SearchSpace
from gakeras.errors import InputError, RunError
from gakeras.evolution import Caps
from gakeras.finals import TrainingSummary
from gakeras.fitness.options import TrainingOptions
from gakeras.results import SearchResult

ROWS = np.random.default_rng(0).random((24, 3))
LABELS = np.arange(24) % 3
IMAGES = np.zeros((24, 6, 6), np.uint8)


def changed(row: int, value: float) -> np.ndarray:
    rows = ROWS.copy()
    rows[row, 1] = value
    return rows


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "x of rank 1": ({"x": ROWS[:, 0]}, r"rows of a table or images.*x of shape \(24,\)"),
    "x of rank 5": ({"x": ROWS.reshape(24, 1, 1, 1, 3)}, r"x of shape \(24, 1, 1, 1, 3\)"),
    "y of rank 3": ({"y": LABELS.reshape(24, 1, 1)}, r"y of shape \(24, 1, 1\)"),
    "no x": ({"x": None}, r"x of shape \(\)"),
    "rows of different lengths": ({"x": [[1, 2], [3]], "y": [0, 1]}, "x with rows of one length"),
    "different lengths": ({"y": LABELS[:-1]}, "24 examples in x, 23 targets in y"),
    "empty x": ({"x": ROWS[:0], "y": LABELS[:0]}, r"must not be empty.*x of shape \(0, 3\)"),
    "no columns": ({"x": ROWS[:, :0]}, r"x of shape \(24, 0\)"),
    "NaN in x": ({"x": changed(5, np.nan)}, "finite.*nan in example 5 of x"),
    "infinity in x": ({"x": changed(7, np.inf)}, "inf in example 7 of x"),
    "NaN in y": ({"y": np.where(LABELS == 1, np.nan, LABELS)}, "nan in example 1 of y"),
    "text in x": ({"x": ROWS.astype(str)}, "Examples must be numbers"),
    "a single class": ({"y": LABELS * 0}, "two classes or more.*label 0 for all 24"),
    "constant target": ({"y": np.full(24, 0.5)}, "regression target must vary.*0.5 for all 24"),
    "more folds than examples of a class": (
        {"num_folds": 5, "y": np.array([0, 1] * 10 + [2] * 4)},
        "num_folds=5, class 2 has 4",
    ),
    "more folds than examples": ({"num_folds": 25}, "num_folds=25"),
    "one fold": ({"num_folds": 1}, "num_folds: .*Received: 1"),
    "labels that are not whole": ({"y": LABELS + 0.5, "task": "classification"}, "labels 0.5, 1.5, 2.5"),
    "labels from 1": ({"y": LABELS + 1}, "numbered without gaps from 0.*: 3"),
    "labels below 0": ({"y": LABELS - 1}, "outside that range: -1"),
    "labels with a gap": ({"y": LABELS * 2}, "outside that range: 4.*without an example: 1"),
    "labels as text": ({"y": np.array(["a", "b", "c"])[LABELS]}, "numbers.*LabelEncoder"),
    "labels in columns": ({"y": np.stack([LABELS, LABELS], axis=1)}, "one-hot"),
    "x_test alone": ({"x_test": ROWS}, "both of x_test and y_test, or neither.*x_test alone"),
    "x_test of another shape": ({"x_test": ROWS[:, :2], "y_test": LABELS}, r"x_test of shape \(24, 2\)"),
    "unknown class in y_test": ({"x_test": ROWS, "y_test": LABELS + 1}, "labels 3"),
    "unknown keyword": ({"epoch": 3}, "nearest is `epochs`. Received: unknown key `epoch`"),
    "unknown setting": ({"populationsize": 3}, "nearest is `population_size`"),
    "unknown key of a table": ({"variation": {"tournament": 3}}, "nearest is `variation.tournament_size`"),
    "unknown task": ({"task": "clustering"}, "task: .*'clustering'"),
    "unknown optimizer": ({"optimizer": "adm"}, "training.optimizer: .*'adm'"),
    "no epochs": ({"epochs": 0}, "training.epochs: .*Received: 0"),
    "no evaluations": ({"max_evaluations": 0}, "max_evaluations: .*Received: 0"),
    "endless time": ({"max_seconds": np.inf}, "max_seconds: .*Received: inf"),
    "smallest above largest": ({"space": {"dense_units": (9, 3)}}, r"dense_units.*Received: \(9, 3\)"),
    "unknown field of the space": ({"space": {"dense_unit": (3, 9)}}, "nearest is `space.dense_units`"),
    "unknown space": ({"space": "papers"}, "default, paper.*'papers'"),
    "windows beyond the images": (
        {"x": IMAGES, "space": {"kernel_size": (2, 7)}},
        "kernel_size up to 6 for images of 6 x 6. Received: kernel_size up to 7",
    ),
    "a baseline for images": ({"final": {"baselines": ["mnist_baseline"]}}, "fit the data.*mnist_baseline"),
    "unknown baseline": ({"final": {"baselines": ["nobody"]}}, "network named one of.*'nobody'"),
    "a table that is shifted": ({"training": {"shift": 0.1}}, "Only images can be varied"),
    "a table that is flipped in the end": ({"final": {"flip": True}}, r"Only images.*flip=True"),
    "more examples than there are": ({"search_examples": 25}, "at most 24. Received: search_examples=25"),
    "no worker": ({"workers": 0}, "workers.workers: .*Received: 0"),
    "unknown executor": ({"executor": "mpj"}, "one of auto, serial, process, mpi, debug.*'mpj'"),
    "a function that opens executors": ({"executor": object}, "workers=... beside it"),
    "foreign run_dir": ({"run_dir": "foreign"}, "empty or new run_dir.*which holds thesis.tex"),
    "run_dir is a file": ({"run_dir": "foreign/thesis.tex"}, "writable run_dir.*File exists"),
    "run_dir below a file": ({"run_dir": "foreign/thesis.tex/run"}, "writable run_dir.*Not a directory"),
}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder that holds another one with somebody's work."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("years of work")
    return tmp_path


@pytest.mark.parametrize(("changes", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_refused_in_one_line_before_anything_is_made(
    changes: dict[str, Any], message: str, folder: Path
) -> None:
    before = contents(folder)
    arguments = {"x": ROWS, "y": LABELS, "num_folds": 2, "run_dir": "run"} | changes
    with pytest.raises(InputError) as caught:
        gakeras.search(**arguments)
    text = str(caught.value)
    assert re.search(message, text) and "Expected: " in text and "Received: " in text and "\n" not in text
    assert contents(folder) == before and not (folder / "run").exists()


def test_every_kind_of_mistake_has_its_own_message(folder: Path) -> None:
    data_mistakes = [name for name, (changes, _) in MISTAKES.items() if {"x", "y"} & set(changes)]
    messages = set()
    for name in data_mistakes:
        with pytest.raises(InputError) as caught:
            gakeras.search(**({"x": ROWS, "y": LABELS, "num_folds": 2, "run_dir": "run"} | MISTAKES[name][0]))
        messages.add(str(caught.value))
    assert len(messages) == len(data_mistakes)


def test_mistakes_are_found_without_keras(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = """
import sys
import gakeras, test_search as this
for name, (changes, _) in this.MISTAKES.items():
    arguments = {"x": this.ROWS, "y": this.LABELS, "num_folds": 2, "run_dir": "run"} | changes
    try:
        gakeras.search(**arguments)
    except gakeras.InputError:
        continue
    raise SystemExit(f"{name} was not refused")
print(sorted({"keras", "tensorflow", "jax", "torch"} & set(sys.modules)))
"""
    paths = [Path(gakeras.__file__).parents[1], Path(__file__).parent]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize("backend", ["theano", "numpy"])
def test_a_backend_that_cannot_train_is_refused(
    backend: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", backend)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    with pytest.raises(InputError, match=f"backend: .*'{backend}'"):
        gakeras.search(ROWS, LABELS, num_folds=2, run_dir="run")
    assert not (folder / "run").exists()


# What a search gives back, by the stub


@pytest.fixture
def result(tmp_path: Path, stub_jobs: None) -> SearchResult:
    return run_stub(tmp_path / "run", max_evaluations=10)


def test_the_leaderboard_is_sorted_and_holds_each_genome_once(result: SearchResult) -> None:
    board = result.leaderboard(50)
    losses = [individual.loss for individual in board]
    assert losses == sorted(losses)
    assert len({individual.genome for individual in board}) == len(board) == 10
    ids = [individual.id for individual in board]
    assert [individual.id for individual in result.leaderboard(3)] == ids[:3] and result.best.id == ids[0]


@pytest.mark.parametrize("n", [0, -1])
def test_a_leaderboard_of_nobody_is_refused(n: int, result: SearchResult) -> None:
    with pytest.raises(InputError, match=f"n >= 1. Received: n={n}"):
        result.leaderboard(n)


def test_a_result_prints_what_was_found_and_why_the_search_ended(result: SearchResult) -> None:
    text, best = repr(result), result.best
    assert str(result.run.root) in text and "10 evaluations" in text and "used up" in text
    assert f"{best.loss:.4f}" in text and f"{best.parameters:,} parameters" in text
    assert all(str(block) in text for block in best.genome.blocks)


def test_in_a_notebook_a_result_is_a_table_of_escaped_text(result: SearchResult) -> None:
    result.stop_reason = "<script>alert('&')</script>"
    text = result._repr_html_()
    assert "&lt;script&gt;" in text and "<script>" not in text
    assert text.count("<tr>") == 6 and text.count("<th>") == len(result.columns)
    for individual in result.leaderboard(5):
        assert f"<td>{individual.loss:.4f}</td>" in text and f"<td>{individual.parameters:,}</td>" in text


def test_a_result_without_a_success_prints_and_says_why_it_has_no_best(
    tmp_path: Path, stub_jobs: None
) -> None:
    result = run_stub(tmp_path / "run", caps={"max_parameters": 1})
    assert "oversized" in repr(result) and "oversized" in result._repr_html_()
    with pytest.raises(RunError, match="no individual: no evaluation succeeded"):
        _ = result.best


def test_a_search_on_a_part_leaves_the_rest_to_the_final_training(tmp_path: Path, stub_jobs: None) -> None:
    run = run_stub(tmp_path / "run", executor="debug", search_examples=8).run
    folds = np.load(run.folds)
    assert (folds >= 0).sum() == 8 and len(folds) == run.info.num_train == len(open_data(run.data).x) > 8


TRAINING_MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "no repeats": ({"repeats": 0}, "repeats >= 1"),
    "no epochs": ({"epochs": 0}, "epochs: .*Received: 0"),
    "no schedule": ({"schedule": "cosin"}, "schedule: .*'cosin'"),
    "a table that is shifted": ({"shift": 0.1}, "Only images can be varied"),
    "a shift of everything": ({"shift": 1.0}, "shift: .*Received: 1"),
    "no optimizer": ({"optimizer": "adm"}, "optimizer: .*'adm'"),
    "x alone": ({"x": ROWS}, "both of x and y.*x alone"),
    "y alone": ({"y": LABELS}, "both of x and y.*y alone"),
    "x_test alone": ({"x_test": ROWS}, "both of x_test and y_test.*x_test alone"),
    "y_test alone": ({"x": ROWS, "y": LABELS, "y_test": LABELS}, "y_test alone"),
    "NaN": ({"x": ROWS * np.nan, "y": LABELS}, "finite"),
    "other columns": ({"x": ROWS[:, :1], "y": LABELS}, r"of shape \(2,\), 2 classes. Received: .*\(1,\)"),
    "more classes": ({"x": ROWS, "y": np.arange(len(ROWS)) % 3}, "2 classes. Received: .* 3 classes"),
    "amounts": ({"x": ROWS, "y": LABELS + 0.5}, "Class labels must be whole numbers"),
}


@pytest.mark.parametrize(("changes", "message"), TRAINING_MISTAKES.values(), ids=TRAINING_MISTAKES)
def test_a_training_that_cannot_be_is_refused_before_it_begins(
    changes: dict[str, Any], message: str, result: SearchResult
) -> None:
    before = contents(result.run.root)
    with pytest.raises(InputError, match=message):
        result.train_best(**changes)
    assert contents(result.run.root) == before


def test_trainings_that_differ_in_anything_keep_their_own_models(result: SearchResult) -> None:
    changes: list[dict[str, Any]] = [{}, {"epochs": 3}, {"batch_size": 9}, {"learning_rate": 0.1}]
    changes += [{"optimizer": "sgd"}, {"x": TABLE.x + 1, "y": TABLE.y}]
    summaries = [result.train_best(**change) for change in changes]
    assert len({summary.model_path for summary in summaries}) == len(changes)
    assert all(summary.model_path.exists() for summary in summaries if summary.model_path)


def test_data_left_out_of_a_training_are_those_of_the_search(tmp_path: Path, stub_jobs: None) -> None:
    arrays = Arrays(ROWS, LABELS, ROWS[:6] + 1, LABELS[:6])
    result = run_search(stub_settings(max_evaluations=2), arrays, run_dir=tmp_path / "run", progress=False)
    more = result.train_best(np.concatenate([ROWS, ROWS]), np.concatenate([LABELS, LABELS]))
    other = result.train_best(x_test=ROWS[:4], y_test=LABELS[:4])
    assert more.model_path is not None and other.model_path is not None
    longer = open_data(result.run.models / more.model_path.parent.name)
    tested = open_data(result.run.models / other.model_path.parent.name)
    assert len(longer.x) == 48 and np.array_equal(longer.x_test, arrays.x_test)
    assert np.array_equal(tested.x, arrays.x) and len(tested.x_test) == 4


@pytest.mark.parametrize("path", ["model.h5", "model", "model.keras.zip"])
def test_a_model_is_saved_as_a_keras_file_or_not_at_all(path: str, result: SearchResult) -> None:
    with pytest.raises(InputError, match="path ending in .keras"):
        result.save(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"max_parameters": 1000, "caps": Caps(max_flops=5)},
            "max_parameters=1000, caps.max_parameters=None",
        ),
        ({"epochs": 3, "training": TrainingOptions(batch_size=16)}, "epochs=3, training.epochs=10"),
        ({"executor": "serial", "workers": {"executor": "process"}}, "executor='serial', workers"),
        ({"timeout_seconds": 5.0, "workers": {"timeout_seconds": 7.0}}, "timeout_seconds=5.0, workers"),
    ],
    ids=["caps", "training", "executor", "timeout"],
)
def test_an_argument_that_settings_contradict_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        gakeras.search(ROWS, LABELS, num_folds=2, **arguments)


def test_a_backend_that_is_not_installed_is_refused_before_anything_is_made(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="no module named 'torch'"):
        gakeras.search(ROWS, LABELS, num_folds=2, run_dir="run")
    assert not (folder / "run").exists()


def test_settings_of_a_table_change_what_they_name_and_leave_the_arguments(
    tmp_path: Path, stub_jobs: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "gakeras.api.continue_search", lambda run, settings, executor, *rest, **options: (settings, executor)
    )
    settings, executor = cast(Any, gakeras.search)(
        ROWS,
        LABELS,
        num_folds=2,
        epochs=3,
        batch_size=7,
        max_flops=None,
        training={"optimizer": "sgd"},
        caps={"max_parameters": 99},
        space=SearchSpace.paper(max_dense_layers=1),
        workers={"executor": "serial"},
        run_dir=tmp_path / "run",
    )
    training = settings.training
    assert (training.epochs, training.batch_size, training.optimizer) == (3, 7, "sgd")
    assert (settings.caps.max_parameters, settings.caps.max_flops) == (99, None)
    assert settings.space == SearchSpace.paper(max_dense_layers=1)
    assert settings.max_evaluations == 100  # where no budget is given
    assert settings.workers.executor == executor == "serial"


def test_a_summary_is_the_average_spread_and_range_of_its_repeats() -> None:
    genome = Genome.parse("dense #3 activation=relu")
    summary = TrainingSummary("best", genome, 10, 20, (0.5, 0.75, 1.0), (1.0, 2.0, 3.0), True)
    assert (summary.avg, summary.std, summary.min, summary.max) == (0.75, 0.25, 0.5, 1.0)
    assert "0.75" in repr(summary) and "0.25" in repr(summary)


# With Keras


def small_search(source: str, run_dir: Path) -> SearchResult:
    data = gakeras.load_source(source, limit=60)
    return gakeras.search(
        data.x,
        data.y,
        x_test=data.x_test,
        y_test=data.y_test,
        space={"dense_units": (4, 16), "max_dense_layers": 1},
        population_size=2,
        max_evaluations=3,
        num_folds=2,
        epochs=2,
        batch_size=32,
        executor="serial",
        final={"epochs": 2, "batch_size": 32},
        seed=5,
        run_dir=run_dir,
        progress=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "kind", "is_metric"),
    [
        ("breast_cancer", "binary", lambda value: 0 <= value <= 1),
        ("diabetes", "regression", lambda value: value > 1),
    ],
    ids=["binary classes of a table", "regression"],
)
def test_a_search_ends_in_a_model(
    source: str, kind: str, is_metric: Callable[[float], bool], tmp_path: Path
) -> None:
    result = small_search(source, tmp_path / "run")
    assert result.run.info.task.kind == kind and result.statuses == {"ok": 3}
    assert result.best.loss == min(individual.loss for individual in result.leaderboard())
    assert result.best.parameters > 0 and result.best.flops > 0 and not result.best.genome.conv

    summary = result.train_best(epochs=2, batch_size=32, repeats=2)
    assert summary.on_test and len(summary.metrics) == 2 and all(map(is_metric, summary.metrics))
    assert summary.avg == statistics.fmean(summary.metrics)
    assert summary.std == statistics.stdev(summary.metrics) > 0
    assert (summary.min, summary.max) == (min(summary.metrics), max(summary.metrics))

    before = contents(result.run.root)
    assert result.train_best(epochs=2, batch_size=32, repeats=2) == summary
    reopened = gakeras.resume(result.run.root, progress=False)
    assert reopened.train_best(epochs=2, batch_size=32, repeats=2) == summary
    assert contents(result.run.root) == before

    data = gakeras.load_source(source)
    assert summary.model_path is not None
    path = result.save(tmp_path / "new" / "best.keras")
    import keras

    outputs = keras.models.load_model(path).predict(data.x_test, verbose=0)
    np.testing.assert_allclose(outputs, np.load(summary.model_path.with_suffix(".outputs.npy")), atol=1e-5)

    if kind == "binary":
        other = result.train_best(data.x, data.y, epochs=2, batch_size=32)
        assert other.on_test and other.metrics != summary.metrics[:1]
        assert len(records(result.run.root, "trained")) == 3
