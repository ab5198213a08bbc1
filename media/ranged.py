"""A seekable file over ranged reads, for objects in a store: libav sees a file, never a URL."""

from collections import OrderedDict
from collections.abc import Callable
from os import SEEK_CUR, SEEK_END, SEEK_SET
from time import perf_counter
from types import TracebackType
from typing import Self

# Blocks kept: audio and video of one file are interleaved, but an index at the end, the place being read and the
# place sought from are three.
_KEEP = 8
# A sequential reader (a probe, a stitch) is given up to this many blocks per request: 1.4 GB took 12.2 s at 1 MiB a
# request against 3.5 s read in one stream. A reader that jumps about never gets there.
_MAX_READ_AHEAD = 8


class RangedReader:
    """Read-only file over `read_range(offset, length) -> bytes`.

    Reads whole aligned blocks (1 MiB: 7.4 MB fetched for 150 frames of 1080p, against 12-32 MB by libav over HTTP),
    keeps the last few, and joins neighbours into one request. What `read_range` raises surfaces as itself, also
    through libav (see `media.source`). Not thread-safe.

    Attributes:
        bytes_read: fetched so far. requests: calls of `read_range`. seconds: spent in them.
    """

    def __init__(
        self,
        read_range: Callable[[int, int], bytes],
        size: int,
        block_size: int = 1 << 20,
        *,
        name: str = "input",
    ) -> None:
        if size < 0 or block_size < 1:
            raise ValueError(f"size: {size}, block_size: {block_size}; size cannot be negative, a block not empty")
        self.name = name
        self.size = size
        self.bytes_read = 0
        self.requests = 0
        self.seconds = 0.0
        self.closed = False
        self._read_range = read_range
        self._block_size = block_size
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._position = 0
        self._next_block = 0  # the block after the last one fetched: fetching it means reading on
        self._streak = 0

    def again(self) -> "RangedReader":
        """Another reader of the same object, for another thread; `read_range` must be fit for that."""
        return RangedReader(self._read_range, self.size, self._block_size, name=self.name)

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes from the current position; all the rest if negative; empty at the end."""
        if self.closed:
            raise ValueError(f"{self.name}: read from a closed RangedReader")
        end = self.size if size < 0 else min(self.size, self._position + size)
        parts: list[bytes] = []
        while self._position < end:
            number, offset = divmod(self._position, self._block_size)
            block = self._block(number, (end - 1) // self._block_size)
            part = block[offset : offset + end - self._position]
            parts.append(part)
            self._position += len(part)
        return b"".join(parts)

    def seek(self, offset: int, whence: int = SEEK_SET, /) -> int:
        base = {SEEK_SET: 0, SEEK_CUR: self._position, SEEK_END: self.size}[whence]
        if base + offset < 0:
            raise ValueError(f"{self.name}: seek to {base + offset}, before the start")
        self._position = base + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False

    def close(self) -> None:
        self.closed = True
        self._blocks.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _block(self, number: int, last_needed: int) -> bytes:
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        self._streak = self._streak + 1 if number == self._next_block else 0
        read_ahead = min(_MAX_READ_AHEAD, max(1, self._streak // 2))
        count = min(max(last_needed - number + 1, read_ahead), _MAX_READ_AHEAD)
        for ahead in range(1, count):
            if number + ahead in self._blocks:
                count = ahead
                break
        self._fetch(number, count)
        return self._blocks[number]

    def _fetch(self, number: int, count: int) -> None:
        offset = number * self._block_size
        length = min(count * self._block_size, self.size - offset)
        began = perf_counter()
        data = self._read_range(offset, length)
        self.seconds += perf_counter() - began
        self.requests += 1
        self.bytes_read += len(data)
        if len(data) != length:
            raise OSError(f"{self.name}: asked for {length} bytes at {offset}, got {len(data)}")
        for start in range(0, length, self._block_size):
            self._blocks[number + start // self._block_size] = data[start : start + self._block_size]
        self._next_block = number + -(-length // self._block_size)
        while len(self._blocks) > max(_KEEP, count):
            self._blocks.popitem(last=False)
