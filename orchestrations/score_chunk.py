"""Sub-orchestration `score_chunk`: one chunk, from its first submission to a verified segment."""

from functools import partial
from typing import Any

from durabletask.task import OrchestrationContext

from contracts import layout
from contracts.steps import ChunkInput, RunRef
from orchestrations.calling import JobFailed, Step
from orchestrations.gpu_task import GpuWork, do_gpu_work


def score_chunk(ctx: OrchestrationContext, payload: dict[str, Any]) -> Step[dict[str, Any]]:
    """Returns a ChunkReport; a chunk that keeps failing is reported, not raised: its parent decides."""
    chunk = ChunkInput.model_validate(payload)
    work = GpuWork(
        run=RunRef.of(chunk),
        chunk=chunk.chunk,
        submit="submit_chunk",
        verify="verify_chunk",
        task_name=partial(layout.chunk_task, chunk.chunk, None),
    )
    try:
        report = yield from do_gpu_work(ctx, work, chunk.policy)
    except JobFailed as failure:
        return {"ok": False, "reason": str(failure)}
    return report.model_dump(mode="json")
