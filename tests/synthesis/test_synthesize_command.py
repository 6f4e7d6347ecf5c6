"""Laws of `gakeras synthesize`, and of the commands that take any run."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from stub_family import run_stub

from gakeras import cli

CONFIG = """
kind = "synthesis"
name = "stub"
generations = 2
keep = 0.5
max_drop = 0.5
[data]
source = "iris"
[ancestor]
path = "ancestor.keras"
[workers]
job_module = "stub_family"
executor = "serial"
[published]
title = "Somebody (2016)"
generations = [[1, 1.0, 99.47], [13, 4.1, 97.75]]
clusters = { "gen. 13" = [3.6] }
"""

Gakeras = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current folder with an ancestor, where child processes find the stub."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent))
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "stub.toml").write_text(CONFIG)
    for path in ("configs/ancestor.keras", "model.keras"):
        (tmp_path / path).write_text("model")
    return tmp_path


@pytest.fixture
def gakeras(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Gakeras:
    """The command: its arguments give its exit code, output and errors."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gakeras", *map(str, arguments)])
        code = 0
        try:
            cli.main()
        except SystemExit as end:
            code = int(end.code or 0)
        return code, *capsys.readouterr()

    return run


def test_a_config_gives_a_table_the_published_ones_and_best_keras(gakeras: Gakeras, folder: Path) -> None:
    code, out, err = gakeras("synthesize", "configs/stub.toml", "--run-dir", "run", "--no-progress")
    assert (code, err) == (0, "")
    assert "2 generations are done" in out and "Somebody (2016)" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["13", "4.10", "97.75", "2", "4.00", "4.00"] in [row[:6] for row in rows]
    assert "published, gen. 13" in out and (folder / "run" / "best.keras").is_file()


def test_a_model_needs_data_and_options_override(gakeras: Gakeras) -> None:
    options = [
        "--set",
        "max_drop=0.5",
        "--set",
        "workers.job_module=stub_family",
        "--executor",
        "serial",
        "--no-progress",
    ]
    code, _, err = gakeras("synthesize", "model.keras", *options)
    assert code == 2 and "Name them, for example by `--set data.source=mnist`" in err
    code, out, _ = gakeras(
        "synthesize", "model.keras", "--set", "data.source=iris", "--generations", 3, "--keep", 0.9, *options
    )
    assert code == 0 and "3 generations are done" in out and "7,290" in out


def test_resume_auto_goes_on_and_resume_takes_more_generations(gakeras: Gakeras) -> None:
    arguments = ["synthesize", "configs/stub.toml", "--run-dir", "run", "--no-progress", "--resume", "auto"]
    assert gakeras(*arguments)[0] == 0
    code, out, _ = gakeras(*arguments, "--generations", 3)
    assert code == 0 and "3 generations, 4 networks" in out
    code, out, _ = gakeras("resume", "run", "--generations", 4, "--no-progress")
    assert code == 0 and "4 generations, 5 networks" in out
    code, _, err = gakeras("resume", "run", "--max-evaluations", 4)
    assert code == 2 and "max_evaluations for the run of a search" in err


def test_an_ancestor_that_is_typed_lies_in_the_current_folder(gakeras: Gakeras) -> None:
    code, _, err = gakeras("synthesize", "configs/stub.toml", "--set", "ancestor.path=model.keras")
    assert code == 0, err


def test_show_and_export_take_the_run_of_a_synthesis(gakeras: Gakeras, folder: Path) -> None:
    run_stub(folder / "run")
    code, out, _ = gakeras("show", "run")
    assert code == 0 and "16.0x fewer" in out
    said = json.loads(gakeras("show", "run", "--json")[1])
    assert said["best"] == 4 and [row["synapses"] for row in said["history"]][:2] == [10_000, 5_000]
    code, out, _ = gakeras("export", "run", "small.keras")
    assert code == 0 and json.loads((folder / "small.keras").read_text())["synapses"] == 625
    assert "synapses before compaction: 625" in (folder / "small.keras.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "one of the shipped configs: alexnet_cifar10"),
        (["nowhere.keras"], "which is not there"),
        (["digits"], "kind = 'search'. Use `gakeras search"),
        (["configs/stub.toml", "--set", "generation=3"], "the nearest is `generations`"),
        (["configs/stub.toml", "--set", "ancestor.path=no.keras"], "which is not there"),
        (["configs/stub.toml", "--keep", "1.5"], "keep"),
        (["configs/stub.toml", "--set", "drawing=3"], "drawing"),
    ],
    ids=" ".join,
)
def test_a_mistake_is_one_line_before_anything_is_done(
    arguments: list[str], message: str, gakeras: Gakeras, folder: Path
) -> None:
    code, _, err = gakeras("synthesize", *arguments)
    assert code == 2 and message in err and err.count("\n") == 1
    assert not (folder / "runs").exists()
