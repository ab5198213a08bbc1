"""Decode timestamps for packets whose presentation times are given."""

from collections.abc import Sequence


class DecodeTimes:
    """Gives each packet its dts, in decode order.

    `pts` are all frames' times, sorted; `shortest` is the shortest frame's duration; `delay` (D) is how many frames
    the decoder may hold back. The i-th packet's dts is pts[i - D], as x264 does it, or, where that is later, the
    first frame still to come less D of the shortest frames. The latter matters around long gaps: there x264's rule
    alone would give packets durations that are far from their frames', and FFmpeg's demuxer then drops frames at the
    end of a track. The first packet is D of the shortest frames early, and no later one is nearer to its pts before
    time 0: FFmpeg's muxer takes the least such distance for the delay of the whole track.
    """

    def __init__(self, pts: Sequence[int], shortest: int, delay: int) -> None:
        self._pts = pts
        self._shortest = shortest
        self._delay = delay
        self._position = 0
        self._to_come = 0  # the first frame whose packet has not been seen
        self._ahead: set[int] = set()  # frames seen after it
        self._last: int | None = None

    def next(self, number: int) -> int:
        """The dts of the next packet, which holds frame `number`."""
        early = self._delay * self._shortest
        if self._position >= self._delay:
            reordered = self._pts[self._position - self._delay]
        else:
            reordered = self._pts[0] - (self._delay - self._position) * self._shortest
        dts = max(reordered, self._pts[self._to_come] - early)
        if self._last is not None:
            dts = max(dts, self._last + 1)
        self._last = dts
        self._position += 1
        self._ahead.add(number)
        while self._to_come in self._ahead:
            self._ahead.remove(self._to_come)
            self._to_come += 1
        return dts
