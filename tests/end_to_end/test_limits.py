"""Limits as a user meets them: an answer at the door, a reason in the status, or a file beside the upload."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.end_to_end.local_stack import LocalStack, make_clip, wait_for
from tests.pictures import bomb

pytestmark = pytest.mark.timeout(300)

LIMITS = {"MAX_DURATION_SECONDS": "3", "MAX_CONCURRENT_JOBS": "1"}
IDENTITY = {"atelier_options": json.dumps({"scorer": "identity"})}


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    with LocalStack(tmp_path_factory.mktemp("limited"), nodes=1, settings=LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def too_long(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("clips") / "long.mp4", frames=120, size=(64, 48))


def post(stack: LocalStack, key: str, **request: Any) -> httpx.Response:
    return httpx.post(f"{stack.url}/api/jobs", json=request, headers={"x-functions-key": key}, timeout=30)


def beside(stack: LocalStack, name: str) -> dict[str, Any] | None:
    blob = stack.data.get_blob_client("videos", f"{name}.error.json")
    return json.loads(blob.download_blob().readall())["errors"][0] if blob.exists() else None


def test_one_job_too_many_gets_429_and_is_taken_once_the_first_is_over(limited: LocalStack, clip: Path) -> None:
    for name in ("one.mp4", "two.mp4", "three.mp4"):
        limited.upload(clip, name)
    first = post(limited, "ada", video="one.mp4", scorer="identity")
    refused = post(limited, "ada", video="two.mp4", scorer="identity")
    again = post(limited, "ada", video="one.mp4", scorer="identity")
    other = post(limited, "bob", video="three.mp4", scorer="identity")
    assert [answer.status_code for answer in (first, refused, again, other)] == [202, 429, 202, 202]
    [error] = refused.json()["errors"]
    assert "limit of 1 jobs under way (MAX_CONCURRENT_JOBS); wait for one to finish" in error["problem"]
    assert limited.wait(first.json()["id"])["runtimeStatus"] == "Completed"
    accepted = post(limited, "ada", video="two.mp4", scorer="identity")
    assert accepted.status_code == 202, accepted.text
    for answer in (accepted, other):
        assert limited.wait(answer.json()["id"])["runtimeStatus"] == "Completed"
    assert "ada" not in json.dumps(limited.system_blobs("jobs"))


def test_a_style_that_lies_about_its_size_gets_400(limited: LocalStack, clip: Path) -> None:
    limited.data.get_blob_client("styles", "bomb.png").upload_blob(bomb(30_000, 30_000), overwrite=True)
    limited.upload(clip, "styled.mp4")
    answer = post(limited, "ada", video="styled.mp4", style="bomb")
    assert answer.status_code == 400
    assert "30000x30000 is over the limit" in answer.json()["errors"][0]["problem"]


def test_a_video_too_long_is_answered_in_its_status_and_beside_the_upload_until_a_good_one_comes(
    limited: LocalStack, clip: Path, too_long: Path
) -> None:
    name = "x/clip.mp4"
    limited.upload(too_long, name, IDENTITY)
    error = wait_for(lambda: beside(limited, name), 60)
    assert "a duration of 4.0 s is over the limit of 3.0 s (MAX_DURATION_SECONDS); cut it" in error["problem"]
    failed = limited.wait(error["value"])
    assert failed["customStatus"]["reason"] in error["problem"]

    limited.upload(clip, name, IDENTITY)
    wait_for(lambda: beside(limited, name) is None, 60)
    finished = wait_for(
        lambda: [job for job in limited.jobs() if job["runtimeStatus"] == "Completed" and video(job) == name]
    )
    assert len(finished) == 1


def video(job: dict[str, Any]) -> str:
    return job["customStatus"]["video"]
