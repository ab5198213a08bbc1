"""Which decoded frames are whole: neither damaged themselves nor predicted from one that is.

A decoder tells of damage in three ways, all heeded here: it raises an error for a packet, it delivers no frame for
one, or it flags the frame (`is_corrupt`: FFmpeg's `decode_error_flags`, set where it concealed something, or the
container's own word that a packet is broken). It says nothing of the frames that are predicted from such a frame, so
those are taken for damaged up to the next packet that decoding can start at. A frame that no other refers to spoils
only itself, where that is certain: the container says so, or an H.264 packet in MP4 or MKV whose units are intact.

Measured with FFmpeg 9 (one packet overwritten, or three bits of it flipped):
    found always    a packet overwritten whole, a keyframe lost, half of an H.264, MPEG-2 or MPEG-4 packet zeroed
    found mostly    H.264, MPEG-2, MPEG-4: flipped bits, or noise behind intact headers (9 of 10); AV1, whose decoder
                    checks much
    not found       what still decodes: the rest of the above (three flipped bits of a short B-frame, say); nearly all
                    flips in HEVC, VP8, VP9, ProRes and GIF, half of those in MJPEG, and half of a packet zeroed in
                    HEVC, VP8 and MJPEG. These formats carry no checksums. Packets that a transport stream lost between
                    a keyframe and the window of the index: nothing tells of them.
`err_detect` (explode, crccheck, bitstream, buffer, careful) finds none of these but MJPEG's, and makes H.264 lose
whole frames beside the damaged one, so it is left alone.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush
from typing import Any, cast

from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from media.decoding import try_decode
from media.packets import VideoPacket, is_presented
from media.seek_points import is_seek_point, is_unreferenced

# Decoders that tell of damage by an error or by delivering nothing, so that several threads tell as much as one. Those
# of H.264 and MPEG-4 flag frames, and with a thread per frame a B-frame is handed out before its flag is set: of 40
# reads of a damaged one with two threads, 14 did not see it.
TELLING_WITH_THREADS = frozenset({"hevc", "vp8", "vp9", "av1"})
# The largest decoded picture buffer of H.264 and HEVC: a frame can come at most this many frames late.
_MAX_LATE = 16


@dataclass(frozen=True)
class Verdict:
    """On the frame at `pts`: whole if `culprit` is None, else that is the pts of the packet whose damage spoils it.

    `frame` is what the decoder delivered, None where it delivered nothing.
    """

    pts: int
    frame: VideoFrame | None
    culprit: int | None


@dataclass(frozen=True)
class Known:
    """What an index tells a decode. `keyframes`: pts of certain seek points. `losable`: pts of frames, sorted, in a
    container whose demuxer may pass over damaged packets without a word."""

    keyframes: frozenset[int] = frozenset()
    losable: Sequence[int] = ()


class _Losses:
    """Finds the frames of `expected` (sorted pts) whose packets do not come, where packets have dts in order.

    A packet comes no later than those whose dts is its pts, and no earlier than its pts less the largest difference
    between the two in this stream.
    """

    def __init__(self, expected: Sequence[int]) -> None:
        self._expected = deque(expected)
        self._seen: set[int] = set()
        self._reach = 0
        self._last: int | None = None
        self._finished = False

    def sent(self, pts: int, dts: int | None) -> None:
        if self._expected and dts is not None:
            self._seen.add(pts)
            self._reach = max(self._reach, pts - dts)
            self._last = dts

    def finish(self) -> None:
        self._finished = True

    def known_until(self, dts: int | None) -> bool:
        """Whether all is known that may have come before `dts`."""
        if not self._expected or self._finished or dts is None or self._last is None:
            return True
        return self._last >= dts + self._reach

    def take(self, dts: int | None, fresh: int | None) -> Iterator[int]:
        """Each loss once that may have come before `dts`; not yet those at or after the keyframe `fresh` to come."""
        while dts is not None and self._expected and self._expected[0] < dts + self._reach:
            pts = self._expected[0]
            if pts in self._seen:
                self._seen.discard(self._expected.popleft())
                continue
            if fresh is not None and pts > fresh:
                return
            self._expected.popleft()
            yield pts


@dataclass(eq=False)
class _Sent:
    """A packet given to the decoder. `later`: frames delivered so far that are shown after it."""

    packet: VideoPacket
    pts: int
    presented: bool
    hurt: bool = False
    later: int = 0


class _Judge:
    """Follows a decode from outside: packets in, frames out, and a verdict on each frame in order of presentation.

    Packets are judged in decode order, each when its frame is there or will not come; a frame is let go once
    everything decoded before it, and so all that it may be predicted from, has been judged.
    """

    def __init__(self, stream: VideoStream, known: Known, *, sought: bool) -> None:
        self._codec = stream.codec_context.codec.canonical_name
        self._extradata = stream.codec_context.extradata
        self._known = known
        self._losses = _Losses(known.losable)
        self._sought = sought
        self._waiting: deque[_Sent] = deque()
        self._frames: dict[int, VideoFrame] = {}
        self._judged: list[tuple[int, int, Verdict]] = []
        self._count = 0
        self._finished = False
        self._culprit: int | None = None  # spoils what is decoded from here on
        self._culprit_before: int | None = None  # spoils what is shown before the last keyframe
        self._keyframe: int | None = None
        self._lead_in = True  # nothing whole came out before the last keyframe
        self._whole_seen = False

    def sent(self, packet: VideoPacket) -> None:
        if packet.pts is not None:
            self._waiting.append(_Sent(packet, packet.pts, is_presented(packet, self._codec)))
            self._losses.sent(packet.pts, packet.dts)

    def failed(self, *, certain: bool) -> None:
        """The decoder raised an error: for the last packet, or (several threads) for one of those in its hands."""
        suspects = [self._waiting[-1]] if certain and self._waiting else self._waiting
        for sent in suspects:
            sent.hurt = sent.hurt or certain or self._whole_seen

    def received(self, frame: VideoFrame) -> None:
        """A frame of a packet that was judged already has come too late for anything, and is dropped."""
        if frame.pts is None:
            return
        for sent in self._waiting:
            if sent.pts == frame.pts:
                self._frames[frame.pts] = frame
            sent.later += sent.pts < frame.pts

    def finish(self) -> None:
        self._finished = True
        self._losses.finish()

    def verdicts(self) -> Iterator[Verdict]:
        """Those that are certain by now, each once."""
        while self._waiting and self._can_judge(self._waiting[0]):
            self._note_losses(self._waiting[0])
            self._judge(self._waiting.popleft())
        first_open = min((sent.pts for sent in self._waiting), default=None)
        while self._judged and (first_open is None or self._judged[0][0] < first_open):
            yield heappop(self._judged)[2]

    def _can_judge(self, sent: _Sent) -> bool:
        if not self._losses.known_until(sent.packet.dts):
            return False
        settled = self._finished or sent.hurt or not sent.presented or sent.pts in self._frames
        # Frames shown before the keyframe that was sought are not asked for, and may never come.
        ahead = self._sought and self._lead_in and self._keyframe is not None and sent.pts < self._keyframe
        return settled or ahead or sent.later >= _MAX_LATE

    def _note_losses(self, sent: _Sent) -> None:
        """A packet that never came, and may have come before `sent`, spoils as a damaged one does."""
        fresh = next((waiting.pts for waiting in self._waiting if self._is_fresh(waiting)), None)
        for pts in self._losses.take(sent.packet.dts, fresh):
            if self._keyframe is not None and pts < self._keyframe:
                self._culprit_before = pts if self._culprit_before is None else self._culprit_before
            elif self._culprit is None:
                self._culprit = pts
            self._say(Verdict(pts, None, pts))

    def _judge(self, sent: _Sent) -> None:
        if self._is_fresh(sent):
            self._culprit_before, self._culprit = self._culprit, None
            self._lead_in = not self._whole_seen
            self._keyframe = sent.pts
        frame = self._frames.pop(sent.pts, None) if sent.presented else None
        lost = sent.hurt or (frame is None and sent.presented)
        culprit = self._culprit
        if culprit is None and self._keyframe is not None and sent.pts < self._keyframe:
            culprit = self._culprit_before
        if culprit is None and (lost or (frame is not None and frame.is_corrupt)):
            culprit = sent.pts
            if not (frame is None and self._is_excused(sent)) and not self._stands_alone(sent):
                self._culprit = culprit
        self._whole_seen = self._whole_seen or (culprit is None and frame is not None)
        if sent.presented:
            self._say(Verdict(sent.pts, frame, culprit))

    def _say(self, verdict: Verdict) -> None:
        self._count += 1
        heappush(self._judged, (verdict.pts, self._count, verdict))

    def _is_fresh(self, sent: _Sent) -> bool:
        """Whether decoding can start at this packet, so that nothing before it matters to what follows."""
        if sent.pts in self._known.keyframes:
            return True
        if not sent.packet.is_keyframe:
            return False
        return self._codec != "h264" or is_seek_point(bytes(sent.packet), self._extradata)

    def _is_excused(self, sent: _Sent) -> bool:
        """Nothing comes out for packets that refer to what lies before the start: no sign of damage.

        H.264's decoder holds frames back by itself until it can show them rightly.
        """
        if self._keyframe is not None and sent.pts < self._keyframe:
            return self._lead_in
        return not self._sought and not self._whole_seen and (self._codec == "h264" or self._keyframe is None)

    def _stands_alone(self, sent: _Sent) -> bool:
        return sent.packet.is_disposable or (
            self._codec == "h264" and is_unreferenced(bytes(sent.packet), self._extradata)
        )


def judged_frames(
    stream: VideoStream, packets: Iterator[VideoPacket], known: Known, *, sought: bool
) -> Iterator[Verdict]:
    """Decode `packets`; a verdict per presented packet, in order of presentation.

    `sought`: the first packet is one that was sought, not
    the start of the stream. With several threads an error is charged to every packet in the decoder's hands; only a
    decode with one thread tells which of them it was.
    """
    judge = _Judge(stream, known, sought=sought)
    certain = stream.codec_context.thread_count == 1
    for packet in packets:
        judge.sent(packet)
        for frame in _decode(stream, packet, judge, certain):
            judge.received(frame)
        yield from judge.verdicts()
    for frame in _decode(stream, None, judge, certain):
        judge.received(frame)
    judge.finish()
    yield from judge.verdicts()


def counted_frames(stream: VideoStream, packets: Iterator[VideoPacket]) -> Iterator[tuple[VideoFrame, bool]]:
    """Frames without times, each with whether it is whole: damage spoils what follows up to the next keyframe, and the
    frames just before it, which may be predicted from it."""
    held: deque[tuple[VideoFrame, bool]] = deque()
    spoiled = started = False
    for packet in _and_flush(packets):
        frames, failed = try_decode(stream, packet)
        depth = cast(Any, stream.codec_context).reorder_depth
        if failed and started:
            spoiled, held = True, _all_spoiled(held)
        for frame in frames:
            spoiled = (spoiled and not frame.key_frame) or frame.is_corrupt
            held = _all_spoiled(held) if frame.is_corrupt else held
            held.append((frame, not spoiled))
            started = True
            while len(held) > depth:
                yield held.popleft()
    yield from held


def _all_spoiled(held: deque[tuple[VideoFrame, bool]]) -> deque[tuple[VideoFrame, bool]]:
    return deque((frame, False) for frame, _ in held)


def _and_flush(packets: Iterator[VideoPacket]) -> Iterator[VideoPacket | None]:
    yield from packets
    yield None


def _decode(stream: VideoStream, packet: VideoPacket | None, judge: _Judge, certain: bool) -> list[VideoFrame]:
    frames, failed = try_decode(stream, packet)
    if failed:
        judge.failed(certain=certain and packet is not None)
    return frames
