"""`submit --frames A-B`: which job gives the other frames, and what is never uploaded."""

from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob.aio import BlobServiceClient

from tests.client.conftest import Client
from tests.client.fake_function_app import RUNNING, FakeFunctionApp, status

pytestmark = pytest.mark.timeout(60)


def finished(job: str, video: str = "mosaic/clip.mp4", style: str | None = "mosaic") -> dict[str, Any]:
    names = {name: f"{job}/{name}" for name in ("output", "ledger", "provenance")}
    result = names | {"job": job, "frames": 180, "output_bytes": 1, "output_sha256": "0" * 64, "cost": 0.1}
    seen = status("finished", frames_done=180) | {"video": video, "style": style}
    return {"runtimeStatus": "Completed", "customStatus": seen, "output": result}


@pytest.fixture
async def uploaded(client: Client, app: FakeFunctionApp, clip: Path) -> str:
    """The clip is in storage, and a job of it is known."""
    assert (await client("submit", str(clip), "--style", "mosaic")).code == 0
    app.requests.clear()
    app.polls = 0
    return app.jobs[0]


async def test_the_newest_finished_job_of_the_same_video_is_taken_and_named(
    client: Client, app: FakeFunctionApp, uploaded: str, clip: Path
) -> None:
    other = clip.with_name("film.mp4")
    other.write_bytes(clip.read_bytes())
    assert (await client("submit", str(other), "--style", "mosaic")).code == 0
    app.requests.clear()
    app.polls, app.jobs = 0, ["oldest-1", "older-2", "other-3", "running-4"]
    film = finished("other-3", video="mosaic/film.mp4")
    app.script = [RUNNING, film, finished("older-2"), finished("oldest-1"), RUNNING]
    done = await client("submit", str(clip), "--style", "my-cat", "--frames", "20-30")
    assert done.code == 0, done.err
    assert "base: older-2 (videos/mosaic/clip.mp4, style mosaic)" in done.err
    # The base's video, although the other style would have one of its own.
    assert app.requests == [{"video": "mosaic/clip.mp4", "style": "my-cat", "frames": [20, 30], "base": "older-2"}]


async def test_a_range_uploads_no_video(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, uploaded: str, clip: Path
) -> None:
    app.script = [finished(uploaded), RUNNING]
    done = await client("submit", str(clip), "--scorer", "identity", "--frames", "7")
    assert (done.code, "is there already" in done.err) == (0, False), done.err
    assert app.requests[0] == {"video": "mosaic/clip.mp4", "scorer": "identity", "frames": [7, 7], "base": uploaded}
    names = [name async for name in storage.get_container_client("videos").list_blob_names()]
    assert names == ["mosaic/clip.mp4"]


async def test_a_base_that_is_named_is_taken_with_its_own_video(
    client: Client, app: FakeFunctionApp, uploaded: str, clip: Path, tmp_path: Path
) -> None:
    app.script = [finished(uploaded), RUNNING]
    renamed = clip.rename(tmp_path / "renamed.mp4")
    done = await client("submit", str(renamed), "--style", "my-cat", "--frames", "0-9", "--base", uploaded)
    assert done.code == 0, done.err
    assert (app.requests[0]["video"], app.requests[0]["base"]) == ("mosaic/clip.mp4", uploaded)


async def test_without_a_finished_job_of_this_very_video_there_is_no_range(
    client: Client, app: FakeFunctionApp, uploaded: str, clip: Path
) -> None:
    app.script = [RUNNING]
    unfinished = await client("submit", str(clip), "--style", "my-cat", "--frames", "0-9")
    assert (unfinished.code, "--frames: there is no finished job of clip.mp4" in unfinished.err) == (2, True)
    named = await client("submit", str(clip), "--style", "my-cat", "--frames", "0-9", "--base", uploaded)
    assert (named.code, "is running; only a finished one" in named.err) == (1, True)
    app.script = [finished(uploaded)]
    clip.write_bytes(b"another film")
    changed = await client("submit", str(clip), "--style", "my-cat", "--frames", "0-9")
    assert (changed.code, "as the file is now" in changed.err) == (2, True)
    other = await client("submit", str(clip), "--style", "my-cat", "--frames", "0-9", "--base", uploaded)
    assert (other.code, "whose content is not that of" in other.err) == (2, True)
    assert app.requests == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--frames", "30-20"], "--frames '30-20': give FIRST-LAST"),
        (["--frames", "1..9"], "--frames '1..9': give FIRST-LAST"),
        (["--base", "some-0001"], "--base: given without --frames"),
    ],
)
async def test_what_is_no_range_is_told_before_anything_is_sent(
    client: Client, app: FakeFunctionApp, clip: Path, arguments: list[str], said: str
) -> None:
    done = await client("submit", str(clip), "--style", "mosaic", *arguments)
    assert (done.code, said in done.err) == (2, True), done.err
    assert app.requests == []
