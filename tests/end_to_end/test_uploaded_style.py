"""A painting of the user's own: fitted once, on frames of the video, and reused."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.fit import RECIPES
from media.verify import frame_times_of
from tests.end_to_end.local_stack import LocalStack
from tests.pictures import picture

pytestmark = pytest.mark.timeout(400)


@pytest.fixture
def painting(tmp_path: Path) -> Path:
    """Diagonal strokes in three colours."""
    y, x = np.mgrid[0:160, 0:200]
    colours = np.array([(20, 40, 120), (230, 180, 40), (240, 235, 220)], np.uint8)
    path = tmp_path / "strokes.png"
    Image.fromarray(colours[((x + y) // 7 + (x - y) // 23) % 3]).save(path)
    return path


def test_a_painting_is_fitted_once_and_its_weights_are_reused(
    new_stack: Callable[..., LocalStack], clip: Path, painting: Path, tmp_path: Path
) -> None:
    stack = new_stack(nodes=1, settings={"FIT_FEATURES": "patches", "FIT_STEPS": "5"})
    with painting.open("rb") as file:
        stack.data.get_blob_client("styles", "strokes.png").upload_blob(file)
    stack.upload(clip, "first.mp4")
    first = stack.wait(stack.submit(video="first.mp4", style="strokes"), 300)
    assert first["runtimeStatus"] == "Completed", first
    assert frame_times_of(stack.download(f"{first['job']}/video.mp4", tmp_path / "v.mp4")) == frame_times_of(clip)

    models = stack.system_blobs("models")
    provenance = json.loads(stack.download(f"{first['job']}/provenance.json", tmp_path / "p").read_text())
    assert models == [f"{provenance['model']}.json", f"{provenance['model']}.safetensors"]
    assert (provenance["model_features"], provenance["model_recipe"]) == ("patches", RECIPES["patches"])
    assert first["output"]["model"] == provenance["model"]
    assert "fit-a1-r1.log" in "".join(stack.system_blobs("logs", f"{first['job']}/"))

    stack.upload(clip, "second.mp4")
    by_style = stack.submit(video="second.mp4", style="strokes")
    by_model = stack.submit(video="second.mp4", model=provenance["model"])
    for job in (by_style, by_model):
        assert stack.wait(job, 200)["runtimeStatus"] == "Completed"
        assert not [name for name in stack.system_blobs("logs", f"{job}/") if "/fit-" in name]
    assert stack.system_blobs("models") == models


def test_a_picture_that_is_cut_off_fails_the_job_with_a_reason_and_no_picture_is_refused_at_the_door(
    new_stack: Callable[..., LocalStack], clip: Path
) -> None:
    stack = new_stack(nodes=1, settings={"FIT_FEATURES": "patches", "FIT_STEPS": "5", "MAX_ATTEMPTS": "1"})
    stack.data.get_blob_client("styles", "broken.jpg").upload_blob(picture("JPEG")[:2_000])
    stack.data.get_blob_client("styles", "text.jpg").upload_blob(b"this is not a picture")
    stack.upload(clip, "clip.mp4")
    assert stack.post(video="clip.mp4", style="text").status_code == 400
    ended = stack.wait(stack.submit(video="clip.mp4", style="broken"), 120)
    assert ended["runtimeStatus"] == "Failed"
    assert "styles/broken.jpg" in ended["customStatus"]["reason"]
    assert stack.system_blobs("models") == []
