"""What a run leaves of itself: its trace, its metrics, its logs' fields and its summary."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from scripts.trace_file import Told, read_run
from telemetry.ids import RunSpans
from tests.end_to_end.local_stack import ROOT, LocalStack, wait_for

pytestmark = pytest.mark.timeout(200)


@dataclass
class Ran:
    stack: LocalStack
    job: str
    spans: list[Told]

    def of(self, name: str) -> list[Told]:
        return [span for span in self.spans if span.name == name]


@pytest.fixture(scope="module")
def ran(stack: LocalStack, clip: Path) -> Iterator[Ran]:
    """A job of two chunks, one of which needed a second attempt: its first was killed."""
    stack.upload(clip, "told.mp4")
    job = stack.submit(video="told.mp4", style="starry-night", options={"chunk_size": 30})
    os.kill(wait_for(stack.gpu_task_pids)[0], signal.SIGKILL)
    assert stack.wait(job)["runtimeStatus"] == "Completed"
    wait_for(lambda: f"{job}/summary-r1.csv" in stack.system_blobs("logs", f"{job}/"), 30)
    traces = stack.state / "telemetry" / "traces.jsonl"
    trace = f"{RunSpans(job, 1).trace_id:032x}"
    wait_for(lambda: re.search(rf'"{trace}"[^{{}}]*"name":"record_run"', traces.read_text()), 30)
    return Ran(stack, job, read_run(traces, job))


def test_all_of_a_run_is_one_tree(ran: Ran) -> None:
    ids = {span.id for span in ran.spans}
    [root] = [span for span in ran.spans if span.parent is None]
    assert (root.name, root.about["outcome"], root.failed) == ("job", "finished", None)
    assert [span.name for span in ran.spans if span.parent and span.parent not in ids] == []
    refs = RunSpans(ran.job, 1)
    assert {span.id for span in ran.of("chunk")} == {f"{refs.work(f'c0000{n}').span_id:016x}" for n in (0, 1)}
    assert {span.parent for span in ran.of("chunk")} == {span.id for span in ran.of("scoring")}
    assert {span.parent for span in ran.of("task")} == {span.id for span in ran.of("chunk")}


def test_an_attempt_that_died_is_seen_beside_the_one_that_did_the_work(ran: Ran) -> None:
    failed = [task for task in ran.of("task") if task.failed]
    assert [task.about["task"][-3:] for task in failed] == ["-a1"]
    work = failed[0].about["work"]
    attempts = [task for task in ran.of("task") if task.about["work"] == work]
    assert [(task.about["task"], task.failed is None) for task in attempts] == [
        (f"{work}-a1", False),
        (f"{work}-a2", True),
    ]
    assert len(ran.of("task")) == 3


def test_what_a_node_did_lies_within_its_task_on_a_node_that_batch_names(ran: Ran) -> None:
    tasks = {task.id: task for task in ran.of("task")}
    stages = [span for span in ran.spans if span.parent in tasks and "node" in span.about]
    assert {"queue", "wait for a node", "launch", "start", "decode", "score", "encode", "upload"} <= {
        s.name for s in stages
    }
    for stage in stages:
        task = tasks[str(stage.parent)]
        assert task.begin <= stage.begin <= stage.end <= task.end
    assert {str(task.about["node"])[:5] for task in tasks.values()} == {"tvmps"}
    decode, score = (next(s for s in stages if s.name == name) for name in ("decode", "score"))
    assert score.begin < decode.end, "the stages of a chunk overlap"


def test_the_context_goes_through_both_queues(ran: Ran) -> None:
    done = {task.id for task in ran.of("task") if not task.failed}
    assert {span.parent for span in ran.of("result")} == done
    assert {span.parent for span in ran.of("submit to Batch")} == {task.id for task in ran.of("task")}


def test_a_node_brings_back_the_context_it_was_given(ran: Ran) -> None:
    logs = ran.stack.system.get_container_client("logs")
    for task in (str(task.about["task"]) for task in ran.of("task") if not task.failed):
        left = json.loads(logs.download_blob(f"{ran.job}/{task}-r1.timings.json").readall())
        assert left["traceparent"] == left["result"]["traceparent"] == RunSpans(ran.job, 1).task(task).traceparent


def test_phases_follow_each_other_and_activities_lie_where_they_belong(ran: Ran) -> None:
    phases = [span for span in ran.spans if span.about.get("phase")]
    assert [span.name for span in phases] == ["probing", "preparing", "scoring", "stitching", "publishing"]
    assert all(one.end == pytest.approx(other.begin, abs=1e-6) for one, other in pairwise(phases))
    names = {span.id: span.name for span in ran.spans}
    parents = {span.name: names[str(span.parent)] for span in ran.spans if span.parent}
    expected = {"probe_video": "probing", "submit_chunk": "chunk", "verify_chunk": "chunk", "publish": "publishing"}
    assert parents | expected == parents


def test_the_summary_tells_the_time_per_chunk_and_per_frame(ran: Ran) -> None:
    text = ran.stack.system.get_blob_client("logs", f"{ran.job}/summary-r1.csv").download_blob().readall().decode()
    rows = list(csv.DictReader(text.splitlines()))
    assert sorted(row["outcome"] for row in rows) == ["failed", "succeeded", "succeeded"]
    for row in rows:
        if row["outcome"] == "succeeded":
            assert int(row["frames"]) >= 30  # of a later chunk the frames before it as well
            assert 0 < float(row["ms_per_frame"]) * int(row["frames"]) / 1000 <= float(row["total_s"])
            assert float(row["slowest_frame_ms"]) > 0


def test_metrics_count_what_was_done(ran: Ran) -> None:
    lines = (ran.stack.state / "telemetry" / "metrics.jsonl").read_text().splitlines()
    [scope] = json.loads(lines[-1])["resourceMetrics"][0]["scopeMetrics"]
    points: dict[str, Any] = {m["name"]: m.get("sum", m.get("histogram"))["dataPoints"] for m in scope["metrics"]}
    assert {"atelier.jobs", "atelier.job.seconds", "atelier.stage.seconds", "atelier.task.retries"} <= points.keys()
    scored = {_attributes(p)["scorer"]: int(p["asInt"]) for p in points["atelier.frames.scored"]}
    assert scored["style-transfer"] >= 60
    assert {_attributes(point)["stage"] for point in points["atelier.stage.seconds"]} >= {"decode", "score", "queue"}
    assert ran.job not in lines[-1]


def _attributes(point: dict[str, Any]) -> dict[str, str]:
    return {item["key"]: item["value"]["stringValue"] for item in point["attributes"]}


def test_log_lines_say_their_job_chunk_and_task(ran: Ran) -> None:
    lines = [json.loads(line) for line in (ran.stack.state / "logs" / "stack.jsonl").read_text().splitlines()]
    mine = [line for line in lines if line.get("job") == ran.job]
    submitted = [line for line in mine if line["message"].endswith(" submitted")]
    assert {(line["run"], line["chunk"], line["task"]) for line in submitted} == {
        (1, int(task.about["work"][1:]), task.about["task"]) for task in ran.of("task")
    }
    assert [line["level"] for line in mine if line["message"] == f"job {ran.job} finished"] == ["INFO"]


def _client(ran: Ran, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "client", "--endpoint", ran.stack.url, "logs", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


def test_the_client_lists_tasks_and_saves_what_they_left(ran: Ran, tmp_path: Path) -> None:
    listed = _client(ran, ran.job, "--json")
    tasks = {entry["task"]: entry for entry in json.loads(listed.stdout)["tasks"]}
    done = {task.about["task"] for task in ran.of("task") if not task.failed}
    assert tasks.keys() == done  # one that was killed has left nothing
    assert min(entry["record"]["frames"] for entry in tasks.values()) == 30
    table = _client(ran, ran.job).stdout.splitlines()
    assert {"task", "outcome", "frames", "seconds", "ms/frame"} <= set(table[0].split())
    assert {line.split()[1] for line in table[1:] if line.strip()} == done

    assert _client(ran, ran.job, "--out", str(tmp_path / "logs")).returncode == 0
    saved = {path.name for path in (tmp_path / "logs").iterdir()}
    assert saved == {f"{task}-r1.{kind}" for task in done for kind in ("log", "timings.json")} | {"summary-r1.csv"}
    frames = json.loads((tmp_path / "logs" / f"{min(done)}-r1.timings.json").read_text())["frames"]
    assert len(frames) == tasks[min(done)]["record"]["frames"]


def test_the_client_prints_one_log_and_says_what_there_is_not(ran: Ran) -> None:
    work = next(task.about["work"] for task in ran.of("task") if task.failed)
    shown = _client(ran, ran.job, "--task", work)
    assert f"task {work}-a2, attempt 2" in shown.stdout
    for arguments, remedy in (((ran.job, "--task", "c00099"), f"client logs {ran.job}"), (("nobody",), "client list")):
        refused = _client(ran, *arguments)
        assert refused.returncode == 2
        assert remedy in refused.stderr


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("nobody/logs", 404, "job"),
        ("NO%20JOB/logs", 404, "job"),
        ("{job}/logs?top=0", 400, "top"),
        ("{job}/logs?top=x", 400, "top"),
        ("{job}/logs/c00000-a9-r1.log", 404, "file"),
        ("{job}/logs/..%2Fspecs", 404, "file"),
        ("{job}/logs/summary-r1.csv?offset=-1", 400, "offset"),
        ("nobody/logs/summary-r1.csv", 404, "job"),
    ],
)
def test_a_wrong_question_is_answered_with_what_is_wrong(ran: Ran, path: str, status: int, field: str) -> None:
    answer = httpx.get(f"{ran.stack.url}/api/jobs/{path.format(job=ran.job)}", timeout=30)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (status, field)
