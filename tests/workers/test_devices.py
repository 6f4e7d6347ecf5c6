"""Laws of devices: each worker sees its own, decided by the environment alone."""

from __future__ import annotations

import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gakeras.jobs import JobResult
from gakeras.workers import ChildOptions, run_job, stop_children
from gakeras.workers.devices import _count_listed, device_environment, visible_devices
from gakeras.workers.place import Place, current_place, take_place
from gakeras.workers.supervisor import options_to_json


def devices_of(num_workers: int, workers_per_device: int, visible: str) -> list[str]:
    environ = {"CUDA_VISIBLE_DEVICES": visible}
    return [
        device_environment(index, workers_per_device, environ)["CUDA_VISIBLE_DEVICES"]
        for index in range(num_workers)
    ]


def test_workers_of_a_machine_get_one_device_each_and_start_again_when_they_are_used_up() -> None:
    assert devices_of(5, 1, "0,1,2") == ["0", "1", "2", "0", "1"]
    assert devices_of(5, 1, "GPU-a,MIG-b") == ["GPU-a", "MIG-b", "GPU-a", "MIG-b", "GPU-a"]


def test_devices_are_shared_by_as_many_workers_as_asked() -> None:
    assert devices_of(6, 2, "4,7") == ["4", "4", "7", "7", "4", "4"]


@pytest.mark.parametrize("variable", ["CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"])
def test_the_variable_that_chooses_is_the_one_that_was_set(variable: str) -> None:
    assert device_environment(1, 1, {variable: "2,5"})[variable] == "5"


@pytest.mark.parametrize("visible", ["3", "GPU-a"])
def test_a_single_device_that_was_given_is_kept(visible: str) -> None:
    chosen = device_environment(4, 1, {"CUDA_VISIBLE_DEVICES": visible})
    assert "CUDA_VISIBLE_DEVICES" not in chosen and chosen["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"


def test_a_worker_whose_number_is_not_known_keeps_what_it_sees() -> None:
    assert "CUDA_VISIBLE_DEVICES" not in device_environment(None, 1, {"CUDA_VISIBLE_DEVICES": "0,1"})


@pytest.mark.parametrize("visible", ["", "-1", " ", "NoDevFiles", "-1,0"])
def test_where_no_device_is_visible_none_is_chosen(visible: str) -> None:
    assert device_environment(0, 1, {"CUDA_VISIBLE_DEVICES": visible}) == {}


def test_without_a_choice_the_vendors_tool_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'GPU 0: H200 (UUID: GPU-1)'\necho 'GPU 1: H200 (UUID: GPU-2)'\n")
    tool.chmod(tool.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    _count_listed.cache_clear()
    try:
        assert visible_devices({}) == ("CUDA_VISIBLE_DEVICES", ["0", "1"])
    finally:
        _count_listed.cache_clear()


# Places


def test_threads_of_a_pool_are_numbered() -> None:
    with ThreadPoolExecutor(1, thread_name_prefix="worker") as pool:
        assert pool.submit(current_place).result() == Place("MainProcess/worker_0", 0)


def test_a_process_that_was_told_its_place_keeps_it_in_every_thread() -> None:
    take_place(Place("rank 3", 2))
    try:
        assert current_place() == Place("rank 3", 2)
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(current_place).result() == Place("rank 3", 2)
    finally:
        take_place(None)


@pytest.mark.usefixtures("stub_jobs")
def test_workers_of_this_machine_share_its_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,6")
    options = options_to_json(ChildOptions(str(tmp_path), str(tmp_path / "workers"), "stub_jobs"))
    both_running = threading.Barrier(2, timeout=60)

    def work(number: int) -> str:
        both_running.wait()
        payload = {"environment": ["CUDA_VISIBLE_DEVICES"]}
        result = run_job({"id": str(number), "kind": "tell", "payload": payload}, options, 60.0)
        return str(JobResult.from_json(result).measures["environment"]["CUDA_VISIBLE_DEVICES"])

    try:
        with ThreadPoolExecutor(2, thread_name_prefix="worker") as pool:
            assert sorted(pool.map(work, range(2))) == ["5", "6"]
    finally:
        stop_children(str(tmp_path))
