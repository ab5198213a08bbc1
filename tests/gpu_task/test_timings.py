import json
import time

import pytest

from contracts.messages import GpuResult
from contracts.task_record import MOST_INTERVALS, RECORD_METADATA_KEY
from contracts.task_spec import TaskIdentity
from gpu_task.timings import PipelineSeconds, Timings


def test_stages_add_up_and_frames_are_listed() -> None:
    timings = Timings(time.perf_counter())
    timings.frame(7, decode=0.5, score=2.0, encode=0.25)
    timings.frame(8, decode=0.5, score=2.0, encode=0.25)
    timings.downloaded(0.75)
    timings.add("upload", 0.1)

    seconds = timings.seconds()

    assert (seconds.download, seconds.decode, seconds.score, seconds.encode) == (0.75, 0.25, 4.0, 0.5)
    document = json.loads(timings.to_json(task="c00000-a1"))
    assert document["task"] == "c00000-a1"
    assert document["frames"][1] == {"frame": 8, "decode": 0.5, "score": 2.0, "encode": 0.25}
    assert document["seconds"]["upload"] == 0.1


def test_the_wait_for_a_node_is_counted_apart_from_the_total() -> None:
    timings = Timings(time.perf_counter())
    timings.queued(time.time() - 30)
    assert timings.seconds().queue == pytest.approx(30, abs=5)
    assert timings.seconds().total < 5


def test_a_clock_that_runs_ahead_gives_no_negative_wait() -> None:
    timings = Timings(time.perf_counter())
    timings.queued(time.time() + 30)
    assert timings.seconds().queue == 0


def test_an_unknown_stage_is_an_error() -> None:
    with pytest.raises(KeyError, match="coffee"), Timings(0).stage("coffee"):
        pass


def test_the_stage_that_bounds_a_pipeline_is_told() -> None:
    seconds = PipelineSeconds(wall=5.0, busy={"decode": 1.0, "score": 4.5}, waited={"decode": 3.5, "score": 0.2})
    timings = Timings(0)
    timings.pipeline = seconds

    assert seconds.slowest == ("score", 4.5)
    assert json.loads(timings.to_json())["pipeline"]["busy"] == {"decode": 1.0, "score": 4.5}


IDENTITY = TaskIdentity(
    job="clip-0123", task="c00003-10-19-a2", chunk=3, piece=(10, 19), attempt=2, instance_id="x", submitted_at=1.0
)


def result(**more: object) -> GpuResult:
    known = {"seconds": {"score": 4.0, "total": 9.0}, "device": "a device", "outcome": "succeeded"}
    return GpuResult.model_validate(IDENTITY.about() | known | more)


def test_the_record_says_when_each_stage_was_at_work_counted_from_the_programs_start() -> None:
    began = time.perf_counter() - 9.0
    timings = Timings(began)
    timings.pipelined(began + 2.0, PipelineSeconds(6.0, {}, {}, {"decode": (0.0, 4.0), "score": (1.0, 5.5)}))
    timings.lasted("upload", began + 8.0, began + 8.5)
    for number, score in ((10, 1.0), (11, 2.0), (12, 1.0)):
        timings.frame(number, decode=0.25, score=score, encode=0.5)

    record = timings.record(IDENTITY, result())

    intervals = [(interval.stage, interval.begin, interval.end) for interval in record.intervals]
    assert intervals == [("decode", 2.0, 6.0), ("score", 3.0, 7.5), ("upload", 8.0, 8.5)]
    assert record.began == pytest.approx(time.time() - 9.0, abs=1.0)
    assert (record.task, record.piece, record.attempt, record.submitted) == ("c00003-10-19-a2", (10, 19), 2, 1.0)
    assert (record.frames, record.slowest_frame, record.seconds_per_frame) == (3, (11, 2.75), 3.0)


def test_the_largest_record_fits_into_a_blobs_metadata() -> None:
    timings = Timings(0.0)
    for _ in range(2 * MOST_INTERVALS):
        timings.lasted("x" * 20, 123456.123456, 9_999_999.123456)
    record = timings.record(IDENTITY, result(device="ö" * 500, outcome="failed", reason="ö" * 2_000))
    assert len(RECORD_METADATA_KEY + record.to_json()) < 8 * 1024
    assert record.to_json().isascii()
