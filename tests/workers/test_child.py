"""Laws of the child process: it speaks lines of JSON, and it never outlives its parent."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
from stub_runs import has_lines, is_running, wait_until

pytestmark = pytest.mark.usefixtures("stub_jobs")

PARENT = """
import sys
from gakeras.workers import ChildOptions, run_job
from gakeras.workers.supervisor import options_to_json
log, how = sys.argv[1:]
options = options_to_json(ChildOptions("a run", log + ".workers", "stub_jobs"))
run_job({"id": "0", "kind": "tell", "payload": {"log": log}}, options, None)
if how == "in a job":
    run_job({"id": "1", "kind": "tell", "payload": {"log": log, "seconds": 3600}}, options, None)
if how == "in a busy job":
    run_job({"id": "1", "kind": "once", "payload": {"log": log, "how": "busy", "times": 9}}, options, None)
sys.stdin.read()
"""


def child(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gakeras.workers.child", "stub_jobs", *(arguments or ("600",))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def request(payload: dict[str, Any], kind: str = "tell") -> str:
    return json.dumps({"id": "0", "kind": kind, "payload": payload}) + "\n"


def test_standard_output_is_json_alone_whatever_a_job_prints() -> None:
    with child() as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(request({"how": "raises"}, "fault") + request({"echo": 1}))
        process.stdin.flush()
        messages = [json.loads(process.stdout.readline()) for _ in range(3)]
        process.stdin.close()
        assert process.stdout.read() == ""
    assert messages[0] == {"ready": True}
    assert [message["status"] for message in messages[1:]] == ["error", "ok"]


def test_collections_need_not_look_through_what_was_imported() -> None:
    with child() as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(request({}))
        process.stdin.flush()
        answers = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
    assert answers[1]["measures"]["frozen"] > 1000


def test_a_child_ends_well_when_its_input_ends() -> None:
    with child() as process:
        assert process.stdin is not None and process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"ready": True}
        process.stdin.close()
        assert process.wait(timeout=20) == 0


def test_a_child_ends_well_when_it_was_idle_for_long() -> None:
    with child("0.1") as process:
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("state", ["idle", "in a job", "in a busy job"])
def test_no_child_outlives_its_killed_parent(state: str, tmp_path: Path) -> None:
    log = tmp_path / "log"
    lines = 1 if state == "idle" else 2
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(log), state], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        wait_until(lambda: has_lines(log, lines))
        pid = int(log.read_text().split()[0])
        assert psutil.Process(pid).ppid() == parent.pid
        os.kill(parent.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(pid), seconds=5)
