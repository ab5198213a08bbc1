"""`client fit`, and jobs that only fit a style: what is sent, and what the user is told."""

from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob.aio import BlobServiceClient

from client.fitted import ended
from contracts.fit import FitProgress, FittedModel
from tests.client.conftest import Client, ClientProcess
from tests.client.fake_function_app import FAILED, MODEL, RUNNING, FakeFunctionApp, status

pytestmark = pytest.mark.timeout(60)

PROGRESS = {"step": 300, "steps": 1500, "style": 0.31, "content": 0.7, "seconds_left": 80.0}
TOLD = "fitting the style, step 300/1500, style 0.31, content 0.70, 1:20 left"


def fitting(**more: Any) -> dict[str, Any]:
    return RUNNING | {"customStatus": status("preparing", style="my-cat", fit=PROGRESS | more)}


def fitted(job: str = "my-cat-0001", **seen: Any) -> dict[str, Any]:
    done = status("finished", style="my-cat", frames=0, chunks=0, fit=MODEL["fitted"]) | {"video": None} | seen
    result = {"job": job, "model": MODEL["key"], "cost": 0.02}
    return {"runtimeStatus": "Completed", "customStatus": done, "output": result}


async def videos(storage: BlobServiceClient) -> list[str]:
    return [name async for name in storage.get_container_client("videos").list_blob_names()]


async def test_fit_uploads_the_painting_follows_the_fit_and_says_how_to_use_it(
    client_process: ClientProcess, app: FakeFunctionApp, storage: BlobServiceClient, picture: Path
) -> None:
    app.script = [fitting(), fitted()]
    done = await client_process("fit", str(picture), "--style-scale", "2", "--max-dimension", "640", "--watch")
    assert done.code == 0, done.err
    assert app.requests == [
        {"style": "ber-wave", "fit_only": True, "options": {"style_scale": 2.0, "max_dimension": 640}}
    ]
    assert [name async for name in storage.get_container_client("styles").list_blob_names()] == ["ber-wave.jpg"]
    assert await videos(storage) == []
    assert TOLD in done.err
    assert done.out.splitlines() == [
        f"{app.jobs[0]}: finished",
        f"  model: {MODEL['key']}",
        "  fitted: patches, 1200 of 1500 steps, style 0.31, content 0.70, consistency 0.0021, in 4:32 on cpu",
        "  it was there already: job my-cat-0001 fitted it on 2026-01-02T03:04",
        "  for: size class 480, style scale 2; others get a fit of their own",
        "  to use it: python -m client submit VIDEO --style my-cat --style-scale 2 --max-dimension 640",
    ]


async def test_the_video_of_a_fit_goes_where_an_upload_starts_no_job_and_is_no_part_of_a_later_one(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path, picture: Path
) -> None:
    done = await client("fit", str(picture), "--video", str(clip), "--style-scale", "0.5")
    assert done.code == 0, done.err
    assert app.requests == [
        {"video": "clip.mp4", "style": "ber-wave", "fit_only": True, "options": {"style_scale": 0.5}}
    ]
    async with storage.get_blob_client("videos", "clip.mp4") as blob:
        assert (await blob.get_blob_properties()).metadata == {}
    again = await client("fit", str(picture), "--video", str(clip), "--style-scale", "0.5")
    assert "videos/clip.mp4 is there already" in again.err
    assert len(app.jobs) == 1
    assert (await client("submit", str(clip), "--style", str(picture))).code == 0
    assert await videos(storage) == ["ber-wave/clip.mp4", "clip.mp4"]


async def test_the_submit_command_names_the_video_of_the_fit(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    clip = clip.rename(clip.with_name("my clip.mp4"))
    app.script = [fitted()]
    app.jobs = ["my-cat-0001"]
    async with app.storage.get_blob_client("styles", "my-cat.jpg") as blob:
        await blob.upload_blob(b"a painting")
    done = await client("fit", "my-cat", "--video", str(clip), "--watch")
    assert f"submit '{clip}' --style my-cat --style-scale 2\n" in done.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["mosaic"], "'mosaic' is a built-in style, fitted already: use it with submit FILE --style mosaic"),
        (["mosaik"], "there is no style 'mosaik'; there are mosaic, my-cat"),
        (["gone.jpg"], "gone.jpg: there is no such file"),
        (["CLIP"], "must be one of .jpg, .jpeg, .png"),
        (["my-cat", "--video", "gone.mp4"], "gone.mp4: there is no such file"),
        (["my-cat", "--style-scale", "5"], "style_scale: Input should be less than or equal to 4 (got 5.0)"),
        (["my-cat", "--max-dimension", "3"], "max_dimension: Input should be greater than or equal to 16 (got 3)"),
    ],
)
async def test_what_cannot_be_fitted_is_one_line_before_anything_is_sent(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path, arguments: list[str], said: str
) -> None:
    done = await client("fit", *[str(clip) if word == "CLIP" else word for word in arguments], "--json")
    assert (done.code, len(done.err.strip().splitlines())) == (2, 1)
    assert said in done.err
    assert "error" in done.json
    assert app.requests == []
    assert await videos(storage) == []


async def test_a_painting_named_as_a_built_in_style_is_refused(
    client: Client, app: FakeFunctionApp, picture: Path
) -> None:
    done = await client("fit", str(picture.rename(picture.with_name("mosaic.jpg"))))
    assert (done.code, "rename mosaic.jpg to use your image" in done.err) == (2, True)


async def test_submit_takes_a_style_scale_but_not_for_a_built_in_style(
    client: Client, app: FakeFunctionApp, storage: BlobServiceClient, clip: Path, picture: Path
) -> None:
    done = await client("submit", str(clip), "--style", "mosaic", "--style-scale", "2")
    assert (done.code, "--style-scale 2: 'mosaic' is a built-in style" in done.err) == (2, True)
    assert await videos(storage) == []
    done = await client("submit", str(clip), "--style", str(picture), "--style-scale", "2")
    assert done.code == 0, done.err
    assert app.requests[0]["options"] == {"style_scale": 2.0}


async def test_a_failed_fit_is_exit_code_1_with_its_reason(client: Client, app: FakeFunctionApp, picture: Path) -> None:
    app.script = [fitting(), FAILED]
    done = await client("fit", str(picture), "--watch", "--json")
    assert (done.code, done.json["status"]) == (1, "failed")
    assert "ran out of memory" in done.json["reason"]


async def test_status_and_list_tell_a_fit_in_its_own_words(client: Client, app: FakeFunctionApp) -> None:
    app.jobs = ["my-cat-0001"]
    app.script = [fitting()]
    assert (await client("status", "my-cat-0001")).out == f"my-cat-0001: {TOLD}\n"
    assert "fit 300/1500" in (await client("list")).out
    told = await client("status", "my-cat-0001", "--json")
    assert (told.json["fit"]["step"], told.json["model"]) == (300, None)

    app.script = [fitted(frames=60) | {"job": "my-cat-0001"}]
    done = await client("status", "my-cat-0001")
    assert (done.code, done.out.splitlines()[0]) == (0, "my-cat-0001: finished")
    assert "there already" not in done.out
    assert "outputs/" not in done.out
    assert "fit only" in (await client("list")).out
    told = await client("status", "my-cat-0001", "--json")
    assert (told.json["model"], told.json["output"]) == (MODEL["key"], None)
    assert FittedModel.model_validate(told.json["fitted"]) == FittedModel.model_validate(MODEL)


def test_what_a_record_does_not_know_yet_is_not_told() -> None:
    found = FittedModel.model_validate(MODEL | {"fitted": None, "seconds": 0.0, "device": ""})
    assert ended(found, None) == "patches"
    assert ended(found, FitProgress(step=20, steps=20, style=0.5)) == "patches, 20 steps, style 0.50"


async def test_a_fit_has_no_video_to_download(client: Client, app: FakeFunctionApp, tmp_path: Path) -> None:
    app.jobs, app.script = ["my-cat-0001"], [fitted()]
    for command in (["download", "my-cat-0001"], ["status", "my-cat-0001"]):
        done = await client(*command, "--out", str(tmp_path / "out"))
        assert done.code == 1
        assert f"only fitted a style: there is no video to fetch; its model is {MODEL['key']}" in done.err
    assert not (tmp_path / "out").exists()


async def test_styles_tells_what_is_fitted_for_them(client: Client) -> None:
    told = await client("styles")
    assert told.out.splitlines() == [
        "mosaic  builtin   Mosaic",
        "my-cat  uploaded  my-cat",
        "        fitted: patches, size class 480, style scale 2, 1200 of 1500 steps, 2026-01-02T03:04",
    ]
    assert (await client("styles", "--json")).json["styles"][1]["models"] == [MODEL]


async def test_a_fit_is_no_base_for_a_range(client: Client, app: FakeFunctionApp, clip: Path) -> None:
    assert (await client("submit", str(clip), "--style", "mosaic")).code == 0
    app.jobs, app.script = ["my-cat-0001"], [fitted(video="mosaic/clip.mp4")]
    newest = await client("submit", str(clip), "--style", "mosaic", "--frames", "0-9")
    assert (newest.code, "there is no finished job of clip.mp4" in newest.err) == (2, True)
    named = await client("submit", str(clip), "--style", "mosaic", "--frames", "0-9", "--base", "my-cat-0001")
    assert (named.code, "only fitted a style; it has no frames to take" in named.err) == (2, True)
