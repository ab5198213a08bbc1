"""Which scorers' networks can be compiled for the frames' size, and what that costs and gains until it is measured."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Compiling:
    """`seconds` are spent once per node and size; a frame then takes `time_ratio` of what it took before."""

    seconds: float
    time_ratio: float


# One core of an AMD EPYC (Zen 4, AVX-512 BF16), 640x360 in bfloat16: 83 ms a frame eager, 79 compiled, after 20 s.
COMPILING = {"style-transfer": Compiling(seconds=20.0, time_ratio=79 / 83)}
