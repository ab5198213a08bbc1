"""How fast a job's frames are expected to be scored: as earlier jobs measured it, else by the settings.

Earlier jobs of the same work, size and way to run are taken as they are. Where there is none, the nearest other variant
is scaled: by megapixels, and by what compiling gains. The work itself (pool, scorer, network, precision) is never
another's.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from activities import measured_speed
from contracts.compiling import COMPILING, Compiling
from contracts.measured import MeasuredSpeed, Variant, Workload
from contracts.plan import FiguresSource
from contracts.settings import Settings

# Variants that are looked into before the settings are: records of another version of the app are passed over.
VARIANTS_TRIED = 3
# The same size run otherwise goes before another size run alike where that has 1.65 (e^0.5) times the pixels, or more.
OTHER_WAY = 0.5
NOT_COMPILED = Compiling(seconds=0.0, time_ratio=1.0)


@dataclass(frozen=True)
class Speed:
    """`seconds_per_frame` are one worker's, `compile_seconds` those of a node's first task."""

    start_up_seconds: float
    seconds_per_frame: float
    compile_seconds: float
    source: FiguresSource
    jobs: tuple[str, ...] = ()


def expected_speed(workload: Workload, wanted: Variant, variants: Sequence[Variant], known: Settings) -> Speed:
    """`variants` are those that jobs of the workload have measured."""
    for basis in sorted(variants, key=lambda variant: _distance(variant, wanted))[:VARIANTS_TRIED]:
        if records := measured_speed.newest(workload, basis):
            return _measured(workload, wanted, basis, records, known)
    compiling = _compiling(workload, wanted)
    return Speed(
        start_up_seconds=known.start_up_seconds,
        seconds_per_frame=known.seconds_per_megapixel * wanted.megapixels * compiling.time_ratio,
        compile_seconds=compiling.seconds,
        source="default",
    )


def _measured(
    workload: Workload, wanted: Variant, basis: Variant, records: list[MeasuredSpeed], known: Settings
) -> Speed:
    compiling = _compiling(workload, wanted)
    gained = compiling.time_ratio / _compiling(workload, basis).time_ratio
    per_frame = median(record.seconds_per_frame for record in records)
    same_package = basis.compiled and (basis.width, basis.height) == (wanted.width, wanted.height)
    return Speed(
        start_up_seconds=_start_up(wanted, basis, records, known),
        seconds_per_frame=per_frame * gained * wanted.megapixels / basis.megapixels,
        compile_seconds=(
            median(record.compile_seconds for record in records)
            if same_package and wanted.compiled
            else compiling.seconds
        ),
        source="measured" if basis == wanted else "scaled",
        jobs=tuple(record.job for record in records),
    )


def _start_up(wanted: Variant, basis: Variant, records: list[MeasuredSpeed], known: Settings) -> float:
    """That of compiled networks may hold the compiling too: where it could not be told apart."""
    measured = median(record.start_up_seconds for record in records)
    return min(measured, known.start_up_seconds) if basis.compiled and not wanted.compiled else measured


def _distance(variant: Variant, wanted: Variant) -> float:
    """How far figures of one variant are from those of another: none at all for the same."""
    size = abs(math.log(variant.megapixels / wanted.megapixels))
    shape = abs(math.log(variant.width / variant.height * wanted.height / wanted.width))
    other_way = (variant.compiled != wanted.compiled) + (variant.workers != wanted.workers)
    return size + other_way * OTHER_WAY + shape / 1000  # of two as large, the one of the same shape


def _compiling(workload: Workload, variant: Variant) -> Compiling:
    return COMPILING.get(workload.scorer, NOT_COMPILED) if variant.compiled else NOT_COMPILED
