"""Laws of the journal: what was appended is there, what was torn is not, and damage is never read over."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gakeras.config import settings_from
from gakeras.errors import InputError, JournalError
from gakeras.journal import JournalWriter, read_journal
from gakeras.replay import replay

HEADER = {"type": "header", "schema": 1}
LINES: list[dict[str, Any]] = [{"type": "note", "n": n, "text": "ü\n\u2028"} for n in range(3)]
ASSETS = Path(__file__).parent / "assets"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A journal of a header and three records."""
    path = tmp_path / "journal.jsonl"
    with JournalWriter(path) as journal:
        journal.append([HEADER])
        journal.append(LINES)
    return path


def append(path: Path, *records: Any) -> None:
    with JournalWriter(path) as journal:
        journal.append(records)


# Writing


def test_what_was_appended_is_read_in_its_order(path: Path) -> None:
    journal = read_journal(path)
    assert (journal.header, list(journal.records)) == (HEADER, LINES)
    assert journal.intact_bytes == path.stat().st_size


def test_records_are_on_disk_when_append_returns_by_one_sync_a_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, synced = tmp_path / "journal.jsonl", []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(path.read_bytes().count(b"\n"))

    monkeypatch.setattr(os, "fsync", note)
    with JournalWriter(path) as journal:
        journal.append([HEADER])
        journal.append(LINES)
        journal.append([])
        journal.append(iter(LINES[:1]))
    assert synced == [1, 4, 5]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")], ids=str)
def test_what_is_not_json_is_refused_and_nothing_of_its_group_is_written(path: Path, value: float) -> None:
    before = path.read_bytes()
    with JournalWriter(path) as journal, pytest.raises(ValueError, match="JSON compliant"):
        journal.append([{"type": "note"}, {"type": "note", "measures": {"loss": [value]}}])
    assert path.read_bytes() == before


# Damage


def test_a_last_line_torn_anywhere_is_left_out_and_cut_off_on_reopening(path: Path) -> None:
    whole = path.read_bytes()
    end_of_last_but_one = whole.rstrip(b"\n").rindex(b"\n") + 1
    for length in range(end_of_last_but_one, len(whole)):
        path.write_bytes(whole[:length])
        journal = read_journal(path)
        assert list(journal.records) == LINES[:2] and journal.intact_bytes == end_of_last_but_one
        append(path, {"type": "note", "n": "new"})
        assert list(read_journal(path).records) == [*LINES[:2], {"type": "note", "n": "new"}]


def test_reading_changes_nothing(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"type": "to')
    before = path.read_bytes()
    read_journal(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda line: line[:-2], id="cut short"),
        pytest.param(lambda line: b"", id="empty"),
        pytest.param(lambda line: b"\x00" * len(line), id="zeros"),
        pytest.param(lambda line: line.replace(b"type", b"\xff\xfe"), id="not text"),
        pytest.param(lambda line: b'{"type":"note","loss":NaN}', id="NaN"),
        pytest.param(lambda line: b"[1,2]", id="a list"),
        pytest.param(lambda line: b"{}", id="without a type"),
        pytest.param(lambda line: line + line, id="two in one"),
    ],
)
def test_damage_before_the_last_line_is_an_error_with_its_number(
    path: Path, number: int, spoil: Callable[[bytes], bytes]
) -> None:
    lines = path.read_bytes().splitlines()
    lines[number - 1] = spoil(lines[number - 1])
    path.write_bytes(b"\n".join(lines) + b"\n")
    with pytest.raises(JournalError, match=rf"journal\.jsonl, line {number}: "):
        read_journal(path)
    with pytest.raises(JournalError, match=rf"line {number}: "):
        append(path, {"type": "note"})
    path.write_bytes(b'{"type":"header","schema":1}\n')
    append(path, {"type": "note"})  # the lock was let go


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(None, "There is no journal", id="missing"),
        pytest.param("", "is empty", id="empty"),
        pytest.param('{"type":"hea', "is empty", id="torn header"),
        pytest.param('{"type":"note"}\n', "line 1: expected the header", id="no header"),
        pytest.param('{"type":"header","schema":99}\n', "schema 1, received .*schema=99", id="later schema"),
    ],
)
def test_a_file_without_a_header_that_can_be_read_is_no_journal(
    tmp_path: Path, text: str | None, message: str
) -> None:
    path = tmp_path / "journal.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(JournalError, match=message):
        read_journal(path)


@pytest.mark.parametrize("text", ["", '{"type":"header","sch'], ids=["empty", "torn header"])
def test_a_journal_that_came_to_nothing_is_begun_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_text(text)
    append(path, HEADER)
    assert read_journal(path).header == HEADER


# Later and earlier versions


def test_fields_and_records_that_are_not_known_are_kept(tmp_path: Path) -> None:
    header = HEADER | {"added_later": {"a": None}}
    later = {"type": "invented later", "number": 5}
    path = tmp_path / "journal.jsonl"
    append(path, header, later)
    journal = read_journal(path)
    assert (journal.header, journal.records) == (header, (later,))


def test_records_and_fields_that_are_not_known_change_nothing_of_what_a_run_comes_to(tmp_path: Path) -> None:
    lines = (ASSETS / "journal_v1.jsonl").read_text().splitlines()
    header, *rest = [json.loads(line) | {"added_later": [1]} for line in lines]
    path = tmp_path / "journal.jsonl"
    append(path, header, {"type": "invented later"}, *rest)
    past = replay(read_journal(path), settings_from(header["settings"]))
    assert (past.state.num_evaluated, best_of(past)) == (14, 8)


def test_a_journal_of_schema_1_still_reads() -> None:
    journal = read_journal(ASSETS / "journal_v1.jsonl")
    settings = settings_from(journal.header["settings"])
    past = replay(journal, settings)
    assert settings.workers.job_module == "stub_jobs"
    assert past.statuses == {"ok": 11, "error": 2, "died": 1, "oversized": 2}
    assert (past.state.num_proposed, past.state.num_evaluated, len(past.evaluated)) == (16, 14, 11)
    assert not past.state.in_flight and len(past.trainings) == 2
    assert best_of(past) == 8
    assert [individual.id for individual in past.state.population] == [8, 10, 7, 13]


def best_of(past: Any) -> int:
    return int(min(past.evaluated, key=lambda individual: individual.loss).id)


# One master


def test_a_second_writer_is_refused_until_the_first_is_done(path: Path) -> None:
    with JournalWriter(path):
        with pytest.raises(InputError, match="one master at a time.*which is locked"):
            append(path, {"type": "note"})
        read_journal(path)
    append(path, {"type": "note"})


HOLDER = """
import sys, time
from pathlib import Path
from gakeras.journal import JournalWriter
with JournalWriter(Path(sys.argv[1])):
    print("locked", flush=True)
    time.sleep(3600)
"""


def test_the_lock_is_gone_when_its_process_was_killed(path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None and holder.stdout.readline() == b"locked\n"
        with pytest.raises(InputError, match="one master"):
            append(path, {"type": "note"})
        os.kill(holder.pid, signal.SIGKILL)
    append(path, {"type": "note"})
