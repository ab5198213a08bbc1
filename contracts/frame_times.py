"""Presentation timestamps of a stream's frames, run-length coded.

A constant-rate film of two hours is one run; a variable-rate one costs a few bytes per change of rate. That keeps a
video index small enough to travel inside a task spec.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Self

from pydantic import model_validator

from contracts.model import Contract


class FrameTimes(Contract):
    """`start` is the first pts; `runs` holds (delta, repeat) pairs, all in units of the stream's time base."""

    start: int
    runs: tuple[tuple[int, int], ...] = ()

    @model_validator(mode="after")
    def _strictly_increasing(self) -> Self:
        for delta, repeat in self.runs:
            if delta < 1 or repeat < 1:
                raise ValueError(f"runs: ({delta}, {repeat}) is not allowed; delta and repeat must be at least 1")
        return self

    @classmethod
    def encode(cls, pts: Sequence[int]) -> Self:
        """Encode strictly increasing `pts` (at least one).

        Raises:
            ValueError: `pts` is empty or does not increase.
        """
        if not pts:
            raise ValueError("pts is empty; a video needs at least one frame")
        return cls(start=pts[0], runs=tuple(_run_lengths(b - a for a, b in pairwise(pts))))

    def decode(self) -> list[int]:
        """All pts in presentation order."""
        pts = [self.start]
        for delta, repeat in self.runs:
            last = pts[-1]
            pts.extend(last + delta * n for n in range(1, repeat + 1))
        return pts

    def __len__(self) -> int:
        return 1 + sum(repeat for _, repeat in self.runs)


def _run_lengths(deltas: Iterable[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for delta in deltas:
        if runs and runs[-1][0] == delta:
            runs[-1] = (delta, runs[-1][1] + 1)
        else:
            runs.append((delta, 1))
    return runs
