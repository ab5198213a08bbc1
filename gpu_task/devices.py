"""What PyTorch runs on here, and how it is named in results."""

import torch

from gpu_task.machine import process_peak_bytes


def best_device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def describe(device: torch.device) -> str:
    if device.type == "cuda":
        return f"cuda ({torch.cuda.get_device_name(device)}), float32"
    return f"cpu ({torch.get_num_threads()} threads), float32"


def peak_memory_bytes(device: torch.device) -> int:
    """Of the GPU's memory if there is one, else of the process."""
    return torch.cuda.max_memory_allocated(device) if device.type == "cuda" else process_peak_bytes()
