"""Memory that a worker process shares with its parent: frames pass through it, and nothing but its number is sent."""

import mmap
import os
import tempfile

import numpy as np
from numpy.typing import NDArray


def shared_memory() -> int:
    """A file descriptor of memory without a name, for a child process to inherit. It goes when both have closed it,
    however they end.

    Not /dev/shm, of which a container has 64 MB unless its host says otherwise; writing beyond kills the process.
    """
    if hasattr(os, "memfd_create"):
        return os.memfd_create("atelier-frames")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def slots_in(memory: int, shape: tuple[int, int, int, int, int]) -> NDArray[np.uint8]:
    """`memory` as batches, uint8 [slots, B, H, W, 3]; it is enlarged to hold them."""
    size = int(np.prod(shape))
    if os.fstat(memory).st_size < size:
        os.ftruncate(memory, size)
    return np.frombuffer(mmap.mmap(memory, size), np.uint8).reshape(shape)
