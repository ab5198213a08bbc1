"""What a task ran on, as far as it came to know before it ended."""

from dataclasses import dataclass


@dataclass
class Machine:
    device: str = ""
    peak_memory_bytes: int = 0
