"""The machine that figures were taken on."""

import os
import platform
from pathlib import Path

import torch


def describe() -> dict[str, str | int]:
    """Processor, cores, memory in GiB, and the versions that matter."""
    return {
        "processor": _processor(),
        "cores": os.process_cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())
