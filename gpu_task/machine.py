"""What a task ran on, as far as it came to know before it ended."""

import resource
import sys
from dataclasses import dataclass


@dataclass
class Machine:
    device: str = ""
    peak_memory_bytes: int = 0


def process_peak_bytes() -> int:
    """The process's largest resident size; Linux counts it in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
