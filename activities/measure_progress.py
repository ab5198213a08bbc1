"""Activity `measure_progress`: frames scored so far, those of running tasks included, in one listing."""

from activities.storage import system_account
from contracts import layout
from contracts.steps import Measured, RunRef


def measure_progress(run: RunRef) -> Measured:
    """Tasks leave their count as metadata of a blob; of several attempts at a chunk the furthest counts."""
    best: dict[str, int] = {}
    prefix = layout.progress_prefix(run.job)
    container = system_account().container(layout.JOBS)
    for blob in container.list_blobs(name_starts_with=prefix, include=["metadata"]):
        piece = blob.name.removeprefix(prefix).rsplit("-a", 1)[0]
        if piece.startswith("c"):
            best[piece] = max(best.get(piece, 0), int((blob.metadata or {}).get("frames", 0)))
    return Measured(frames=sum(best.values()))
