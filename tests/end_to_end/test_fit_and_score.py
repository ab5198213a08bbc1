"""A user brings a painting: it is fitted once, and every clip after that is painted at once. The client alone."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from contracts.fit import FittedModel
from media.verify import frame_times_of
from tests.end_to_end.client_program import client
from tests.end_to_end.local_stack import LocalStack, make_clip, wait_for

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning:azure.batch"),
]

STEPS = 5


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalStack]:
    settings = {"FIT_FEATURES": "patches", "FIT_STEPS": str(STEPS)}
    with LocalStack(tmp_path_factory.mktemp("fits"), settings=settings) as running:
        yield running


def painting(path: Path, colour: int) -> Path:
    """Stripes of `colour` and white."""
    stripes = np.where(np.indices((96, 128)).sum(0)[..., None] // 6 % 2, (colour, 60, 30), 255).astype(np.uint8)
    Image.fromarray(stripes).save(path, quality=90)
    return path


def tiny_clip(path: Path) -> Path:
    return make_clip(path, frames=8, size=(96, 64), sound=False)


def frames_of(path: Path) -> NDArray[np.float32]:
    with av.open(str(path)) as video:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]).astype(np.float32)


def fit_tasks(stack: LocalStack, job: str) -> list[str]:
    return [task for task in stack.batch_tasks(job) if task.startswith("fit-")]


def jobs_in(stack: LocalStack, style: str) -> dict[str, str]:
    """{job: video} of those in a style."""
    known = ((job["job"], job["customStatus"] or {}) for job in stack.jobs())
    return {job: status["video"] for job, status in known if status.get("style") == style}


def test_the_first_clip_is_painted_after_a_fit_and_the_second_without_one(stack: LocalStack, tmp_path: Path) -> None:
    my = str(painting(tmp_path / "my.jpg", colour=200))
    clip, other = tiny_clip(tmp_path / "clip.mp4"), make_clip(tmp_path / "other.mp4", 6, size=(64, 96), sound=False)
    code, first, said = client(stack, "submit", str(clip), "--style", my, "--out", str(tmp_path / "first"))
    assert code == 0, said
    assert (first["status"], first["frames"]) == ("finished", 8)
    assert (first["fit"]["step"], first["fit"]["steps"]) == (STEPS, STEPS)
    assert fit_tasks(stack, first["job"]) == ["fit-a1"]
    painted = tmp_path / "first" / "video.mp4"
    assert frame_times_of(painted) == frame_times_of(clip)
    # Levels of 255; what the encoder alone loses on such a clip is under 5.
    assert np.abs(frames_of(painted) - frames_of(clip)).mean() > 10

    code, second, said = client(stack, "submit", str(other), "--style", my, "--out", str(tmp_path / "second"))
    assert code == 0, said
    assert fit_tasks(stack, second["job"]) == []
    assert "fitting the style" not in said
    assert (second["fit"], second["model"]) == (None, first["model"])
    assert frame_times_of(tmp_path / "second" / "video.mp4") == frame_times_of(other)


def test_a_fit_ahead_is_one_job_that_its_video_starts_no_other_of_and_what_it_left_is_used(
    stack: LocalStack, tmp_path: Path
) -> None:
    ahead, clip = str(painting(tmp_path / "ahead.jpg", colour=90)), tiny_clip(tmp_path / "ahead.mp4")
    code, fitted, said = client(stack, "fit", ahead, "--video", str(clip), "--watch")
    assert code == 0, said
    assert (fitted["status"], fitted["output"]) == ("finished", None)
    record = FittedModel.model_validate(fitted["fitted"])
    assert (record.key, record.job, record.style) == (fitted["model"], fitted["job"], "ahead")
    assert record.fitted is not None
    assert record.fitted.step == STEPS

    code, refused, _ = client(stack, "download", fitted["job"], "--out", str(tmp_path / "none"))
    assert (code, fitted["model"] in refused["error"]) == (1, True)
    _, styles, _ = client(stack, "styles")
    assert [style["models"] for style in styles["styles"] if style["name"] == "ahead"] == [[fitted["fitted"]]]

    # The upload door has looked once it has found this one, which comes later: it lists them all.
    stack.upload(clip, "ahead/later.mp4")
    begun = wait_for(lambda: found if len(found := jobs_in(stack, "ahead")) > 1 else None)
    assert set(begun.values()) == {"ahead.mp4", "ahead/later.mp4"}
    assert begun[fitted["job"]] == "ahead.mp4"
    (later,) = set(begun) - {fitted["job"]}
    ended = stack.wait(later)
    assert (ended["runtimeStatus"], ended["output"]["model"]) == ("Completed", fitted["model"])
    assert fit_tasks(stack, later) == []


def test_a_painting_is_fitted_without_a_video_at_a_scale_of_its_own(stack: LocalStack, tmp_path: Path) -> None:
    alone = str(painting(tmp_path / "alone.jpg", colour=140))
    code, fitted, said = client(stack, "fit", alone, "--style-scale", "2", "--watch")
    assert (code, fitted["video"]) == (0, None), f"{said}{fitted}"
    assert fitted["fitted"]["style_scale"] == 2.0
    code, again, said = client(stack, "fit", "alone", "--style-scale", "2", "--watch")
    assert (code, again["job"]) == (0, fitted["job"]), said
