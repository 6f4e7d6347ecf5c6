"""Laws of the event file: it says what the journal says, once, and a search goes on without it."""

from __future__ import annotations

import builtins
from pathlib import Path
from typing import Any

import pytest
from stub_runs import finished, records, run_stub

from gakeras.errors import InputError
from gakeras.jobs import JobResult
from gakeras.journal import JournalWriter
from gakeras.resuming import resume
from gakeras.tensorboard import EventFile, scalars_of, write_events

Curves = dict[str, dict[int, float]]


def read_curves(folder: Path) -> Curves:
    """Return the value at every step of every tag; no step may be there twice."""
    import tensorflow

    curves: Curves = {}
    (file,) = folder.glob("events.out.tfevents.*")
    for record in tensorflow.data.TFRecordDataset(str(file)):
        event = tensorflow.compat.v1.Event.FromString(record.numpy())
        for value in event.summary.value:
            steps = curves.setdefault(value.tag, {})
            assert event.step not in steps
            steps[event.step] = value.simple_value
    return curves


def expected_curves(run_dir: Path) -> Curves:
    curves: Curves = {}
    for step, record in enumerate(records(run_dir, "finished"), start=1):
        for tag, value in scalars_of(JobResult.from_json(record), "accuracy").items():
            curves.setdefault(tag, {})[step] = pytest.approx(value, rel=1e-6)  # float32
    return curves


@pytest.mark.slow
def test_the_curves_are_those_of_the_journal_also_after_a_resume_and_from_the_journal_alone(
    tmp_path: Path, stub_jobs: None
) -> None:
    run_dir = tmp_path / "run"
    run_stub(run_dir, max_evaluations=5, tensorboard=True)
    curves = read_curves(run_dir / "tensorboard")
    assert curves == expected_curves(run_dir)
    assert set(curves) == {"loss", "accuracy", "parameters", "flops", "cpu_seconds"}
    resume(run_dir, max_evaluations=9, progress=False)
    assert read_curves(run_dir / "tensorboard") == expected_curves(run_dir)
    assert len(finished(run_dir)) == 9
    (run_dir / "tensorboard").rename(tmp_path / "elsewhere")
    assert read_curves(write_events(run_dir)) == expected_curves(run_dir)


def test_the_file_of_a_search_that_is_running_is_left_alone(tmp_path: Path, stub_jobs: None) -> None:
    result = run_stub(tmp_path / "run", max_evaluations=2)
    with JournalWriter(result.run.journal), pytest.raises(InputError, match="one master"):
        write_events(tmp_path / "run")


def test_an_evaluation_that_failed_has_what_it_took_and_no_loss() -> None:
    assert scalars_of(JobResult("1", "timeout", cpu_seconds=4.0), "accuracy") == {"cpu_seconds": 4.0}


def test_a_file_that_cannot_be_written_is_a_warning_and_no_more(tmp_path: Path) -> None:
    with EventFile(tmp_path, "accuracy") as events:
        events._file.close()
        with pytest.warns(UserWarning, match="not written any more"):
            events.add([JobResult("1", "timeout", cpu_seconds=4.0)])
        events.add([JobResult("2", "timeout", cpu_seconds=4.0)])


def test_without_tensorflow_a_search_is_refused_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "tensorflow":
            raise ImportError("No module named 'tensorflow'")
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(InputError, match="tensorflow can be imported"):
        run_stub(tmp_path / "run", tensorboard=True)
    assert not (tmp_path / "run").exists()
