"""The child process that does the work: `python -m gakeras.workers.child MODULE IDLE_SECONDS`.

Reads one JSON request a line from standard input and answers each with one JSON line on
what was standard output when it started. Everything that is printed later goes to standard
error, a log file. It ends when its input ends, even in the middle of a job: that is how it
notices that its parent is gone, however it went.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import queue
import resource
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from gakeras.jobs import JobFailed

READY = {"ready": True}
STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGUSR1")


def main(module: str, idle_seconds: str) -> None:
    """Serve requests until the input ends, or none has come for `idle_seconds`."""
    for name in STOP_SIGNALS:  # they are the master's to handle
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    kinds = importlib.import_module(module)
    requests = _read_requests()
    kinds.warm_up()
    gc.collect()
    gc.freeze()  # what is imported stays: collections after every job need not look through it
    _send(replies, READY)
    while True:
        try:
            request = requests.get(timeout=float(idle_seconds))
        except queue.Empty:
            return
        _send(replies, answer(request, kinds.KINDS))


def answer(request: Mapping[str, Any], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Do one job and return its answer; whatever the job raises becomes a status and a reason."""
    start, cpu = time.time(), time.process_time()
    answer: dict[str, Any] = {"status": "ok", "reason": None, "measures": {}, "artifacts": {}}
    try:
        answer |= _resolve(kinds[request["kind"]])(request["payload"])
        json.dumps(answer, allow_nan=False)
    except KeyboardInterrupt:  # in debug mode the user's; a child ignores the signal
        raise
    except BaseException as error:  # a job must not end the worker, not even by sys.exit
        traceback.print_exc()
        reason = str(error) if isinstance(error, JobFailed) else f"{type(error).__name__}: {error}"
        measures = _measured_by(error)
        answer |= {"status": "error", "reason": reason[:2000], "measures": measures, "artifacts": {}}
    return answer | {
        "start": start,
        "end": time.time(),
        "cpu_seconds": time.process_time() - cpu,
        "memory_bytes": _resident_bytes(),
    }


def _measured_by(error: BaseException) -> Mapping[str, Any]:
    """Return what a job had measured when it gave up; nothing where that is not plain JSON."""
    measures = error.measures if isinstance(error, JobFailed) else {}
    try:
        json.dumps(measures, allow_nan=False)
    except (TypeError, ValueError):
        return {}
    return measures


def _resolve(path: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    module, _, name = path.partition(":")
    function: Callable[[Mapping[str, Any]], dict[str, Any]] = getattr(importlib.import_module(module), name)
    return function


def _read_requests() -> queue.SimpleQueue[Any]:
    requests: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            requests.put(json.loads(line))
        os._exit(0)

    threading.Thread(target=read, daemon=True).start()
    return requests


def _send(replies: TextIO, message: Mapping[str, Any]) -> None:
    replies.write(json.dumps(message) + "\n")
    replies.flush()


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * resource.getpagesize()
    except OSError:  # not Linux: the peak has to do
        scale = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale


if __name__ == "__main__":
    main(*sys.argv[1:])
