"""Opening an input: a path, or a seekable file-like. Never a URL, which libav would repeat in its errors."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, cast

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from media.errors import MediaError, UnsupportedMedia


class ReadableFile(Protocol):
    """A seekable binary file: what `open(path, "rb")`, `io.BytesIO` and `RangedReader` are."""

    def read(self, size: int = -1, /) -> bytes: ...
    def seek(self, offset: int, whence: int = 0, /) -> int: ...
    def tell(self) -> int: ...


type Source = str | Path | ReadableFile

# Containers of video, and of audio alone (so that those are told apart from noise). Playlists and concatenation
# scripts (hls, dash, concat, image2, ...) are left out on purpose: an uploaded one would make libav open other files.
CONTAINERS = (
    *("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "gif", "apng", "flv", "asf", "ogg", "mxf", "nut", "dv"),
    *("h264", "hevc", "m4v", "mjpeg", "ivf", "obu", "av1", "vc1", "yuv4mpegpipe", "rm", "gxf", "wtv"),
    *("mp3", "aac", "flac", "wav", "aiff", "ac3", "eac3", "caf", "amr", "w64"),
)
_OPEN_OPTIONS = {"format_whitelist": ",".join(CONTAINERS), "protocol_whitelist": "file"}

# One call into Python per 256 KiB; libav's default of 32 KiB means eight times as many (see RangedReader for the
# size of a request).
_FILE_BUFFER = 1 << 18


def name_of(source: Source) -> str:
    """How messages call `source`: its path, the file-like's `name`, or "input"."""
    if isinstance(source, str | Path):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "input"


def size_of(source: Source) -> int:
    """Bytes in `source`."""
    if isinstance(source, str | Path):
        return os.stat(source).st_size
    return source.seek(0, os.SEEK_END)


@contextmanager
def open_source(source: Source, options: dict[str, str] | None = None) -> Generator[InputContainer]:
    """Open `source` for reading, with libavformat `options`. The caller's file-like stays open.

    libav turns an exception of a file-like into an odd error or into an early end of file. Here the original is kept,
    and raised when the block ends, however it ends.

    Raises:
        UnsupportedMedia: empty, not a media file, or not a container that is supported.
        OSError: the path cannot be read.
    """
    guard = None if isinstance(source, str | Path) else _Guard(source)
    try:
        container = _open(source, guard, _OPEN_OPTIONS | (options or {}))
        try:
            yield container
        finally:
            container.close()
    except (FFmpegError, MediaError):
        if guard and guard.error:
            raise guard.error from None
        raise
    if guard and guard.error:
        raise guard.error


def video_stream(container: InputContainer, name: str) -> VideoStream:
    """The first video stream that is not cover art; every other stream is discarded by the demuxer.

    Raises:
        UnsupportedMedia: there is none.
    """
    pictures = (Disposition.attached_pic, Disposition.timed_thumbnails)
    found = [s for s in container.streams.video if not any(s.disposition & picture for picture in pictures)]
    if not found:
        kinds = sorted({stream.type for stream in container.streams}) or ["no streams"]
        cover = " (only cover art)" if container.streams.video else ""
        raise UnsupportedMedia(f"{name}: no video stream{cover}; it holds {', '.join(kinds)}. Give a file with video")
    keep_only(container, found[0])
    return found[0]


def keep_only(container: InputContainer, *kept: Stream) -> None:
    indexes = {stream.index for stream in kept}
    for stream in container.streams:
        if stream.index not in indexes:
            stream.discard = Discard.all


def _open(source: Source, guard: "_Guard | None", options: dict[str, str]) -> InputContainer:
    name = name_of(source)
    try:
        if guard is not None:
            return av.open(guard, "r", container_options=options, buffer_size=_FILE_BUFFER)
        return av.open(_local_url(cast(str | Path, source)), "r", container_options=options)
    except FFmpegError as error:
        reason = error.strerror or type(error).__name__
        raise UnsupportedMedia(
            f"{name}: not a video file that can be read ({reason}). "
            "Supported are the usual containers: MP4, MOV, MKV, WebM, AVI, MPEG-TS, GIF, ..."
        ) from error


def _local_url(path: str | Path) -> str:
    text = os.fspath(path)
    if "://" in text:
        # The text is not repeated: a URL may carry a signature.
        raise ValueError("source: a URL was given; pass a path, or a RangedReader over the URL")
    if os.stat(text).st_size == 0:
        raise UnsupportedMedia(f"{text}: the file is empty (0 bytes); upload it again")
    return f"file:{text}"  # so that no name can be taken for another protocol


class _Guard:
    """Passes calls on to the caller's file-like, keeps the first exception, and has no `close` for libav to call.

    It has a position of its own, so that one file-like can be open several times over.
    """

    def __init__(self, file: ReadableFile) -> None:
        self._file = file
        self._position = 0
        self.name = name_of(file)
        self.error: Exception | None = None

    def read(self, size: int = -1) -> bytes:
        try:
            self._file.seek(self._position)
            data = self._file.read(size)
        except Exception as error:
            self.error = self.error or error
            raise
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            self._file.seek(self._position)
            self._position = self._file.seek(offset, whence)
        except Exception as error:
            self.error = self.error or error
            raise
        return self._position

    def tell(self) -> int:
        return self._position
