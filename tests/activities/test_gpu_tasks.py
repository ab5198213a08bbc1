"""Handing GPU work over, against real storage: nothing of it is left where its run has ended meanwhile."""

from collections.abc import Iterator

import pytest
from azure.storage.queue import QueueServiceClient

from activities import gpu_tasks, storage
from activities.end_run import mark_ended
from contracts import layout
from contracts.frame_times import FrameTimes
from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE, GpuTask
from contracts.steps import EndInput, RunRef, TaskRef
from contracts.task_spec import ScorerOptions, ScoreSpec, SourceRef
from contracts.video_index import VideoIndex
from telemetry.ids import RunSpans
from tests.azurite import Azurite
from tests.job_services import job_of, names, services, start_of, write_start
from tests.local.batch_service.local_batch import LocalBatch

INDEX = VideoIndex(
    container="mp4",
    codec="h264",
    stream_index=0,
    width=64,
    height=48,
    pix_fmt="yuv420p",
    time_base="1/30",  # pyright: ignore[reportArgumentType] (parsed)
    seek="ordinal",
    frames=FrameTimes.encode([0, 1]),
    last_duration=1,
)


@pytest.fixture(scope="module")
def service(azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalBatch]:
    with (
        pytest.MonkeyPatch.context() as patch,
        services(azurite, tmp_path_factory.mktemp("batch"), patch) as running,
    ):
        with QueueServiceClient.from_connection_string(azurite.connection_string) as queues:
            for queue in (GPU_TASKS_QUEUE, GPU_RESULTS_QUEUE):
                if queue not in [known.name for known in queues.list_queues()]:
                    queues.create_queue(queue)
        yield running


@pytest.fixture
def task(service: LocalBatch, request: pytest.FixtureRequest) -> TaskRef:
    job = job_of(request)
    write_start(start_of(job))
    return TaskRef(job=job, run=1, chunk=0, attempt=1, task="c00000-a1", instance_id=f"{job}:r1:c00000")


def spec_of(task: TaskRef) -> ScoreSpec:
    return ScoreSpec(
        identity=gpu_tasks.identity(task),
        source=SourceRef(url="http://127.0.0.1/x", etag="e", size=1),
        index=INDEX,
        first=0,
        last=1,
        scorer="identity",
        model=None,
        options=ScorerOptions(),
        to=gpu_tasks.destinations(task, layout.JOBS, layout.segment_blob(task.job, task.task, task.run)),
    )


def waiting() -> int:
    client = storage.system_account().queues.get_queue_client(GPU_TASKS_QUEUE)
    return client.get_queue_properties().approximate_message_count or 0


def test_a_spec_is_written_and_its_message_sent(task: TaskRef) -> None:
    before = waiting()
    assert gpu_tasks.hand_over(task, spec_of(task))
    assert names(layout.JOBS, layout.spec_prefix(task.job)) == [layout.spec_blob(task.job, task.task, 1)]
    assert waiting() == before + 1


def test_the_spec_and_the_message_carry_the_tasks_own_span(task: TaskRef, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[GpuTask] = []
    monkeypatch.setattr(storage.system_account(), "send", lambda _, message: sent.append(message))
    spec = spec_of(task)
    assert gpu_tasks.hand_over(task, spec)
    span = RunSpans(task.job, 1).task("c00000-a1").traceparent
    assert [spec.identity.traceparent, *(message.traceparent for message in sent)] == [span, span]


def test_a_run_that_was_ended_meanwhile_gets_no_task_and_keeps_no_spec(task: TaskRef) -> None:
    spec, before = spec_of(task), waiting()
    mark_ended(EndInput(job=task.job, run=1, outcome="cancelled"))
    assert not gpu_tasks.hand_over(task, spec)
    assert names(layout.JOBS, layout.spec_prefix(task.job)) == []
    assert waiting() == before


def test_a_task_that_is_submitted_twice_keeps_its_token_and_gets_new_urls(task: TaskRef) -> None:
    first, second = spec_of(task), spec_of(task).model_copy(update={"first": 1})
    assert first.identity.token != second.identity.token
    assert gpu_tasks.hand_over(task, first)
    assert gpu_tasks.hand_over(task, second)
    written = storage.system_account().read_json(layout.JOBS, layout.spec_blob(task.job, task.task, 1), ScoreSpec)
    assert (written.first, written.identity.token) == (1, first.identity.token)
    assert gpu_tasks.token_of(RunRef.of(task), task.task) == first.identity.token
