"""What PyTorch runs on here, and how it is named in results."""

import os

import torch

from gpu_task.environment import DEVICE_INDEX_VARIABLE
from gpu_task.failures import HopelessError
from gpu_task.machine import process_peak_bytes


class TooFewGpusError(HopelessError):
    """A task is to have more workers than the machine has GPUs."""


def best_device() -> torch.device:
    """The GPU that is this process's own, made the current one; the CPU where the machine has no GPU.

    Raises:
        TooFewGpusError: this process is a worker, and there is no GPU left for it.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    index, count = int(os.environ.get(DEVICE_INDEX_VARIABLE, "0")), torch.cuda.device_count()
    if index >= count:
        raise TooFewGpusError(
            f"worker {index + 1} has no GPU: this machine has {count}; set WORKERS_PER_TASK to {count} at most"
        )
    torch.cuda.set_device(index)  # streams, events and pinned memory are the current device's
    return torch.device("cuda", index)


def describe(device: torch.device, dtype: torch.dtype = torch.float32) -> str:
    """For the record: `cpu (4 threads), bfloat16`."""
    number = dtype_name(dtype)
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)}), {number}"
    return f"cpu ({torch.get_num_threads()} threads), {number}"


def dtype_name(dtype: torch.dtype) -> str:
    """`bfloat16`"""
    return str(dtype).removeprefix("torch.")


def peak_memory_bytes(device: torch.device) -> int:
    """Of the GPU's memory if there is one, else of the process."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else process_peak_bytes()
