"""Records of how fast jobs were scored: made when a job is published, read when the next one is planned.

They lie in container `jobs`, one small blob per run, by workload and variant; of each variant only the newest are kept.
"""

import logging
from collections.abc import Sequence
from statistics import median

from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobPrefix, BlobProperties

from activities.storage import system_account
from contracts import layout
from contracts.job import JobRequest
from contracts.ledger import ChunkOutcome
from contracts.measured import (
    LEAST_SECONDS_PER_FRAME,
    MAX_DEVICE_CHARACTERS,
    MOST_SECONDS,
    MeasuredSpeed,
    Variant,
    Workload,
)
from contracts.plan import Plan
from contracts.steps import RunRef

log = logging.getLogger(__name__)

# Of an odd number the median is one that was measured. After three jobs it follows a new kind of node, and two odd
# jobs move it by no more than the others differ.
REMEMBERED = 5
# A task cannot have run for longer than the workflow waited for all of them; clocks of two machines differ by less.
SLACK_SECONDS = 1.0


def workload_of(request: JobRequest, pool: str, precision: str) -> Workload:
    network = request.model or ("style" if request.style else "none")
    return Workload(pool=pool, scorer=request.scorer, network=network, precision=precision)


def known_variants(workload: Workload) -> list[Variant]:
    """Every variant of the workload that some job has measured."""
    prefix = layout.measured_prefix(workload.key)
    folders = system_account().container(layout.JOBS).walk_blobs(name_starts_with=prefix, delimiter="/")
    names = [folder.name.removeprefix(prefix).rstrip("/") for folder in folders if isinstance(folder, BlobPrefix)]
    return [variant for name in names if (variant := Variant.parse(name)) is not None]


def newest(workload: Workload, variant: Variant) -> list[MeasuredSpeed]:
    """The `REMEMBERED` newest records; one of another version of the app is passed over."""
    found = [_read(blob.name) for blob in _newest_first(workload, variant)[:REMEMBERED]]
    return [record for record in found if record is not None]


def remember(workload: Workload, record: MeasuredSpeed) -> None:
    """Write the record and delete those that are not read any more."""
    variant = record.variant.name
    name = layout.measured_blob(workload.key, variant, record.job, record.run)
    system_account().write_json(layout.JOBS, name, record)
    for blob in _newest_first(workload, record.variant)[REMEMBERED:]:
        _delete(blob.name)


def measured_of(
    plan: Plan, outcomes: Sequence[ChunkOutcome], run: RunRef, scoring_seconds: float
) -> MeasuredSpeed | None:
    """What `run` measured, by the tasks of its own that tell something; None where none does."""
    size = plan.figures.frame_size
    tasks = [task for task in outcomes if _tells(task, run, scoring_seconds)]
    if size is None or not tasks:
        return None
    execution = plan.execution
    start_up, compiling = _start_up([task.seconds.start for task in tasks], plan.figures.workers, execution.compiled)
    per_frame = median(
        (task.seconds.total - task.seconds.start) * execution.workers / _frames(task, plan) for task in tasks
    )
    devices = [task.device for task in tasks]
    return MeasuredSpeed(
        job=run.job,
        run=run.run,
        variant=Variant.of(size, execution),
        start_up_seconds=round(min(start_up, MOST_SECONDS), 3),
        seconds_per_frame=round(min(max(per_frame, LEAST_SECONDS_PER_FRAME), MOST_SECONDS), 6),
        compile_seconds=round(min(compiling, MOST_SECONDS), 3),
        tasks=len(tasks),
        frames=sum(task.last - task.first + 1 for task in tasks),
        device=max(devices, key=devices.count)[:MAX_DEVICE_CHARACTERS],
    )


def is_of_run(outcome: ChunkOutcome, run: RunRef) -> bool:
    """Whether a task of this very run scored it, rather than one of an earlier run, or of the job's base."""
    segment = layout.segment_blob(run.job, outcome.task, run.run)
    return outcome.outcome == "scored" and outcome.segment == segment


def _tells(task: ChunkOutcome, run: RunRef, scoring_seconds: float) -> bool:
    """Whether the task's seconds are those of ordinary work, and can be true.

    A piece of a chunk was scored because something had gone wrong; a task that found its output finished, or whose
    words were lost, has no start-up.
    """
    seconds = task.seconds
    is_whole = task.piece is None and not task.replaced
    return is_whole and is_of_run(task, run) and 0 < seconds.start < seconds.total <= scoring_seconds + SLACK_SECONDS


def _start_up(starts: list[float], at_once: int, is_compiled: bool) -> tuple[float, float]:
    """(seconds of any task's start, what a node's first one needed beyond that for compiling).

    Those that compiled are the slowest, as many as ran at once. Where all tasks ran at once the two cannot be told
    apart: all of it counts as start-up.
    """
    ordered = sorted(starts, reverse=True)
    first, later = ordered[:at_once], ordered[at_once:]
    if not is_compiled or not later:
        return median(starts), 0.0
    return median(later), max(0.0, median(first) - median(later))


def _frames(task: ChunkOutcome, plan: Plan) -> int:
    """Frames that the task scored, warm-up included."""
    return task.last - task.first + 1 + plan.chunks[task.chunk].warm_up


def _newest_first(workload: Workload, variant: Variant) -> list[BlobProperties]:
    prefix = layout.measured_prefix(workload.key, variant.name)
    blobs = system_account().container(layout.JOBS).list_blobs(name_starts_with=prefix)
    return sorted(blobs, key=lambda blob: (blob.last_modified, blob.name), reverse=True)


def _read(name: str) -> MeasuredSpeed | None:
    try:
        return system_account().find_json(layout.JOBS, name, MeasuredSpeed)
    except ValueError:
        log.warning("%s/%s is not what this version of the app writes; it is passed over", layout.JOBS, name)
        return None


def _delete(name: str) -> None:
    try:
        system_account().container(layout.JOBS).delete_blob(name)
    except ResourceNotFoundError:
        return  # another job's publishing was faster
