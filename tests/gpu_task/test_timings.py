import json
import time

import pytest

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
