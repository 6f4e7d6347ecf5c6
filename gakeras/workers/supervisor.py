"""The parent's side of a child process: start it, give it jobs, kill it at the timeout, start it again.

Each thread that calls `run_job` owns one child, warm across jobs. This makes every
executor alike: whichever thread, rank or process it runs a job in, a job that crashes,
hangs or eats all memory ends a child, never the worker.
"""

from __future__ import annotations

import json
import math
import os
import queue
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gakeras.jobs import JobResult
from gakeras.workers.devices import device_environment
from gakeras.workers.place import current_place

_POLL_SECONDS = 0.5
"""How often a worker that waits for its child looks whether its run was stopped from afar."""

_STOPPED = "the run was stopped"

_LAUNCHER_VARIABLES = ("OMPI_", "PMIX_", "PMI_", "PRTE_", "HYDI_", "HYDRA_", "MPIEXEC_")
"""A child that inherits them takes itself for an MPI rank, and the job for broken when it ends."""


@dataclass(frozen=True)
class ChildOptions:
    """How children are run.

    `owner` names the run they belong to. `module` holds the job kinds. `environment` is set
    before the child's first import. A child is restarted after `max_jobs` jobs, if given,
    and ends by itself after `idle_seconds` without one. `workers_per_device` children share
    an accelerator, where a machine has some.
    """

    owner: str
    log_dir: str
    module: str = "gakeras.kinds"
    environment: Mapping[str, str] = field(default_factory=dict)
    max_jobs: int | None = None
    start_seconds: float = 300.0
    idle_seconds: float = 600.0
    workers_per_device: int = 1


def keras_environment(backend: str, threads: int) -> dict[str, str]:
    """Return the environment that fixes a child's Keras backend and its number of threads.

    Set before any import, for threads cannot be changed later; one thread a worker is
    fastest when there is a worker for every core, and float results depend on the number.
    """
    eigen = "true" if threads > 1 else "false"
    number = str(threads)
    return {
        "KERAS_BACKEND": backend,
        "TF_NUM_INTRAOP_THREADS": number,
        "TF_NUM_INTEROP_THREADS": number,
        "OMP_NUM_THREADS": number,
        "OPENBLAS_NUM_THREADS": number,
        "MKL_NUM_THREADS": number,
        "NPROC": number,  # jaxlib sizes its CPU thread pool by it
        "XLA_FLAGS": f"{os.environ.get('XLA_FLAGS', '')} --xla_cpu_multi_thread_eigen={eigen}".strip(),
        "TF_CPP_MIN_LOG_LEVEL": os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2"),
    }


def run_job(
    job: Mapping[str, Any],
    options: Mapping[str, Any],
    timeout_seconds: float | None,
    stop_file: str | None = None,
) -> dict[str, Any]:
    """Do a job in this thread's child and return its `JobResult` as JSON values. Never raises.

    Args:
        job: A `Job` as JSON values; the workers that it names in `avoid` decline it.
        options: `ChildOptions` as JSON values.
        timeout_seconds: Longest time for the job itself; starting the child is not counted.
        stop_file: A path; when a file appears there, the child is killed and the job has died.
            So a master stops workers on other machines, with nothing but the run directory.
    """
    if current_place().name in job.get("avoid", ()):
        return _result(job, status="declined").to_json()
    wanted = ChildOptions(**options)
    child: _Child | None = getattr(_this_thread, "child", None)
    if child is None or child.options != wanted or not child.is_alive or child.is_worn_out:
        if child is not None:
            child.close()
        child = _this_thread.child = _Child(wanted)
    return child.run(job, timeout_seconds, stop_file).to_json()


def stop_children(owner: str) -> None:
    """Kill every child of a run in this process; jobs they were at end as `died`, later ones are refused."""
    with _lock:
        _stopped.add(owner)
        children = [child for child in _children if child.options.owner == owner]
    for child in children:
        child.close()


def allow_children(owner: str) -> None:
    """Let a run that was stopped in this process start children again."""
    with _lock:
        _stopped.discard(owner)


_this_thread = threading.local()
_lock = threading.Lock()
_children: set[_Child] = set()
_stopped: set[str] = set()


class _Child:
    def __init__(self, options: ChildOptions) -> None:
        self.options = options
        self.num_jobs = 0
        self.lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process: subprocess.Popen[str] | None = None

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def is_worn_out(self) -> bool:
        return self.options.max_jobs is not None and self.num_jobs >= self.options.max_jobs

    def run(self, job: Mapping[str, Any], timeout_seconds: float | None, stop_file: str | None) -> JobResult:
        start = time.time()
        failure = self._start(stop_file) if self.process is None else None
        if failure is None:
            self.num_jobs += 1
            start = time.time()
            self._send(job)
            reply = self._receive(timeout_seconds, stop_file)
            if isinstance(reply, dict):
                return _result(job, **reply)
            failure = reply
        status, reason = failure
        self.close()
        return _result(job, status=status, reason=reason, start=start, end=time.time())

    def _start(self, stop_file: str | None) -> tuple[str, str] | None:
        worker = current_place().name.replace("/", "-").replace(" ", "")
        log = Path(self.options.log_dir) / f"{socket.gethostname()}-{worker}.log"
        try:
            process = self._open(log)
        except OSError as error:
            return "unstarted", f"the worker process on {socket.gethostname()} cannot be started: {error}"
        if process is None:
            return "died", _STOPPED
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        reply = self._receive(self.options.start_seconds, stop_file)
        if isinstance(reply, dict):
            return None
        _, reason = reply
        if reason == _STOPPED or self.options.owner in _stopped:
            return "died", _STOPPED
        return "unstarted", f"the worker process did not start, its log is {log} ({reason})"

    def _open(self, log: Path) -> subprocess.Popen[str] | None:
        """Start the process; return None where the run was stopped meanwhile."""
        log.parent.mkdir(parents=True, exist_ok=True)
        arguments = [self.options.module, str(self.options.idle_seconds)]
        with _lock, log.open("ab") as stderr:
            if self.options.owner in _stopped:
                return None
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gakeras.workers.child", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=_environment(self.options),
                start_new_session=True,  # Ctrl-C in the terminal is the master's alone
            )
            _children.add(self)
            return self.process

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        with process.stdout as replies:
            for line in replies:
                self.lines.put(line)
        self.lines.put(None)

    def _send(self, job: Mapping[str, Any]) -> None:
        assert self.process is not None and self.process.stdin is not None
        request = json.dumps(job) + "\n"
        with suppress(BrokenPipeError, ValueError):  # gone, or closed: noticed when it is read from
            self.process.stdin.write(request)
            self.process.stdin.flush()

    def _receive(
        self, timeout_seconds: float | None, stop_file: str | None
    ) -> dict[str, Any] | tuple[str, str]:
        deadline = math.inf if timeout_seconds is None else time.monotonic() + timeout_seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            try:
                line = self.lines.get(timeout=min(left, _POLL_SECONDS))
            except queue.Empty:
                if left == 0.0:
                    return "timeout", f"stopped after {timeout_seconds:g} seconds"
                if stop_file is not None and os.path.exists(stop_file):
                    return "died", _STOPPED
                continue
            if line is None:
                return "died", f"the worker process ended, exit status {self._exit_status()}"
            with suppress(json.JSONDecodeError):  # something printed before the child took its output away
                reply: dict[str, Any] = json.loads(line)
                return reply

    def _exit_status(self) -> int | None:
        assert self.process is not None
        with suppress(subprocess.TimeoutExpired):
            return self.process.wait(timeout=10)
        return None

    def close(self) -> None:
        """Kill the process and forget it."""
        with _lock:
            _children.discard(self)
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            assert self.process.stdin is not None
            with suppress(BrokenPipeError):  # half a request may be waiting to be written
                self.process.stdin.close()


def _environment(options: ChildOptions) -> dict[str, str]:
    package_root = str(Path(__file__).parents[2])
    path = os.pathsep.join(filter(None, [package_root, os.environ.get("PYTHONPATH")]))
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_LAUNCHER_VARIABLES)
    }
    device = device_environment(current_place().local_index, options.workers_per_device, inherited)
    return {**inherited, **device, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **options.environment}


def _result(job: Mapping[str, Any], **answer: Any) -> JobResult:
    memory = answer.pop("memory_bytes", None)
    measures = dict(answer.pop("measures", {})) | ({} if memory is None else {"memory_bytes": memory})
    worker, host = current_place().name, socket.gethostname()
    return JobResult(job_id=job["id"], worker=worker, host=host, measures=measures, **answer)


def options_to_json(options: ChildOptions) -> dict[str, Any]:
    """Return the options as plain JSON values, as `run_job` takes them."""
    return asdict(options)
