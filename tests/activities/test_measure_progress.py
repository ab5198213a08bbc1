"""Progress of running tasks, read from metadata of blobs in a real Azurite."""

from collections.abc import Iterator

import pytest
from azure.storage.blob import BlobServiceClient

from activities import storage
from activities.measure_progress import measure_progress
from activities.segments import record
from contracts import layout
from contracts.ledger import ChunkOutcome
from contracts.messages import GpuResult, StageSeconds
from contracts.steps import RunRef
from tests.azurite import Azurite


@pytest.fixture(autouse=True)
def system(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SYSTEM_STORAGE", azurite.connection_string)
    storage.system_account.cache_clear()
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        container = service.get_container_client(layout.JOBS)
        if not container.exists():
            container.create_container()
    yield
    storage.system_account.cache_clear()


@pytest.mark.parametrize(
    ("job", "told", "frames"),
    [
        ("attempts", {"c00000-a1": 5, "c00000-a2": 3, "c00001-a1": 4}, 9),
        ("split", {"c00000-a1": 1, "c00000-0-49-a1": 50, "c00000-50-99-a1": 20}, 70),
        ("split-twice", {"c00000-0-49-a1": 30, "c00000-0-24-a1": 25, "c00000-25-49-a1": 2, "c00000-50-99-a1": 1}, 28),
        ("just-split", {"c00000-a1": 60, "c00000-0-49-a1": 1}, 60),
        ("fit-too", {"fit-a1": 900, "c00000-a1": 2, "elsewhere": 7}, 2),
        ("none", {}, 0),
    ],
)
def test_the_furthest_of_several_tasks_at_the_same_frames_counts(job: str, told: dict[str, int], frames: int) -> None:
    container = storage.system_account().container(layout.JOBS)
    for task, done in told.items():
        metadata = {"frames": str(done)}
        container.upload_blob(layout.progress_blob(job, task), b"", metadata=metadata, overwrite=True)
    assert measure_progress(RunRef(job=job, run=1)).frames == frames


@pytest.mark.parametrize("said", ["many", "-5", "1e9", "9" * 40, ""])
def test_what_is_no_count_counts_for_nothing(said: str) -> None:
    container = storage.system_account().container(layout.JOBS)
    metadata = {"frames": said} if said else {}
    container.upload_blob(layout.progress_blob("odd", "c00000-a1"), b"", metadata=metadata, overwrite=True)
    assert measure_progress(RunRef(job="odd", run=1)).frames == 0


def test_recorded_chunks_frames_and_seconds_are_counted_and_a_piece_is_no_chunk() -> None:
    result = GpuResult(
        job="done", task="c00000-a1", attempt=1, instance_id="i", outcome="succeeded", seconds=StageSeconds(total=1.5)
    )
    for chunk, piece, said in ((0, None, result), (1, None, None), (2, (20, 24), result)):
        first = 10 * chunk
        outcome = ChunkOutcome(
            chunk=chunk,
            first=first,
            last=first + 4,
            piece=piece,
            attempt=1,
            task="c00000-a1",
            segment=layout.segment_blob("done", f"c0000{chunk}-a1", 1),
            segment_sha256="0" * 64,
            segment_bytes=1,
        )
        record("done", outcome, said)
    measured = measure_progress(RunRef(job="done", run=1))
    assert (measured.frames, measured.chunks, measured.seconds) == (15, 2, 3.0)
    again = measure_progress(RunRef(job="done", run=2))  # which has spent nothing on them
    assert (again.frames, again.chunks, again.seconds) == (15, 2, 0.0)
