"""Sets of frames as runs: (first, last), both inclusive, numbered from 0 in presentation order."""

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator

# Far above what any setting allows (386 days at 30 frames a second), and small enough to count with.
MAX_FRAME = 10**9


def _checked(run: tuple[int, int]) -> tuple[int, int]:
    if not 0 <= run[0] <= run[1] <= MAX_FRAME:
        raise ValueError(f"{run[0]}..{run[1]} is no run of frames; give first and last, from 0 on")
    return run


type FrameRun = Annotated[tuple[int, int], AfterValidator(_checked)]


def runs_of(frames: Iterable[int]) -> tuple[FrameRun, ...]:
    """The fewest runs that hold exactly `frames`, in order."""
    return merged((frame, frame) for frame in frames)


def merged(runs: Iterable[FrameRun]) -> tuple[FrameRun, ...]:
    """`runs` in order, those that touch or overlap made one.

    Raises:
        ValueError: a run ends before it begins, or begins before frame 0.
    """
    found: list[FrameRun] = []
    for first, last in sorted(runs):
        if not 0 <= first <= last:
            raise ValueError(f"({first}, {last}) is no run of frames")
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], last))
        else:
            found.append((first, last))
    return tuple(found)


def count(runs: Iterable[FrameRun]) -> int:
    """Frames in `runs`, none of which overlap."""
    return sum(last - first + 1 for first, last in runs)


def within(runs: Iterable[FrameRun], first: int, last: int) -> tuple[FrameRun, ...]:
    """The parts of `runs` inside frames `first`..`last`."""
    return tuple((max(a, first), min(b, last)) for a, b in runs if a <= last and b >= first)


def without(run: FrameRun, holes: Iterable[FrameRun]) -> tuple[FrameRun, ...]:
    """What is left of `run` once `holes` are taken out."""
    left: list[FrameRun] = []
    position, end = run
    for first, last in merged(holes):
        if first > end:
            break
        if first > position:
            left.append((position, first - 1))
        position = max(position, last + 1)
    if position <= end:
        left.append((position, end))
    return tuple(left)


def contains(runs: Iterable[FrameRun], frame: int) -> bool:
    return any(first <= frame <= last for first, last in runs)


def words(runs: Iterable[FrameRun], most: int = 20) -> str:
    """`frame 3`, `frames 10..21 and 30`, `frames 1, 3, 5 and 40 more runs`: for messages."""
    known = merged(runs)
    parts = [str(first) if first == last else f"{first}..{last}" for first, last in known[:most]]
    if len(known) > most:
        parts.append(f"{len(known) - most} more runs")
    if len(known) == 1 and known[0][0] == known[0][1]:
        return f"frame {parts[0]}"
    return f"frames {parts[0]}" if len(parts) == 1 else f"frames {', '.join(parts[:-1])} and {parts[-1]}"


def to_text(runs: Iterable[FrameRun]) -> str:
    """`37-48,51`: for blob metadata."""
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in merged(runs))


def from_text(text: str) -> tuple[FrameRun, ...]:
    """What `to_text` wrote; no run for an empty text.

    Raises:
        ValueError: `text` is something else.
    """
    parts = [part.split("-") for part in text.split(",")] if text else []
    if not all(len(part) <= 2 and all(number.isdecimal() for number in part) for part in parts):
        raise ValueError(f"{text[:100]!r} is no list of frame runs such as '37-48,51'")
    return merged((int(part[0]), int(part[-1])) for part in parts)
