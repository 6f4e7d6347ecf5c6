"""Laws of the command line: it says what it did, and a mistake is one line before anything is done."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import stub_jobs
from stub_runs import TABLE, finished, records, run_stub, stub_settings
from typer.testing import CliRunner

from gakeras import __version__, cli
from gakeras.beginning import create_run, directory_for
from gakeras.cli import INTERRUPTED, app
from gakeras.config import shipped_configs
from gakeras.encoding import Genome
from gakeras.errors import InputError
from gakeras.journal import JournalWriter
from gakeras.run import open_run

COMMANDS = ["search", "resume", "show", "report", "tensorboard", "export", "doctor"]
CONFIG = """
name = "stub"
population_size = 3
max_evaluations = 5
num_folds = 2
[data]
source = "iris"
[space]
dense_units = [1, 50]
[final]
repeats = 2
baselines = ["table_baseline", "another_baseline_dropout"]
[networks]
another_baseline_dropout = "dense #9 activation=relu"
[workers]
job_module = "stub_jobs"
executor = "serial"
"""

Gakeras = Callable[..., tuple[int, str, str]]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stub_jobs: None) -> Path:
    """An empty current folder, where child processes find the stub."""
    monkeypatch.chdir(tmp_path)
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


@pytest.fixture
def config(folder: Path) -> Path:
    return write(folder / "stub.toml", CONFIG)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def words(text: str) -> str:
    return " ".join(text.replace("│", " ").split())


def archive(path: Path) -> Path:
    rng = np.random.default_rng(0)
    np.savez(path, x_train=rng.random((30, 3)), y_train=np.arange(30) % 2)
    return path


# Help


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_it_takes(command: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    example = re.search(rf"Example: gakeras {command}\b(.*)", words(shown.output))
    assert shown.exit_code == 0 and example
    options = re.findall(r"--[\w-]+", re.split("Arguments|Options", example[1])[0])
    assert all(shown.output.count(option) > 1 for option in options)


@pytest.mark.parametrize(("command", "extra"), [("export", "gakeras[litert]"), ("report", "gakeras[report]")])
def test_the_help_names_the_extra_that_is_needed(command: str, extra: str) -> None:
    shown = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
    assert extra in words(shown.output)


def test_without_a_command_there_is_help() -> None:
    shown = CliRunner().invoke(app, [])
    assert all(command in shown.output for command in COMMANDS)


def test_the_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"gakeras {__version__}\n")


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from gakeras.cli import app; app(['search', '--help'], standalone_mode=False)"
    code += "; print({'keras', 'numpy', 'deap', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "set()"


# Mistakes

MISTAKES: dict[str, tuple[list[str], str]] = {
    "no such config": (["search", "nowhere"], "one of the shipped configs: .*digits"),
    "config does not parse": (["search", "broken.toml"], "valid TOML.*broken.toml"),
    "unknown key": (["search", "unknown.toml"], "the nearest is `population_size`.*`population`"),
    "unknown key by --set": (["search", "stub.toml", "--set", "training.epoch=3"], "`training.epochs`"),
    "wrong value by --set": (["search", "stub.toml", "--set", "num_folds=few"], "num_folds.*'few'"),
    "--set without value": (["search", "stub.toml", "--set", "seed"], "key=value.*seed"),
    "no such data": (["search", "stub.toml", "--set", "data.source=irs"], "Did you mean 'iris'"),
    "no such file": (["search", "stub.toml", "--set", "data.source=no.npz"], "no.npz"),
    "more folds than examples": (["search", "stub.toml", "--set", "num_folds=40"], "at least 40 training"),
    "a baseline for images": (
        ["search", "smoke", "--set", "data.source=iris", "--set", "data.limit=90"],
        "'fashion_baseline'",
    ),
    "no such executor": (
        ["search", "stub.toml", "--executor", "mpj"],
        "auto, serial, process, mpi, debug.*'mpj'",
    ),
    "no worker": (["search", "stub.toml", "--workers", "0"], "workers.workers.*0"),
    "no evaluation": (["search", "stub.toml", "--max-evaluations", "0"], "max_evaluations.*0"),
    "foreign run directory": (["search", "stub.toml", "--run-dir", "."], "which holds broken.toml"),
    "nothing to resume": (["resume", "nowhere"], "No such|no such file"),
    "nothing to show": (["show", "nowhere"], "no such file"),
    "nothing to report": (["report", "nowhere"], "There is no journal"),
    "nothing to export": (["export", "nowhere", "a.keras"], "no such file"),
    "no model to export": (["export", "no.keras", "a.onnx"], "a .keras file.*no.keras"),
    "a resume of nobody": (["search", "stub.toml", "--resume", "auto"], "--run-dir beside --resume auto"),
    "no such format": (["export", "no.keras", "a.tflite", "--format", "int8"], "litert_int8.*'int8'"),
}


@pytest.mark.parametrize(("arguments", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_one_line_exit_code_2_and_nothing_done(
    arguments: list[str], message: str, folder: Path, config: Path, gakeras: Gakeras
) -> None:
    write(folder / "broken.toml", "seed = ")
    write(folder / "unknown.toml", "population = 3\nmax_seconds = 1")
    before = contents(folder)
    code, out, err = gakeras(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("gakeras: ") and err.count("\n") == 1 and re.search(message, err)
    assert contents(folder) == before and not (folder / "runs").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["resume", "run", "--max-evaluations", "0"], "max_evaluations.*Received: 0"),
        (["resume", "run", "--workers", "0"], "workers.workers.*Received: 0"),
        (["resume", "run", "--executor", "mpj"], "'mpj'"),
        (["export", "run", "a.keras", "--executor", "mpj"], "'mpj'"),
        (["export", "run", "model.h5"], "path ending in .keras, .onnx.* Received: model.h5"),
        (["export", "run", "run/journal.jsonl/a.keras"], "directory that can be written to"),
    ],
    ids=[
        "no budget",
        "no worker",
        "no such executor",
        "no such executor of an export",
        "not .keras",
        "below a file",
    ],
)
def test_a_mistake_with_a_run_leaves_the_run_alone(
    arguments: list[str], message: str, folder: Path, gakeras: Gakeras
) -> None:
    run_stub(folder / "run", max_evaluations=4)
    before = contents(folder)
    code, out, err = gakeras(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("gakeras: ") and err.count("\n") == 1 and re.search(message, err)
    assert contents(folder) == before


@pytest.mark.parametrize("command", ["show", "resume"])
def test_a_damaged_journal_is_named_with_its_line(command: str, folder: Path, gakeras: Gakeras) -> None:
    create_run(folder / "run", stub_settings(), TABLE)
    with (folder / "run" / "journal.jsonl").open("a") as journal:
        journal.write("nonsense\n")
    code, _, err = gakeras(command, "run")
    assert code == 2 and re.fullmatch(r"gakeras: .*journal\.jsonl, line 2: .*\n", err)


def test_from_a_shell_a_mistake_has_no_traceback(folder: Path) -> None:
    command = [sys.executable, "-m", "gakeras", "search", "digits", "--set", "colour=red"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("gakeras: ") and done.stderr.count("\n") == 1
    assert list(folder.iterdir()) == []


def test_ctrl_c_has_its_own_exit_code(monkeypatch: pytest.MonkeyPatch, gakeras: Gakeras) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "app", interrupt)
    code, _, err = gakeras()
    assert code == INTERRUPTED and "gakeras resume" in err and err.count("\n") == 1


def test_a_command_that_is_interrupted_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, gakeras: Gakeras
) -> None:
    def interrupt(run_dir: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gakeras.run.open_run", interrupt)
    code, _, err = gakeras("show", "run")
    assert code == INTERRUPTED and err.count("`gakeras resume` goes on") == 1


# Search and its data, by the stub


def test_a_config_without_data_searches_the_digits_and_the_journal_says_so(
    folder: Path, config: Path, gakeras: Gakeras
) -> None:
    text = config.read_text()
    assert '[data]\nsource = "iris"\n' in text
    write(config, text.replace('[data]\nsource = "iris"\n', ""))
    gakeras("search", config, "--run-dir", "run", "--no-progress", "--set", "final.baselines=[]")
    data = open_run(folder / "run").settings.data
    assert data is not None and data.source == "digits"


def test_a_search_prints_all_networks_side_by_side_and_writes_the_best(
    folder: Path, config: Path, gakeras: Gakeras
) -> None:
    code, out, err = gakeras("search", config, "--run-dir", "run", "--no-progress")
    assert (code, err) == (0, "")
    assert "5 evaluations" in out and "2 trainings each" in out
    names = [line.split()[0] for line in out.splitlines() if re.search(r"\d+\.\d\d +\d\.\d{4}", line)]
    assert names == ["evolved", "table_baseline", "another_baseline_dropout"]
    assert (folder / "run" / "best.keras").exists() and "best.keras" in out


def test_runs_that_begin_at_the_same_moment_get_folders_of_their_own(folder: Path) -> None:
    with directory_for(None, "iris") as first, directory_for(None, "iris") as second:
        assert first != second and first.is_dir() and second.is_dir()
    with pytest.raises(InputError), directory_for(None, "iris") as third:
        raise InputError("A rule.", expected="this", received="that")
    assert not third.exists() and first.exists()


def test_by_default_a_run_gets_a_new_folder_in_runs(folder: Path, config: Path, gakeras: Gakeras) -> None:
    for _ in range(2):
        assert gakeras("search", config, "--no-progress", "--max-evaluations", 1)[0] == 0
    runs = sorted((folder / "runs").iterdir())
    assert len(runs) == 2 and all(run.name.startswith("stub-") for run in runs)


def test_options_go_before_the_config(folder: Path, config: Path, gakeras: Gakeras) -> None:
    options = [
        "--seed",
        9,
        "--max-evaluations",
        2,
        "--max-seconds",
        60,
        "--workers",
        1,
        "--executor",
        "process",
    ]
    assert gakeras("search", config, "--run-dir", "run", "--set", "training.epochs=3", *options)[0] == 0
    settings = open_run(folder / "run").settings
    assert (settings.seed, settings.max_evaluations, settings.max_seconds) == (9, 2, 60)
    assert (settings.workers.workers, settings.workers.executor) == (1, "process")
    assert settings.training.epochs == 3 and len(finished(folder / "run")) == 2


def test_without_classes_the_table_is_of_errors(folder: Path, config: Path, gakeras: Gakeras) -> None:
    _, out, _ = gakeras("search", config, "--set", "data.source=diabetes", "--no-progress")
    assert "mean_absolute_error" in out and "accuracy" not in out


def test_only_accuracy_is_in_per_cent_and_other_metrics_keep_their_digits(
    folder: Path, config: Path, gakeras: Gakeras
) -> None:
    digits = r"(\S+) +(\S+) +(\S+) +(\S+) +\d\.\d{4}"  # avg, std, min, max, loss
    for source, pattern in (("iris", r"\d+\.\d\d"), ("diabetes", r"0\.0*[1-9]\d{1,3}")):
        out = gakeras("search", config, "--set", f"data.source={source}", "--no-progress")[1]
        rows = re.findall(rf"^(?:evolved|table_baseline) +{digits}", out, re.MULTILINE)
        assert len(rows) == 2 and all(re.fullmatch(pattern, cell) for row in rows for cell in row)


def test_a_baseline_that_fails_is_a_row_and_the_winner_is_written(
    folder: Path, config: Path, gakeras: Gakeras, monkeypatch: pytest.MonkeyPatch
) -> None:
    train = stub_jobs.train

    def broken(payload: Mapping[str, Any]) -> dict[str, Any]:
        if Genome.from_json(payload["genome"]) == Genome.parse("dense #9 activation=relu"):
            raise ValueError("no [such] layer")
        return train(payload)

    monkeypatch.setattr(stub_jobs, "train", broken)
    code, out, _ = gakeras("search", config, "--run-dir", "run", "--no-progress", "--executor", "debug")
    assert code == 0 and (folder / "run" / "best.keras").exists()
    row = out[out.index("another_baseline_dropout") : out.index("wrote")]
    assert "failed: error: ValueError: no [such] layer" in words(row) and "nan" not in row
    before = contents(folder / "run")
    assert gakeras("resume", "run", "--no-progress")[0] == 0 and contents(folder / "run") == before


def test_a_published_table_is_printed_beside_ours(folder: Path, gakeras: Gakeras) -> None:
    rows = '\n[published]\ntitle = "Table 1"\nrows = {baseline = [98.97, 0.07, 98.84, 99.06]}\n'
    write(folder / "stub.toml", CONFIG + rows)
    out = gakeras("search", "stub.toml", "--no-progress")[1]
    assert "Table 1:" in out and "98.97" in out and "99.06" in out


@pytest.mark.parametrize(
    ("source", "override"),
    [("data.npz", None), ("${DATA}/data.npz", None), ("iris", "sub/data.npz")],
    ids=["relative to the config", "a variable", "by --set relative to the folder"],
)
def test_a_data_file_is_found(
    source: str,
    override: str | None,
    folder: Path,
    gakeras: Gakeras,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write(folder / "sub" / "stub.toml", CONFIG.replace('"iris"', f'"{source}"\nlimit = 20'))
    archive(folder / "sub" / "data.npz")
    monkeypatch.setenv("DATA", str(folder / "sub"))
    changes = ["--set", f"data.source={override}"] if override else []
    code, _, err = gakeras("search", "sub/stub.toml", "--run-dir", "run", "--no-progress", *changes)
    assert code == 0, err
    info = open_run(folder / "run").info
    assert (info.num_train, info.num_test, info.input_shape) == (20, 0, (3,))


def test_progress_is_plain_lines_on_stderr(folder: Path, config: Path, gakeras: Gakeras) -> None:
    err = gakeras("search", config)[2]
    assert re.search(r"^stub: 5 of 5 done, 0 running, best \d\.\d{4}, ETA 0:00$", err, re.MULTILINE)
    assert re.search(r"^final trainings: 6 of 6 done", err, re.MULTILINE)


# Report


def test_report_writes_a_page_beside_the_journal(folder: Path, gakeras: Gakeras) -> None:
    run_stub(folder / "run", max_evaluations=4)
    code, out, err = gakeras("report", "run")
    assert (code, err) == (0, "") and "wrote run/report.html" in out
    assert (folder / "run" / "report.html").read_text().startswith("<!doctype html>")


def test_report_reads_a_journal_alone_and_writes_where_it_is_told(folder: Path, gakeras: Gakeras) -> None:
    run_stub(folder / "run", max_evaluations=4)
    journal = (folder / "run" / "journal.jsonl").rename(folder / "copied.jsonl")
    assert gakeras("report", journal, "--html", folder / "pages" / "page.html")[0] == 0
    assert (folder / "pages" / "page.html").exists()


@pytest.mark.parametrize("num_lines", [1, 2, 4, 6])
def test_report_works_while_a_run_goes_on(num_lines: int, folder: Path, gakeras: Gakeras) -> None:
    run_dir = running(folder, num_lines)
    with JournalWriter(run_dir / "journal.jsonl"):
        code, _, err = gakeras("report", run_dir, "--html", "page.html")
    assert (code, err) == (0, "")


def test_report_says_what_to_install(folder: Path, gakeras: Gakeras, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.startswith(("gakeras.report", "gakeras.plots"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    run_stub(folder / "run", max_evaluations=2)
    code, _, err = gakeras("report", "run")
    assert code == 2 and 'pip install "gakeras[report]"' in err


# Show


def test_show_prints_json_for_programs(folder: Path, gakeras: Gakeras) -> None:
    run_stub(folder / "run", max_evaluations=6)
    code, out, _ = gakeras("show", "run", "--json", "--top", 3)
    shown = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    losses = [individual["loss"] for individual in shown["leaderboard"]]
    assert code == 0 and len(losses) == 3 and losses == sorted(losses)
    assert shown["num_evaluations"] == 6 and shown["statuses"] == {"ok": 6}
    assert shown["settings"]["name"] == "stub" and shown["run_dir"] == str(folder / "run")


def test_show_prints_a_table_for_people(folder: Path, gakeras: Gakeras) -> None:
    result = run_stub(folder / "run", max_evaluations=4)
    out = gakeras("show", "run")[1]
    assert "4 evaluations" in out and "best 4 of 4 evaluations" in out
    assert f"{result.best.loss:.4f}" in out and str(result.best.genome.blocks[0]) in out


def test_show_leaves_nothing_of_a_genome_out_on_any_terminal(folder: Path) -> None:
    result = run_stub(folder / "run é[b] :pear:", max_evaluations=4, space="default")
    terminal = {"COLUMNS": "80", "PYTHONIOENCODING": "ascii"}
    out = in_shell("-m", "gakeras", "show", "run é[b] :pear:", environment=terminal).stdout
    assert "run ?[b] :pear:" in out
    table = out[out.index("best 4 of 4") :].splitlines()
    (column,) = {line.index("genome") for line in table if "genome" in line}
    assert max(map(len, table)) <= 80
    shown = "".join("".join(line[column:].split()) for line in table)
    for individual in result.leaderboard(4):
        assert "".join(individual.genome.one_line.split()) in shown
        assert f"{individual.loss:.4f}" in out and f"{individual.parameters:,}" in out


def test_names_and_paths_are_no_markup(folder: Path, config: Path, gakeras: Gakeras) -> None:
    out = gakeras("search", config, "--run-dir", "a[b] :pear:", "--no-progress")[1]
    assert "a[b] :pear:/best.keras" in out


def running(folder: Path, num_lines: int) -> Path:
    """Return a run as it stood when its journal had so many lines."""
    run_stub(folder / "run", max_evaluations=4)
    journal = folder / "run" / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    assert num_lines < len(lines)
    journal.write_bytes(b"".join(lines[:num_lines]) + lines[num_lines][:7])  # with one just being written
    return folder / "run"


@pytest.mark.parametrize("form", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("num_lines", [1, 2, 4, 6])
def test_show_works_while_a_run_goes_on_and_does_not_touch_it(
    num_lines: int, form: list[str], folder: Path, gakeras: Gakeras
) -> None:
    run_dir = running(folder, num_lines)
    before = contents(run_dir)
    done = len(finished(run_dir))
    code, out, err = gakeras("show", "run", *form)
    assert (code, err) == (0, "") and contents(run_dir) == before
    assert json.loads(out)["num_evaluations"] == done if form else f"{done} evaluations" in out


def test_show_works_while_another_process_holds_the_run(folder: Path, gakeras: Gakeras) -> None:
    run = create_run(folder / "run", stub_settings(), TABLE)
    with JournalWriter(run.journal):
        assert gakeras("show", "run")[0] == 0
        code, _, err = gakeras("resume", "run")
    assert code == 2 and "one master at a time" in err


def test_show_needs_a_place_to_show(folder: Path) -> None:
    run_stub(folder / "run", max_evaluations=2)
    assert CliRunner().invoke(app, ["show", "run", "--top", "0"]).exit_code == 2


# Resume and export, by the stub


def test_a_run_that_is_being_set_up_is_not_called_damaged(folder: Path, gakeras: Gakeras) -> None:
    (folder / "run").mkdir()
    (folder / "run" / "journal.jsonl").touch()
    code, _, err = gakeras("show", "run")
    assert code == 2 and "A run has begun when" in err


def test_a_finished_run_is_resumed_without_any_work(folder: Path, config: Path, gakeras: Gakeras) -> None:
    gakeras("search", config, "--run-dir", "run", "--no-progress")
    before = contents(folder / "run")
    code, out, _ = gakeras("resume", "run", "--no-progress")
    assert code == 0 and "table_baseline" in out
    assert contents(folder / "run") == before


def test_a_larger_budget_goes_on(folder: Path, config: Path, gakeras: Gakeras) -> None:
    gakeras("search", config, "--run-dir", "run", "--no-progress")
    assert gakeras("resume", "run", "--max-evaluations", 8, "--no-progress")[0] == 0
    assert sorted(finished(folder / "run")) == list(range(8))


def test_export_trains_only_what_is_not_trained(folder: Path, config: Path, gakeras: Gakeras) -> None:
    run_stub(folder / "run", max_evaluations=4)
    assert gakeras("export", "run", "new/a.keras", "--no-progress")[0] == 0
    before = contents(folder / "run")
    assert gakeras("export", "run", "new/b.keras", "--no-progress")[0] == 0
    assert contents(folder / "run") == before and len(records(folder / "run", "trained")) == 1
    names = {"a.keras", "a.keras.md", "b.keras", "b.keras.md"}
    assert {path.name for path in (folder / "new").iterdir()} == names


def test_a_run_of_mpi_ranks_is_exported_where_there_are_none(folder: Path, gakeras: Gakeras) -> None:
    run_stub(folder / "run", max_evaluations=2)
    journal = folder / "run" / "journal.jsonl"
    journal.write_text(journal.read_text().replace('"executor":"serial"', '"executor":"mpi"'))
    assert open_run(folder / "run").settings.workers.executor == "mpi"
    code, _, err = gakeras("export", "run", "a.keras", "--no-progress")
    assert (code, err) == (0, "") and len(records(folder / "run", "trained")) == 1


def test_an_export_is_done_by_the_executor_that_is_asked_for(
    folder: Path, gakeras: Gakeras, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_stub(folder / "run", max_evaluations=2)
    here: list[Any] = []
    monkeypatch.setattr(stub_jobs, "train", lambda payload: here.append(payload))
    gakeras("export", "run", "a.keras", "--executor", "debug", "--no-progress")
    assert here


# From end to end, with Keras

PREDICT = """
import sys
import keras
import numpy as np

run_dir, outputs = sys.argv[1:]
x = np.load(f"{run_dir}/data/x_test.npy")
model = keras.models.load_model(f"{run_dir}/best.keras")
difference = float(np.abs(model.predict(x, verbose=0) - np.load(outputs)).max())
print(difference, keras.backend.backend(), "gakeras" in sys.modules, x.dtype, x.max())
"""


def in_shell(*arguments: object, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done


@pytest.mark.slow
@pytest.mark.parametrize("backend", ["tensorflow", pytest.param("jax", marks=pytest.mark.slow)])
def test_the_smoke_search_runs_from_end_to_end(backend: str, folder: Path) -> None:
    num_evaluations = 6 if backend == "tensorflow" else 3  # XLA compiles each network for long
    fewer = ["--max-evaluations", num_evaluations]

    def gakeras(*arguments: object) -> str:
        return in_shell("-m", "gakeras", *arguments, environment={"KERAS_BACKEND": backend}).stdout

    smoke = shipped_configs()["smoke"]
    printed = gakeras("search", smoke, "--run-dir", "run", "--no-progress", "--workers", 1, *fewer)
    assert "test accuracy, %" in printed and "evolved" in printed and "fashion_baseline" in printed
    header = open_run(folder / "run")
    assert header.settings.backend == backend

    # The model works on raw digits where there is only Keras, and says what it said in the run.
    (outputs,) = (folder / "run" / "models").glob("*.outputs.npy")
    script = write(folder / "elsewhere" / "predict.py", PREDICT)
    plain = {"KERAS_BACKEND": backend, "PYTHONPATH": ""}
    difference, used, is_imported, dtype, largest = (
        in_shell(script, folder / "run", outputs, environment=plain).stdout.splitlines()[-1].split()
    )
    assert float(difference) <= 1e-5
    assert (used, is_imported, dtype, largest) == (backend, "False", "float64", "16.0")

    shown: dict[str, Any] = json.loads(gakeras("show", "run", "--json"))
    assert shown["num_evaluations"] == num_evaluations and shown["statuses"]["ok"] > 0

    before = (folder / "run" / "journal.jsonl").read_bytes()
    assert "fashion_baseline" in gakeras("resume", "run", "--no-progress")
    gakeras("export", "run", "copy.keras")
    assert (folder / "run" / "journal.jsonl").read_bytes() == before
    assert (folder / "copy.keras").read_bytes() == (folder / "run" / "best.keras").read_bytes()
