"""The machine that figures were taken on, and whether it is free to take any."""

import os
import platform
from pathlib import Path

import torch

# Instructions that change how fast a network runs on a CPU, by Linux's names in /proc/cpuinfo.
FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_bf16", "amx_int8", "asimd", "bf16", "sve")
# Waiting processes for each core above which ratios mislead.
IDLE_LOAD = 0.25


def describe() -> dict[str, str | int]:
    """Processor and its instructions, cores, memory in GiB, GPU, and the versions that matter."""
    return {
        "processor": _processor(),
        "cpu_flags": " ".join(flag for flag in FLAGS if flag in _cpu_info("flags", "Features").split()) or "unknown",
        "cores": os.process_cpu_count() or 1,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30),
        "gpu": _gpu(),
        "os": _system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def busy() -> str | None:
    """Why figures taken now would mislead; None when the machine is idle. By the load of the last minute."""
    load, cores = os.getloadavg()[0], os.process_cpu_count() or 1
    if load <= IDLE_LOAD * cores:
        return None
    return f"load average {load:.1f} on {cores} cores: something else is running, so the ratios will mislead"


def _processor() -> str:
    return _cpu_info("model name") or platform.processor() or platform.machine()


def _cpu_info(*keys: str) -> str:
    """The value of the first of `keys` that /proc/cpuinfo has; empty without one (macOS has no such file)."""
    info = Path("/proc/cpuinfo")
    for line in info.read_text().splitlines() if info.exists() else ():
        key, _, value = line.partition(":")
        if key.strip() in keys:
            return value.strip()
    return ""


def _gpu() -> str:
    if not torch.cuda.is_available():
        return "none"
    gpu = torch.cuda.get_device_properties(0)
    count = torch.cuda.device_count()
    name = f"{gpu.name}, {round(gpu.total_memory / 2**30)} GiB, CUDA {torch.version.cuda}"
    return name if count == 1 else f"{count} x {name}"


def _system() -> str:
    if platform.system() == "Linux":
        release = platform.freedesktop_os_release() if Path("/etc/os-release").exists() else {}
        return f"{release.get('PRETTY_NAME', 'Linux')}, kernel {platform.release()}"
    return platform.platform()
