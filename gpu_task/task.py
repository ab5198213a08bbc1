"""One task from spec to result: whatever happens, it ends in a `GpuResult`, a log and timings."""

import dataclasses
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError

from contracts.messages import GpuResult
from contracts.task_record import RECORD_METADATA_KEY
from contracts.task_spec import AnySpec, FitSpec, ScoreSpec, StitchSpec
from gpu_task import blobs, failures, outcome
from gpu_task.machine import Machine
from gpu_task.timings import Timings

log = logging.getLogger(__name__)


def run(spec: AnySpec, folder: Path, timings: Timings) -> GpuResult:
    """Does the task. Never raises for what goes wrong with it: the result says so."""
    identity = spec.identity
    machine = Machine()
    log.info("job %s, task %s, attempt %d: %s", identity.job, identity.task, identity.attempt, _summary(spec))
    found: dict[str, Any]
    try:
        written = _do(spec, folder, timings, machine)
    except Exception as error:
        log.exception("the task failed")
        found = {"outcome": "failed", **dataclasses.asdict(failures.describe(error, folder))}
    else:
        log.info("done: %d bytes, sha256 %s", written.size, written.sha256)
        found = {"outcome": "succeeded", "output_sha256": written.sha256, "output_bytes": written.size}
        if written.frames:
            found["frames"] = (written.frames,)
        if written.fitted:
            found["fit"] = written.fitted
    return GpuResult(
        **identity.about(),
        **found,
        seconds=timings.seconds(),
        **dataclasses.asdict(machine),
        traceparent=identity.traceparent,
    )


def _do(spec: AnySpec, folder: Path, timings: Timings, machine: Machine) -> outcome.Written:
    frames = (spec.first, spec.last) if isinstance(spec, ScoreSpec) else None
    if found := outcome.existing(spec.to.output, frames):
        return found
    # Imported here: a requeued task whose output exists waits for neither FFmpeg nor torch.
    if isinstance(spec, FitSpec):
        from gpu_task.fit_task import fit_style

        return fit_style(spec, folder, timings, machine)
    if isinstance(spec, StitchSpec):
        from gpu_task.stitch_task import stitch_video

        return stitch_video(spec, folder, timings, machine)
    from gpu_task.score_task import prepared_scorer, score_chunk

    with prepared_scorer(spec) as scorer:
        machine.device = scorer.device
        timings.started()
        try:
            return score_chunk(spec, folder, timings, scorer)
        finally:
            machine.peak_memory_bytes = scorer.peak_memory_bytes()


def leave_records(spec: AnySpec, result: GpuResult, timings: Timings, log_file: Path) -> None:
    """Uploads log and timings, the result among them: should its message be lost, the app finds it there.

    A failure here is logged and no more.
    """
    facts = {
        "outcome": result.outcome,
        "device": result.device,
        "peak_memory_bytes": result.peak_memory_bytes,
        "result": result.model_dump(mode="json", exclude={"token"}),
    }
    text = timings.to_json(**spec.identity.model_dump(exclude={"token"}), **facts)
    record = {RECORD_METADATA_KEY: timings.record(spec.identity, result).to_json()}
    records = (
        (spec.to.timings, "application/json", text.encode(), record),
        (spec.to.log, "text/plain; charset=utf-8", log_file.read_bytes(), None),
    )
    with ThreadPoolExecutor(len(records)) as uploads:  # the node waits for both
        for upload in [uploads.submit(_leave, *record) for record in records]:
            upload.result()


def _leave(url: str, content_type: str, data: bytes, metadata: Mapping[str, str] | None) -> None:
    try:
        blobs.put(url, data, content_type, metadata)
    except AzureError as error:
        log.warning("%s could not be written: %s", blobs.label(url), error)


def _summary(spec: AnySpec) -> str:
    if isinstance(spec, FitSpec):
        return f"fit {blobs.label(spec.style.url)} with {spec.recipe}"
    if isinstance(spec, StitchSpec):
        return f"stitch {len(spec.segments)} segments with the audio of {blobs.label(spec.source.url)}"
    return f"score frames {spec.first}..{spec.last} of {blobs.label(spec.source.url)} with {spec.scorer}"
