"""An MP4's frames by its index alone. Of the pictures themselves not a byte is read, so that a film of many gigabytes
is checked in seconds, wherever it lies."""

import os
from fractions import Fraction
from pathlib import Path

from media.errors import TruncatedMedia, UnsupportedMedia
from media.packets import video_packets
from media.source import ReadableFile, Source, name_of, open_source, video_stream

_HEADER = 8  # bytes: a box's size and its type; a size of 1 says that the real one follows, as 64 bits
# libav decodes a frame of whatever it opens, unless it may not.
NO_DECODER = {"codec_whitelist": "none"}


def index_of(source: Source) -> tuple[Fraction, list[int]]:
    """(time base, sorted pts of every frame that is shown).

    Raises:
        UnsupportedMedia: no MP4 whose index comes before the pictures.
        TruncatedMedia: it ends before its pictures do.
    """
    if isinstance(source, str | Path):
        with Path(source).open("rb") as file:
            return _index_of(file, name_of(source))
    return _index_of(source, name_of(source))


def _index_of(file: ReadableFile, name: str) -> tuple[Fraction, list[int]]:
    with open_source(_WithoutPictures(file, name), NO_DECODER) as container:
        stream = video_stream(container, name)
        found = [packet.pts for packet in video_packets(container, stream) if not packet.is_discard]
        base = Fraction(stream.time_base.numerator, stream.time_base.denominator)
    pts = [value for value in found if value is not None]
    if len(pts) != len(found):
        raise UnsupportedMedia(f"{name}: packets without a pts")
    return base, sorted(pts)


class _WithoutPictures:
    """`file` with zeros where its media data is. libav takes times and sizes from the index and looks no further."""

    def __init__(self, file: ReadableFile, name: str) -> None:
        self._file = file
        self.name = name
        self._size = file.seek(0, os.SEEK_END)
        self._pictures = self._find_pictures()
        self._position = 0

    def read(self, size: int = -1, /) -> bytes:
        end = self._size if size < 0 else min(self._size, self._position + size)
        if self._position >= self._pictures:
            data = bytes(max(0, end - self._position))
        else:
            data = self._read_at(self._position, min(end, self._pictures) - self._position)
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._position = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self._size}[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def _find_pictures(self) -> int:
        """Where the content of the box `mdat` begins, which must be the last and come after the index, `moov`."""
        position, seen = 0, set[bytes]()
        while position + _HEADER <= self._size:
            header = self._read_at(position, 2 * _HEADER)
            kind, length, begin = header[4:8], int.from_bytes(header[:4]), _HEADER
            if length == 1:
                length, begin = int.from_bytes(header[8:16]), 2 * _HEADER
            if kind == b"mdat":
                if b"moov" not in seen:
                    break
                self._require_end(position + length)
                return position + begin
            if length < begin:
                break
            seen.add(kind)
            position += length
        raise UnsupportedMedia(f"{self.name}: not an MP4 whose index comes before the pictures")

    def _require_end(self, end: int) -> None:
        if end != self._size:
            raise TruncatedMedia(f"{self.name}: {self._size:,} bytes, but its pictures end at byte {end:,}")

    def _read_at(self, position: int, size: int) -> bytes:
        self._file.seek(position)
        data = b""
        while len(data) < size and (part := self._file.read(size - len(data))):
            data += part
        return data
