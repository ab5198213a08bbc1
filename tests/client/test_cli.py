"""The client as a user runs it: exit codes, files, and what it says."""

import hashlib
import json
import signal
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob.aio import BlobServiceClient

from contracts.job import JobRequest
from tests.azurite import Azurite
from tests.client.conftest import Client, ClientProcess
from tests.client.fake_function_app import FAILED, RUNNING, TERMINATED, FakeFunctionApp, status

pytestmark = pytest.mark.timeout(120)

VIDEO = b"the finished video" * 1000


async def blob_properties(storage: BlobServiceClient, container: str, name: str) -> Any:
    async with storage.get_blob_client(container, name) as blob:
        return await blob.get_blob_properties()


async def blobs(storage: BlobServiceClient, container: str) -> list[str]:
    return [name async for name in storage.get_container_client(container).list_blob_names()]


async def publish(storage: BlobServiceClient, job: str, *, video: bytes = VIDEO) -> dict[str, Any]:
    """Put a job's result in container `outputs`; the answer that tells of it."""
    names = {"video.mp4": video, "ledger.json": b'{"job":1}', "provenance.json": b"{}"}
    for name, content in names.items():
        await storage.get_container_client("outputs").upload_blob(f"{job}/{name}", content, overwrite=True)
    result = {"job": job, "output": f"{job}/video.mp4", "ledger": f"{job}/ledger.json", "cost": 0.25}
    result |= {"provenance": f"{job}/provenance.json", "frames": 180, "output_bytes": len(VIDEO)}
    result |= {"output_sha256": hashlib.sha256(VIDEO).hexdigest()}
    seen = status("finished", frames_done=180, chunks_done=3)
    return {"runtimeStatus": "Completed", "customStatus": seen, "output": result}


async def test_submit_uploads_the_video_and_starts_its_job(
    client_process: ClientProcess, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path
) -> None:
    done = await client_process(
        "submit", str(clip), "--style", "mosaic", "--chunk-size", "30", "--keep-color", "--json"
    )
    assert done.code == 0, done.err
    assert app.requests == [
        {"video": "mosaic/clip.mp4", "style": "mosaic", "options": {"chunk_size": 30, "keep_color": True}}
    ]
    assert done.json["job"] == app.jobs[0]
    assert done.json["status"] == "running"
    properties = await blob_properties(storage, "videos", "mosaic/clip.mp4")
    assert properties.size == clip.stat().st_size
    assert bytes(properties.content_settings.content_md5) == hashlib.md5(clip.read_bytes()).digest()


async def test_the_upload_alone_asks_for_the_very_same_job(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path
) -> None:
    done = await client("submit", str(clip), "--style", "mosaic", "--strength", "0.5", "--max-dimension", "480")
    assert done.code == 0, done.err
    metadata = (await blob_properties(storage, "videos", "mosaic/clip.mp4")).metadata
    options = json.loads(metadata["atelier_options"])
    request = JobRequest.model_validate({"video": "mosaic/clip.mp4"} | options)
    assert await app.job_of(request) == app.jobs[0]


async def test_a_second_submit_uploads_nothing_and_gives_the_same_job(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path
) -> None:
    await client("submit", str(clip), "--style", "mosaic")
    before = await blob_properties(storage, "videos", "mosaic/clip.mp4")
    again = await client("submit", str(clip), "--style", "mosaic")
    assert again.code == 0, again.err
    assert "is there already" in again.err
    assert "uploading" not in again.err
    assert (await blob_properties(storage, "videos", "mosaic/clip.mp4")).etag == before.etag
    assert len(app.jobs) == 1


async def test_other_options_make_another_job_but_leave_the_video_that_a_job_may_be_reading(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path
) -> None:
    await client("submit", str(clip), "--style", "mosaic")
    before = await blob_properties(storage, "videos", "mosaic/clip.mp4")
    await client("submit", str(clip), "--style", "mosaic", "--option", "keep_color=true")
    assert (await blob_properties(storage, "videos", "mosaic/clip.mp4")).etag == before.etag
    assert len(app.jobs) == 2


async def test_a_changed_video_is_uploaded_again(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    await client("submit", str(clip), "--style", "mosaic")
    clip.write_bytes(b"another film")
    await client("submit", str(clip), "--style", "mosaic")
    assert len(app.jobs) == 2


async def test_an_identity_job_goes_to_the_root_of_videos(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    done = await client("submit", str(clip), "--scorer", "identity")
    assert done.code == 0, done.err
    assert app.requests == [{"video": "clip.mp4", "scorer": "identity"}]


async def test_a_style_image_is_uploaded_once_under_its_slug(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path, picture: Path
) -> None:
    done = await client("submit", str(clip), "--style", str(picture))
    assert done.code == 0, done.err
    assert app.requests[0]["style"] == "ber-wave"
    before = await blob_properties(storage, "styles", "ber-wave.jpg")
    again = await client("submit", str(clip), "--style", str(picture))
    assert again.code == 0, again.err
    assert (await blob_properties(storage, "styles", "ber-wave.jpg")).etag == before.etag
    assert len(app.jobs) == 1


async def test_a_style_image_may_not_take_a_name_that_is_taken(
    client: Client, storage: BlobServiceClient, clip: Path, picture: Path
) -> None:
    builtin = await client("submit", str(clip), "--style", str(picture.rename(picture.with_name("mosaic.jpg"))))
    assert builtin.code == 2
    assert "built-in" in builtin.err
    wave = clip.with_name("wave.png")
    wave.write_bytes(b"\x89PNG\r\n\x1a\n and so on")
    await storage.get_container_client("styles").upload_blob("wave.jpg", b"another")
    taken = await client("submit", str(clip), "--style", str(wave))
    assert taken.code == 2
    assert "styles/wave.jpg" in taken.err
    assert await blobs(storage, "styles") == ["wave.jpg"]
    assert await blobs(storage, "videos") == []


async def test_watch_follows_to_the_end_and_downloads(
    client_process: ClientProcess, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path, tmp_path: Path
) -> None:
    await client_process("submit", str(clip), "--style", "mosaic")
    finished = await publish(storage, app.jobs[0])
    app.script = [RUNNING, RUNNING, 503, finished]
    app.polls = 0
    out = tmp_path / "out"
    done = await client_process("submit", str(clip), "--style", "mosaic", "--out", str(out), "--json")
    assert done.code == 0, done.err
    assert done.json["status"] == "finished"
    assert done.json["frames"] == 180
    assert done.json["output"] == f"{app.jobs[0]}/video.mp4"
    assert sorted(path.name for path in out.iterdir()) == ["ledger.json", "provenance.json", "video.mp4"]
    assert (out / "video.mp4").read_bytes() == VIDEO
    assert done.err.count("60/180 frames") == 1, "a line only where something has changed"
    assert "the app does not answer" in done.err
    assert "webhook-secret" not in done.err + done.out


async def test_a_failed_job_is_exit_code_1_with_its_reason(
    client_process: ClientProcess, app: FakeFunctionApp, clip: Path
) -> None:
    app.script = [RUNNING, FAILED]
    done = await client_process("submit", str(clip), "--style", "mosaic", "--watch", "--json")
    assert done.code == 1
    assert done.json["status"] == "failed"
    assert done.json["reason"] == "chunk 2 failed three times: the node ran out of memory"


async def test_a_cancelled_job_is_exit_code_1(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    app.script = [TERMINATED]
    done = await client("submit", str(clip), "--style", "mosaic", "--watch", "--json")
    assert (done.code, done.json["status"]) == (1, "cancelled")


async def test_ctrl_c_while_watching_leaves_the_job_and_says_how_to_look_again(
    client_process: ClientProcess, app: FakeFunctionApp, clip: Path
) -> None:
    process = await client_process.start("submit", str(clip), "--style", "mosaic", "--watch")
    await app.polled_twice.wait()
    process.send_signal(signal.SIGINT)
    _, err = await process.communicate()
    assert process.returncode == 130
    assert f"python -m client status {app.jobs[0]} --watch" in err.decode()
    assert "Traceback" not in err.decode()
    assert app.cancelled == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gone.mp4", "--style", "mosaic"], "gone.mp4: there is no such file"),
        ([".", "--style", "mosaic"], "not a file"),
        (["CLIP", "--style", "mosaik"], "there is no style 'mosaik'; there are mosaic, my-cat"),
        (["CLIP", "--style", "CLIP"], "must be one of .jpg, .jpeg, .png"),
        (["CLIP"], "needs a style"),
        (["CLIP", "--style", "mosaic", "--scorer", "identity"], "takes none"),
        (
            ["CLIP", "--style", "mosaic", "--strength", "2"],
            "less than or equal to 1 (got 2.0)",
        ),
        (["CLIP", "--style", "mosaic", "--option", "speed=3"], "--option 'speed=3': give NAME=VALUE, NAME one of"),
    ],
)
async def test_misuse_is_exit_code_2_and_one_line_before_anything_is_sent(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path, arguments: list[str], said: str
) -> None:
    done = await client("submit", *[str(clip) if word == "CLIP" else word for word in arguments], "--json")
    assert done.code == 2
    assert said in done.err
    assert len(done.err.strip().splitlines()) == 1
    assert "error" in done.json
    assert app.requests == []
    assert await blobs(storage, "videos") == []


async def test_one_job_too_many_is_told_with_the_remedy(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    app.refusal = (429, {"field": "job", "value": "5", "problem": "4 jobs are under way; wait for one to end"})
    done = await client("submit", str(clip), "--style", "mosaic")
    assert (done.code, done.err.splitlines()[-1]) == (
        2,
        "error: job: 4 jobs are under way; wait for one to end (got 5)",
    )


async def test_what_the_app_refuses_is_told_in_its_own_words(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    problem = {"field": "options.max_cost", "value": "0.001", "problem": "too low", "allowed": ["0.01", "1"]}
    app.refusal = (400, problem)
    done = await client("submit", str(clip), "--style", "mosaic", "--max-cost", "0.001")
    assert done.code == 2
    assert "error: options.max_cost: too low (got 0.001); allowed: 0.01, 1" in done.err


async def test_without_an_app_it_says_how_to_start_one(client_process: ClientProcess, clip: Path) -> None:
    (client_process.folder / ".local").mkdir()
    # Port 9 (discard) is closed on any machine that tests run on.
    (client_process.folder / ".local/endpoints.json").write_text(
        '{"functions": "http://127.0.0.1:9", "data_storage": "x"}'
    )
    here = {name: value for name, value in client_process.environment.items() if not name.startswith("ATELIER")}
    done = await ClientProcess(client_process.folder, here)("submit", str(clip), "--style", "mosaic")
    assert done.code == 2
    assert "make up" in done.err
    elsewhere = await client_process("--endpoint", "http://127.0.0.1:9", "list")
    assert elsewhere.code == 2
    assert "check --endpoint" in elsewhere.err


async def test_a_function_key_is_sent_and_asked_for(client: Client, app: FakeFunctionApp) -> None:
    app.key = "the-key"
    without = await client("styles")
    assert without.code == 2
    assert "--key" in without.err
    done = await client("--key", "the-key", "styles", "--json")
    assert done.code == 0
    assert [style["name"] for style in done.json["styles"]] == ["mosaic", "my-cat"]


async def test_a_wrong_storage_key_is_one_line(client: Client, azurite: Azurite, clip: Path) -> None:
    wrong = azurite.connection_string.replace("AccountKey=E", "AccountKey=F")
    done = await client("--storage", wrong, "submit", str(clip), "--style", "mosaic")
    assert done.code == 2
    assert "refuses" in done.err
    assert "AccountKey" not in done.err


async def test_status_list_and_cancel(client: Client, app: FakeFunctionApp) -> None:
    app.jobs = ["first-0001", "second-0002"]
    state = await client("status", "first-0001")
    assert (state.code, state.out) == (0, "first-0001: scoring, 60/180 frames, 1/3 chunks\n")
    listed = await client("list")
    assert [line.split()[0] for line in listed.out.splitlines()] == ["job", "second-0002", "first-0001"]
    cancelled = await client("cancel", "first-0001", "--json")
    assert (cancelled.code, app.cancelled) == (0, ["first-0001"])


async def test_purge_says_what_was_removed_and_takes_the_video_only_where_it_is_told_to(
    client: Client, app: FakeFunctionApp
) -> None:
    app.jobs = ["first-0001", "second-0002"]
    done = await client("purge", "first-0001")
    assert done.code == 0
    assert "first-0001: removed 3 outputs, 0 intermediates, 2 logs" in done.out
    assert "video" not in done.out
    done = await client("purge", "second-0002", "--video", "--json")
    assert (done.code, done.json["video"], app.jobs) == (0, "mosaic/clip.mp4", [])


@pytest.mark.parametrize("status", [404, 405])
async def test_an_app_whose_doors_are_closed_is_told_from_one_that_is_elsewhere(
    client: Client, app: FakeFunctionApp, clip: Path, status: int
) -> None:
    app.refusal = (status, {})  # what a function that is switched off answers
    done = await client("submit", str(clip), "--style", "mosaic")
    assert done.code == 2
    assert f"answered {status}" in done.err
    assert "PAUSE, docs/operate.md" in done.err


async def test_a_job_that_is_not_there_is_exit_code_2(client: Client) -> None:
    for command in (["status", "gone"], ["purge", "gone"], ["cancel", "gone"], ["download", "gone", "--out", "x"]):
        done = await client(*command)
        assert (done.code, "there is no job 'gone'" in done.err) == (2, True)
    assert "no job id" in (await client("status", "../styles")).err


async def test_a_job_without_a_result_has_nothing_to_download_and_one_that_ended_cannot_be_cancelled(
    client: Client, app: FakeFunctionApp
) -> None:
    app.jobs, app.script = ["some-0001"], [FAILED]
    download = await client("download", "some-0001", "--out", "x")
    assert (download.code, "nothing to download (chunk 2 failed" in download.err) == (1, True)
    cancel = await client("cancel", "some-0001")
    assert (cancel.code, "has ended already: it is failed" in cancel.err) == (1, True)


async def test_a_result_that_is_not_what_the_job_published_is_not_kept(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, tmp_path: Path
) -> None:
    app.jobs = ["some-0001"]
    app.script = [await publish(storage, "some-0001", video=b"tampered with")]
    done = await client("download", "some-0001", "--out", str(tmp_path / "out"))
    assert done.code == 2
    assert "but the job published" in done.err
    assert not list((tmp_path / "out").glob("video*"))
