"""What a quote needs to know of a video file, read where it lies: nothing is uploaded for it, and nothing decoded.

Frames are counted as the app counts them where packets tell them apart, which the usual containers' do. A raw stream or
an AVI with packed frames may come to a few more or fewer: the job decodes those to be sure.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from client.errors import InvalidInput
from contracts.quote import VideoFacts

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.stream import VideoStream

# The app takes none of these either: it would have to open what they name.
PLAYLISTS = ("hls", "dash", "concat")
HINT = "pip install -r client/requirements.txt"


def read(path: Path) -> VideoFacts:
    """Reads the whole file once, as fast as the disk gives it.

    Raises:
        InvalidInput: it is no video, or holds no frames; or PyAV is not installed.
    """
    try:
        import av  # a tenth of a second, and only quotes need it
        from av.error import FFmpegError
    except ImportError as error:
        raise InvalidInput(f"a quote reads the video with PyAV, which is not installed: {HINT}") from error
    try:
        with av.open(f"file:{path}") as container:  # whatever its name looks like, it is a file
            if container.format.name in PLAYLISTS:
                raise InvalidInput(f"{path}: a playlist, which names other files; give the video itself")
            return _facts(path, container, _stream(path, container))
    except FFmpegError as error:
        raise InvalidInput(f"{path}: not a video file that can be read ({error.strerror})") from error


def _stream(path: Path, container: "InputContainer") -> "VideoStream":
    """The first video stream that is not cover art; the demuxer skips all others."""
    from av.stream import Discard, Disposition

    pictures = Disposition.attached_pic | Disposition.timed_thumbnails
    found = next((stream for stream in container.streams.video if not stream.disposition & pictures), None)
    if found is None:
        raise InvalidInput(f"{path}: there is no video in it; give a file with a video stream")
    for other in container.streams:
        if other.index != found.index:
            other.discard = Discard.all
    return found


def _facts(path: Path, container: "InputContainer", stream: "VideoStream") -> VideoFacts:
    frames, begin, end = 0, None, None
    for packet in _packets(container, stream):
        if not packet.size or not _is_shown(packet, stream):
            continue
        frames += 1
        if packet.pts is not None:
            begin = packet.pts if begin is None else min(begin, packet.pts)
            shown_until = packet.pts + (packet.duration or 0)
            end = shown_until if end is None else max(end, shown_until)
    if not frames or not stream.width:
        raise InvalidInput(f"{path}: its video stream holds no frames; the file was cut off or never finished")
    rate = stream.average_rate or stream.guessed_rate
    if begin is not None and end is not None and stream.time_base is not None:
        seconds = (end - begin) * stream.time_base
    else:
        seconds = frames / rate if rate else 0
    size = path.stat().st_size
    return VideoFacts(frames=frames, width=stream.width, height=stream.height, seconds=float(seconds), bytes=size)


def _packets(container: "InputContainer", stream: "VideoStream") -> Any:
    """Every packet up to the end, or up to where the file is broken: what follows that cannot be reached."""
    from av.error import FFmpegError

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except FFmpegError:
            return
        if packet is None:
            return
        yield packet


def _is_shown(packet: Any, stream: "VideoStream") -> bool:
    """Not where an edit list cuts it off, nor VP8's hidden reference frames (RFC 6386, 9.1: show_frame is bit 4)."""
    if packet.is_discard:
        return False
    return stream.codec_context.name != "vp8" or bool(bytes(packet)[0] & 0x10)
