"""The happy path and the doors, on one shared stack."""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from contracts.ledger import Ledger
from contracts.provenance import Provenance
from media.verify import audio_digests, frame_times_of
from tests.end_to_end.local_stack import ROOT, LocalStack, make_clip, wait_for

pytestmark = pytest.mark.timeout(300)


def identity(video: str, **options: object) -> dict[str, object]:
    return {"video": video, "scorer": "identity", "options": options}


def test_a_posted_job_is_watched_by_the_durable_status_api_and_ends_with_its_output(
    stack: LocalStack, clip: Path, tmp_path: Path
) -> None:
    stack.upload(clip, "posted.mp4")
    answer = stack.post(**identity("posted.mp4", chunk_size=20))

    assert answer.status_code == 202
    links = answer.json()
    assert {"id", "statusQueryGetUri", "sendEventPostUri", "terminatePostUri", "purgeHistoryDeleteUri"} <= set(links)
    assert answer.headers["Location"] == links["statusQueryGetUri"]

    seen: list[dict[str, object]] = []

    def look() -> dict[str, object] | None:
        state = httpx.get(links["statusQueryGetUri"], timeout=30)
        assert state.status_code in (200, 202)
        body = state.json()
        if body["customStatus"]:
            seen.append(body["customStatus"])
        return body if state.status_code == 200 else None

    ended = wait_for(look, 120)
    assert ended["runtimeStatus"] == "Completed"
    assert {status["phase"] for status in seen} >= {"scoring", "finished"}
    assert seen[-1] | {"chunks": 3, "chunks_done": 3, "frames": 60, "frames_done": 60} == seen[-1]

    result = ended["output"]
    video = stack.download(result["output"], tmp_path / "video.mp4")
    assert frame_times_of(video) == frame_times_of(clip)
    assert audio_digests(video) == audio_digests(clip)
    ledger = Ledger.model_validate_json(stack.download(result["ledger"], tmp_path / "l").read_text())
    ledger.require_complete()
    assert ledger.frame_count == 60
    provenance = Provenance.model_validate_json(stack.download(result["provenance"], tmp_path / "p").read_text())
    assert [track.action for track in provenance.audio] == ["copied"]
    assert provenance.devices == ("cpu, identity",)


def test_a_finished_job_leaves_its_logs_and_no_intermediates(stack: LocalStack, clip: Path) -> None:
    stack.upload(clip, "tidy.mp4")
    job = stack.submit(**identity("tidy.mp4", chunk_size=30))
    assert stack.wait(job)["runtimeStatus"] == "Completed"

    wait_for(lambda: not stack.instances_under_way(job), 20)  # its guard cleans up
    logs = [name for name in stack.system_blobs("logs", f"{job}/") if "summary" not in name]  # which comes later
    assert sorted(logs) == [f"{job}/c0000{n}-a1-r1.{kind}" for n in (0, 1) for kind in ("log", "timings.json")]
    left = [name.split("/")[1] for name in stack.system_blobs("jobs", f"{job}/")]
    assert sorted(left) == ["ended-r1.json", "index.json", "plan.json", "start.json"]


def test_the_same_upload_twice_and_the_same_request_twice_are_one_job(stack: LocalStack, clip: Path) -> None:
    metadata = {"atelier_options": json.dumps({"scorer": "identity", "options": {"chunk_size": 60}})}
    blob = "starry-night/twice.mp4"
    stack.upload(clip, blob, metadata)
    by_upload = wait_for(
        lambda: [job["job"] for job in stack.jobs() if (job["customStatus"] or {}).get("video") == blob]
    )
    first = stack.submit(**identity(blob, chunk_size=60))
    second = stack.submit(**identity(blob, chunk_size=60))
    assert by_upload == [first] == [second]
    ended = stack.wait(first)
    assert stack.submit(**identity(blob, chunk_size=60)) == first
    assert stack.job(first)["createdTime"] == ended["createdTime"]  # a finished job is not run again
    assert len([job for job in stack.jobs() if (job["customStatus"] or {}).get("video") == blob]) == 1


def test_an_upload_into_a_folder_that_is_no_style_is_answered_beside_it(stack: LocalStack, clip: Path) -> None:
    stack.upload(clip, "no-such-style/a.mp4")
    answer = stack.data.get_blob_client("videos", "no-such-style/a.mp4.error.json")
    wait_for(lambda: answer.exists(), 30)
    error = json.loads(answer.download_blob().readall())["errors"][0]
    assert (error["field"], error["value"]) == ("style", "no-such-style")
    assert "starry-night" in error["allowed"]


@pytest.mark.parametrize(
    ("request_body", "field"),
    [
        ({"video": "posted.mp4", "style": "no-such-style"}, "style"),
        ({"video": "no-such-video.mp4", "style": "starry-night"}, "video"),
        ({"video": "posted.mp4", "style": "starry-night", "options": {"strength": 2}}, "options.strength"),
        ({"video": "posted.mp4", "style": "starry-night", "colour": True}, "colour"),
        ({"video": "posted.mp4", "scorer": "sharpen"}, "scorer"),
        ({}, "video"),
    ],
)
def test_a_bad_request_gets_400_with_the_field_the_value_and_what_is_allowed(
    stack: LocalStack, request_body: dict[str, object], field: str
) -> None:
    answer = stack.post(**request_body)
    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error["field"] == field
    assert error["value"]
    assert error["problem"]
    if field == "style":
        assert "starry-night" in error["allowed"]
    if field == "scorer":
        assert "style-transfer" in error["problem"]


def test_a_body_that_is_not_json_gets_400(stack: LocalStack) -> None:
    answer = httpx.post(f"{stack.url}/api/jobs", content=b"{not json", timeout=30)
    assert answer.status_code == 400
    assert "JSON" in answer.json()["errors"][0]["problem"]


def test_a_file_that_is_no_video_fails_its_job_with_a_reason(stack: LocalStack, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("this is not a video\n" * 100)
    stack.upload(text, "text.mp4")
    ended = stack.wait(stack.submit(**identity("text.mp4")))
    assert ended["runtimeStatus"] == "Failed"
    assert "text.mp4" in ended["customStatus"]["reason"]


def test_a_cancelled_job_stops_its_gpu_tasks(stack: LocalStack, tmp_path: Path) -> None:
    long = make_clip(tmp_path / "long.mp4", frames=900, size=(320, 192), sound=False)
    stack.upload(long, "long.mp4")
    job = stack.submit(video="long.mp4", style="starry-night")
    wait_for(stack.gpu_task_pids, 60)
    assert httpx.delete(f"{stack.url}/api/jobs/{job}", timeout=30).status_code == 202
    assert stack.wait(job)["runtimeStatus"] == "Terminated"
    wait_for(lambda: not stack.gpu_task_pids(), 20)
    assert httpx.delete(f"{stack.url}/api/jobs/{job}", timeout=30).status_code == 409


def test_the_client_paints_a_video_and_says_so_in_json(stack: LocalStack, clip: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "client", "--endpoint", stack.url, "--storage", stack.endpoints["data_storage"]]
    command += ["submit", str(clip), "--style", "starry-night", "--watch", "--out", str(tmp_path / "out"), "--json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(ran.stdout.splitlines()[-1])
    assert (said["status"], said["frames"]) == ("finished", 60)
    assert frame_times_of(tmp_path / "out" / "video.mp4") == frame_times_of(clip)


def test_no_log_says_a_signature_or_a_key(stack: LocalStack) -> None:
    keys = json.loads((stack.state / "storage-keys.json").read_text()).values()
    texts = [path.read_text(errors="replace") for path in stack.state.glob("logs/*") if path.name != "azurite.log"]
    texts.append((stack.state / "up.log").read_text())
    logs = stack.system.get_container_client("logs")
    texts += [logs.download_blob(name).readall().decode() for name in stack.system_blobs("logs")]
    assert len(texts) > 3
    for secret in ("sig=", *keys):
        assert not [text for text in texts if secret in text]
