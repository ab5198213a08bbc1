import pytest
import torch

from gpu_task import devices
from gpu_task.environment import DEVICE_INDEX_VARIABLE

pytestmark = pytest.mark.timeout(60)


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int) -> list[int]:
    """This machine with so many GPUs; what is returned lists those that were made the current one."""
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    return current


def test_a_worker_takes_the_gpu_of_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    current = machine(monkeypatch, 4)
    monkeypatch.setenv(DEVICE_INDEX_VARIABLE, "2")

    assert devices.best_device() == torch.device("cuda", 2)
    assert current == [2]


def test_a_process_that_is_no_worker_takes_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 4)
    monkeypatch.delenv(DEVICE_INDEX_VARIABLE, raising=False)

    assert devices.best_device() == torch.device("cuda", 0)


def test_more_workers_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 2)
    monkeypatch.setenv(DEVICE_INDEX_VARIABLE, "2")

    with pytest.raises(devices.TooFewGpusError, match="worker 3 has no GPU: this machine has 2; set WORKERS_PER_TASK"):
        devices.best_device()


def test_without_gpus_workers_share_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, 0)
    monkeypatch.setenv(DEVICE_INDEX_VARIABLE, "5")

    assert devices.best_device() == torch.device("cpu")
