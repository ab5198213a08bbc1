"""Worker processes that share a chunk's frames: here two of them on the CPU, in place of two GPUs."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from contracts.task_spec import SPEC_URL_VARIABLE, Destinations, ModelRef, ScorerOptions, ScoreSpec, SourceRef
from contracts.video_index import VideoIndex
from gpu_task import environment, failures, task
from gpu_task.blobs import range_reader
from gpu_task.chunk_frames import ChunkFrames
from gpu_task.failures import BadFramesError, WorkerDiedError
from gpu_task.pipeline.chunk import run_chunk
from gpu_task.pipeline.messages import for_worker
from gpu_task.pipeline.scoring import Shown
from gpu_task.pipeline.worker_process import HopelessWorkerError, WorkerError
from gpu_task.pipeline.workers import Workers
from gpu_task.score_task import prepared_scorer
from gpu_task.timings import Timings
from media.ranged import RangedReader
from tests.gpu_task.conftest import HEIGHT, ROOT, WIDTH, SpecMaker, Storage, identity
from tests.gpu_task.pipeline import in_worker
from tests.gpu_task.pipeline.parts import GUARD, Sink, Source, scored, stage_threads

pytestmark = pytest.mark.timeout(120)

SECRET = "https://host/blob?sig=secret"


@pytest.fixture
def spec(index: VideoIndex) -> ScoreSpec:
    return ScoreSpec(
        identity=identity().model_copy(update={"token": "secret"}),
        source=SourceRef(url=SECRET, etag="1", size=1),
        index=index,
        first=0,
        last=19,
        scorer="identity",
        model=ModelRef(name="mine", sha256=None, url="https://host/model"),
        options=ScorerOptions(),
        to=Destinations(output=SECRET, log=SECRET, timings=SECRET, progress=SECRET, results_queue=SECRET),
    )


def gone(pid: int) -> bool:
    """Whether the process has ended; one that nobody has waited for has, too."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("make", [in_worker.plain, in_worker.overlapping])
def test_frames_are_shared_and_come_back_in_order(spec: ScoreSpec, make: Callable[..., object]) -> None:
    sink = Sink()
    with Workers(spec, 2, make) as workers:  # pyright: ignore
        workers.prepare(2, 2)
        pids = workers.pids
        assert workers.batch_size == in_worker.BATCH
        run_chunk(Source(scored(range(101))), workers, sink)

    assert sink.shown == [(number, "scored", number + 100) for number in range(101)]
    assert len(set(pids)) == 2
    assert all(gone(pid) for pid in pids)


class Keeping(Sink):
    """Keeps pixels: two runs of x264 do not always write the same bytes for the same frames."""

    def run(self, frames: Iterator[Shown]) -> None:
        self.frames = [frame.rgb.copy() for frame in frames]


@pytest.mark.parametrize("scorer", ["identity", "style-transfer"])
def test_two_workers_give_the_frames_that_one_gives(specs: SpecMaker, scorer: str) -> None:
    def frames(workers: int) -> list[np.ndarray]:
        model = {"name": "starry-night", "sha256": None, "builtin": True}
        spec = specs.score(scorer, warm_up=3, scorer=scorer, model=model, execution={"workers": workers})
        source, sink = RangedReader(range_reader(spec.source), spec.source.size), Keeping()
        with prepared_scorer(spec) as made:
            run_chunk(ChunkFrames(spec, source, (WIDTH, HEIGHT)), made, sink)
        return sink.frames

    one, two = frames(1), frames(2)

    assert len(one) == len(two) == 15
    for ours, theirs in zip(one, two, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_task_by_two_workers(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    result = task.run(specs.score("workers", execution={"workers": 2}), tmp_path, Timings(time.perf_counter()))

    assert (result.outcome, result.frames) == ("succeeded", ((4, 15),)), result.reason
    assert result.device == "2 workers: cpu, identity"
    assert result.peak_memory_bytes > 2 * 10_000_000  # each has Python and NumPy in it
    assert storage.exists("workers/segment.mp4")


def test_each_worker_knows_its_gpu_and_its_share_of_the_processors(
    spec: ScoreSpec, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "6")
    caplog.set_level("INFO")

    with Workers(spec, 2, in_worker.telling) as workers:
        workers.prepare(20, 10)

        assert workers.device == "2 workers: GPU 0, 3 threads; GPU 1, 3 threads"
        assert workers.peak_memory_bytes() == 1000 + 2000
    assert "worker 2 of 2: prepared for 20x10" in caplog.messages


def test_no_secret_is_in_a_workers_arguments_or_environment(spec: ScoreSpec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SPEC_URL_VARIABLE, SECRET)
    monkeypatch.setenv("AZ_BATCH_AUTHENTICATION_TOKEN", "secret")

    with Workers(spec, 2, in_worker.plain) as workers:
        workers.prepare(2, 2)
        for pid in workers.pids:
            started_with = dict(
                entry.split("=", 1) for entry in Path(f"/proc/{pid}/environ").read_text().split("\0") if entry
            )
            assert "secret" not in str(started_with)
            assert environment.allowed(started_with).keys() | {"ATELIER_DEVICE_INDEX"} == started_with.keys()
            assert "secret" not in Path(f"/proc/{pid}/cmdline").read_text()


def test_a_worker_is_not_told_where_the_task_reads_and_writes(spec: ScoreSpec) -> None:
    told = for_worker(spec)

    assert "secret" not in told.to_json()
    assert (told.model, told.options, told.index) == (spec.model, spec.options, spec.index)


def test_a_killed_worker_fails_the_task_and_is_named(spec: ScoreSpec, tmp_path: Path) -> None:
    with Workers(spec, 2, in_worker.overlapping) as workers:
        workers.prepare(2, 2)
        pids = workers.pids
        sink = Sink(lambda at: os.kill(pids[1], signal.SIGKILL) if at == 3 else None)

        with pytest.raises(WorkerDiedError) as caught:
            run_chunk(Source(scored(range(200))), workers, sink)

    assert str(caught.value) == (
        f"worker 2 of 2 (process {pids[1]}) was ended by signal 9 (SIGKILL) before its work was done"
    )
    assert sink.ended == "stopped"
    assert stage_threads() == []
    assert all(gone(pid) for pid in pids)
    assert failures.describe(caught.value, tmp_path).cause is None


def test_frames_are_not_blamed_for_workers_that_died(spec: ScoreSpec) -> None:
    with Workers(spec, 2, in_worker.overlapping) as workers:
        workers.prepare(2, 2)
        pids = workers.pids
        sink = Sink(lambda at: [os.kill(pid, signal.SIGKILL) for pid in pids] if at == 3 else None)

        with pytest.raises(WorkerDiedError, match=r"worker [12] of 2 \(process"):
            run_chunk(Source(scored(range(200))), workers, sink)


def test_frames_that_a_workers_scorer_refuses_are_named(spec: ScoreSpec) -> None:
    with Workers(spec, 2, in_worker.refusing) as workers:
        workers.prepare(2, 2)
        with pytest.raises(BadFramesError) as caught:
            run_chunk(Source(scored(range(60))), workers, Sink())

    assert caught.value.runs == ((9, 9),)
    assert "scoring fails: WorkerError: worker 1 of 2: ValueError: no style for nine" in str(caught.value)
    assert "sig=secret" not in str(caught.value)
    assert isinstance(caught.value.__cause__, WorkerError)
    assert "in refuse" in caught.value.__cause__.__notes__[0]


def test_a_scorer_that_cannot_be_made_is_the_jobs_failure(spec: ScoreSpec, tmp_path: Path) -> None:
    with Workers(spec, 2, in_worker.hopeless) as workers, pytest.raises(HopelessWorkerError) as caught:
        workers.prepare(2, 2)

    assert str(caught.value) == "worker 1 of 2: HopelessError: no such style"
    assert failures.describe(caught.value, tmp_path).cause == "job"
    assert all(gone(pid) for pid in workers.pids)


def test_workers_end_with_their_parent_even_amid_a_batch(spec: ScoreSpec, tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text(spec.to_json())
    script = f"from pathlib import Path; from {in_worker.__name__} import ends_with; ends_with(Path({str(tmp_path)!r}))"
    parent = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, start_new_session=True)
    try:
        wait_for(lambda: (tmp_path / "pids").exists())
        pids = [int(pid) for pid in (tmp_path / "pids").read_text().split()]
        assert not any(gone(pid) for pid in pids)
    finally:
        parent.kill()
        parent.wait()

    wait_for(lambda: all(gone(pid) for pid in pids))


def test_workers_amid_a_batch_end_when_the_task_is_given_up(spec: ScoreSpec) -> None:
    with Workers(spec, 2, in_worker.stuck) as workers:
        workers.prepare(2, 2)
        workers.start(np.zeros((2, 2, 2, 3), np.uint8))
        pids = workers.pids

    assert all(gone(pid) for pid in pids)


def wait_for(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + 2 * GUARD
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_a_worker_that_reaches_no_storage_waits_for_no_client_of_it() -> None:
    program = "import sys, gpu_task.pipeline.worker; sys.exit('azure' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)
