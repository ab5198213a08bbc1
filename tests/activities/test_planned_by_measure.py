"""From a published job to the next one's plan, on real storage: figures, the way to run, and what stays as it was."""

import math
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from azure.storage.queue import QueueServiceClient

from activities import settings as app_settings
from activities import storage
from activities.plan_chunks import plan_chunks
from activities.publish import publish
from activities.segments import record
from activities.submit_chunk import submit_chunk
from contracts import layout
from contracts.compiling import COMPILING
from contracts.job import JobOptions, JobRequest, StartInput
from contracts.ledger import ChunkOutcome
from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE, GpuResult, StageSeconds
from contracts.plan import Plan
from contracts.provenance import Provenance
from contracts.status import JobResult
from contracts.steps import PublishInput, Stitched, TaskRef
from contracts.task_spec import Execution, ScoreSpec
from tests.activities.scored_chunks import outcome, outcomes, video_index
from tests.azurite import Azurite
from tests.job_services import accounts_only, write_start

pytestmark = pytest.mark.timeout(60)

LONG = 100_000  # frames


@pytest.fixture(autouse=True)
def pool(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A pool that nothing was measured on; each frame of the tests' videos has 0.003072 megapixels."""
    name = uuid.uuid4().hex
    with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
        for queue in (GPU_TASKS_QUEUE, GPU_RESULTS_QUEUE):
            if queue not in [known.name for known in queues.list_queues()]:
                queues.create_queue(queue)
    known = {"BATCH_POOL_ID": name, "POOL_NODES": "2", "SECONDS_PER_MEGAPIXEL": "100", "START_UP_SECONDS": "4"}
    with accounts_only(azurite, monkeypatch, **known, NODE_LOSSES_PER_HOUR="0"):
        yield name


def set_to(monkeypatch: pytest.MonkeyPatch, **names: str) -> None:
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    app_settings.settings.cache_clear()


def new_job(frames: int = 60, **options: Any) -> StartInput:
    """A job whose video is there and probed."""
    job = f"clip-{uuid.uuid4().hex[:12]}"
    video = f"{job}.mp4"
    storage.data_account().write_text(layout.VIDEOS, video, "x")
    request = JobRequest(video=video, style="mosaic", options=JobOptions.model_validate(options))
    start = StartInput(job=job, request=request, video_etag="0x1", video_bytes=1)
    write_start(start)
    storage.system_account().write_json(layout.JOBS, layout.index_blob(job), video_index(frames))
    return start


def planned(start: StartInput) -> Plan:
    plan_chunks(start)
    return storage.system_account().read_json(layout.JOBS, layout.plan_blob(start.job), Plan)


def published(start: StartInput, done: list[ChunkOutcome], seconds: float = 60.0, run: int = 1) -> JobResult:
    """The job's result, after its outcomes and segments were left as its tasks leave them."""
    for one in done:
        record(start.job, one)
        storage.system_account().write_text(layout.JOBS, one.segment, "{}")
    stitched = Stitched(output=f"{start.job}/video.mp4", output_sha256="0" * 64, output_bytes=1, audio=())
    return publish(
        PublishInput(
            job=start.job, run=run, stitched=stitched, seconds=1, wasted_seconds=0, cost=0, scoring_seconds=seconds
        )
    )


def test_what_one_job_measured_the_next_one_of_its_size_is_planned_by() -> None:
    first = new_job(chunk_size=20)
    plan = planned(first)
    assert (plan.figures.source, plan.figures.seconds_per_frame) == ("default", pytest.approx(0.3072))
    published(first, outcomes(plan, job=first.job))

    figures = planned(new_job()).figures
    assert (figures.source, figures.measured_jobs) == ("measured", (first.job,))
    assert (figures.start_up_seconds, figures.seconds_per_frame) == (2.0, 0.5)

    smaller = planned(new_job(max_dimension=32)).figures  # 32x24: a quarter
    assert (smaller.source, smaller.measured_jobs) == ("scaled", (first.job,))
    assert smaller.seconds_per_frame == pytest.approx(0.125)


def test_another_way_to_run_is_no_measure_of_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    first = new_job(chunk_size=20)
    published(first, outcomes(planned(first), job=first.job))
    set_to(monkeypatch, SCORE_PRECISION="float32")
    assert planned(new_job()).figures.source == "default"
    set_to(monkeypatch, SCORE_PRECISION="auto", WORKERS_PER_TASK="2")
    assert planned(new_job()).figures.source == "scaled"


def test_predicted_and_actual_are_told_with_the_result_and_in_its_provenance() -> None:
    start = new_job(chunk_size=20)
    plan = planned(start)
    result = published(start, outcomes(plan, job=start.job), seconds=25.0)
    assert result.makespan is not None
    assert result.makespan.expected_seconds == plan.expected_seconds
    assert (result.makespan.actual_seconds, result.makespan.waiting_seconds) == (22.0, 3.0)
    told = storage.data_account().read_json(
        layout.OUTPUTS, layout.output_blob(start.job, "provenance.json"), Provenance
    )
    assert told.makespan == result.makespan


def test_a_run_that_found_all_its_work_done_measures_nothing_and_does_not_compare() -> None:
    start = new_job(chunk_size=20)
    result = published(start, outcomes(planned(start), job=start.job), run=2)
    assert result.makespan is not None
    assert (result.makespan.frames, result.makespan.earlier_frames, result.makespan.compares) == (0, 60, False)
    assert planned(new_job()).figures.source == "default"


def test_a_node_that_lies_moves_the_next_plan_by_no_more_than_the_workflow_waited() -> None:
    start = new_job(chunk_size=60)
    plan = planned(start)
    lie = StageSeconds(start=1.0, total=10**7)
    assert published(start, [outcome(plan, 0, job=start.job, seconds=lie)], seconds=30.0).makespan is not None
    assert planned(new_job()).figures.source == "default"


def test_a_long_job_is_compiled_and_a_short_one_is_not() -> None:
    short, long = planned(new_job()), planned(new_job(LONG))
    assert (short.execution.compiled, short.figures.compile_seconds) == (False, 0.0)
    assert long.execution.compiled
    assert long.figures.compile_seconds > 0


def test_compiling_pays_from_the_frames_that_save_more_than_it_costs(monkeypatch: pytest.MonkeyPatch) -> None:
    known = COMPILING["style-transfer"]
    saved_per_frame = 100 * 0.003072 * (1 - known.time_ratio)
    enough = math.ceil(known.seconds / saved_per_frame) + 1  # of each of the two workers
    alone = {"steadiness": 0}  # no frames but its own
    assert not planned(new_job(2 * (enough - 2), chunk_size=enough - 2, **alone)).execution.compiled
    assert planned(new_job(2 * enough, chunk_size=enough, **alone)).execution.compiled
    set_to(monkeypatch, WORKERS_PER_TASK="2")
    assert not planned(new_job(2 * enough, chunk_size=enough, **alone)).execution.compiled


@pytest.mark.parametrize(("setting", "frames", "compiled"), [("never", LONG, False), ("always", 60, True)])
def test_the_setting_forces_it(monkeypatch: pytest.MonkeyPatch, setting: str, frames: int, compiled: bool) -> None:
    set_to(monkeypatch, SCORE_COMPILE=setting)
    assert planned(new_job(frames)).execution.compiled is compiled


def test_measured_figures_decide_whether_compiling_pays() -> None:
    start = new_job(chunk_size=20)
    plan = planned(start)
    fast = [
        outcome(plan, chunk.index, job=start.job, seconds=StageSeconds(start=2.0, total=2.002)) for chunk in plan.chunks
    ]
    assert planned(new_job(10_000)).execution.compiled
    published(start, fast)
    assert not planned(new_job(10_000)).execution.compiled  # a second of scoring in all


def test_how_a_jobs_tasks_run_is_decided_once_and_every_task_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, SCORE_PRECISION="float32", SCORE_COMPILE="always", WORKERS_PER_TASK="3")
    start, execution = new_job(chunk_size=20), Execution(precision="float32", compiled=True, workers=3)
    first = planned(start)
    assert first.execution == execution
    storage.system_account().write_text(layout.JOBS, layout.segment_blob(start.job, "c00000-a1", 1), "scored")

    set_to(monkeypatch, SCORE_PRECISION="auto", SCORE_COMPILE="never", WORKERS_PER_TASK="1")
    again = start.model_copy(update={"run": 2})
    write_start(again)
    assert planned(again) == first
    task = TaskRef(job=start.job, run=2, chunk=1, attempt=1, task="c00001-a1", instance_id="i")
    assert submit_chunk(task).state == "submitted"
    blob = layout.spec_blob(start.job, task.task, 2)
    assert storage.system_account().read_json(layout.JOBS, blob, ScoreSpec).execution == execution


def test_a_job_that_could_not_be_compiled_and_scored_nothing_is_planned_anew_by_the_settings_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_to(monkeypatch, SCORE_COMPILE="always")
    start = new_job()
    first = planned(start)
    assert planned(start.model_copy(update={"run": 2})) == first
    set_to(monkeypatch, SCORE_COMPILE="never")
    cut = tuple(chunk.model_copy(update={"reuse": chunk.index == 0}) for chunk in first.chunks)
    system = storage.system_account()
    system.write_json(layout.JOBS, layout.plan_blob(start.job), first.model_copy(update={"chunks": cut}))
    system.write_text(layout.JOBS, layout.segment_blob(start.job, "c00000-a1", 1), "a base's frames, not scored")
    assert not planned(start.model_copy(update={"run": 3})).execution.compiled


def test_a_plan_stands_whatever_has_been_measured_since() -> None:
    start = new_job(chunk_size=20)
    plan = planned(start)
    other = new_job(chunk_size=20)
    published(other, outcomes(planned(other), job=other.job))
    assert planned(new_job(chunk_size=20)).figures != plan.figures
    assert planned(start) == plan


def test_what_a_task_said_of_its_seconds_is_what_is_measured() -> None:
    """Through `record`, as `verify_chunk` calls it, with a message as a node writes it."""
    start = new_job(chunk_size=60)
    plan = planned(start)
    told = outcome(plan, 0, job=start.job, seconds=StageSeconds(), device="")
    about: dict[str, Any] = {"job": start.job, "task": told.task, "chunk": 0, "attempt": 1, "instance_id": "i"}
    seconds = StageSeconds(queue=1, start=4, score=20, total=16)
    record(start.job, told, GpuResult(**about, outcome="succeeded", seconds=seconds, device="NVIDIA T4"))
    kept = storage.system_account().read_json(layout.JOBS, layout.outcome_blob(start.job, 0), ChunkOutcome)
    published(start, [kept])
    assert planned(new_job()).figures.seconds_per_frame == pytest.approx(12 / 60)
