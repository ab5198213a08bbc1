"""A range of a finished video in another style: only that is scored, all else is the earlier result, bit by bit."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from contracts.ledger import Ledger
from contracts.provenance import Provenance
from media.verify import audio_digests, frame_times_of
from tests.end_to_end.local_stack import LocalStack, make_clip

pytestmark = pytest.mark.timeout(300)

VIDEO = "range.mp4"


@pytest.fixture(scope="module")
def base(stack: LocalStack, clip: Path) -> str:
    """A finished job of 60 frames in chunks of 12."""
    stack.upload(clip, VIDEO)
    job = stack.submit(video=VIDEO, scorer="identity", options={"chunk_size": 12})
    assert stack.wait(job)["runtimeStatus"] == "Completed"
    return job


def frames_of(path: Path) -> list[np.ndarray]:
    """Decoded frames as they are coded: [H * 3 / 2, W], yuv420p."""
    with av.open(str(path)) as container:
        return [frame.to_ndarray() for frame in container.decode(video=0)]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return 99.0 if error == 0 else float(10 * np.log10(255**2 / error))


def test_a_range_is_scored_anew_and_the_rest_is_the_bases(
    stack: LocalStack, base: str, clip: Path, tmp_path: Path
) -> None:
    job = stack.submit(video=VIDEO, style="starry-night", frames=[20, 30], base=base, options={"chunk_size": 12})
    ended = stack.wait(job, 200)
    assert ended["runtimeStatus"] == "Completed", ended
    result = ended["output"]

    before = frames_of(stack.download(f"{base}/video.mp4", tmp_path / "before.mp4"))
    path = stack.download(result["output"], tmp_path / "after.mp4")
    after = frames_of(path)
    assert len(after) == len(before) == 60
    # The base's segments begin at 0, 12, 24, 36, 48: 20..30 cuts the second and the third of them.
    for number in (*range(12), *range(36, 60)):
        assert np.array_equal(after[number], before[number]), number
    for number in (*range(12, 20), *range(31, 36)):
        assert psnr(after[number], before[number]) > 38, number
    for number in range(20, 31):
        assert psnr(after[number], before[number]) < 25, number
    assert frame_times_of(path) == frame_times_of(clip)
    assert audio_digests(path) == audio_digests(clip)

    ledger = Ledger.model_validate_json(stack.download(result["ledger"], tmp_path / "l").read_text())
    ledger.require_complete()
    assert [(e.first, e.last, e.outcome) for e in ledger.entries] == [
        (0, 11, "reused"),
        (12, 19, "reused"),
        (20, 30, "scored"),
        (31, 35, "reused"),
        (36, 47, "reused"),
        (48, 59, "reused"),
    ]
    provenance = Provenance.model_validate_json(stack.download(result["provenance"], tmp_path / "p").read_text())
    assert (provenance.request.frames, provenance.request.base) == ((20, 30), base)
    # Only what was scored ran on Batch: one task, and so one log.
    assert {name.split("/")[1] for name in stack.system_blobs("logs", f"{job}/")} == {
        "c00002-a1-r1.log",
        "c00002-a1-r1.timings.json",
    }


def problems(stack: LocalStack, **request: Any) -> list[tuple[str, str]]:
    answer = stack.post(**({"video": VIDEO, "scorer": "identity", "frames": [20, 30]} | request))
    assert answer.status_code == 400, answer.text
    return [(entry["field"], entry["problem"]) for entry in answer.json()["errors"]]


def test_a_wrong_base_another_video_and_a_range_beyond_the_end_are_refused_at_the_door(
    stack: LocalStack, base: str, tmp_path: Path
) -> None:
    ((field, problem),) = problems(stack, base="nothing-0000000000000000")
    assert (field, "no finished job of that name" in problem) == ("base", True)

    stack.upload(make_clip(tmp_path / "other.mp4", frames=60), "another.mp4")
    ((field, problem),) = problems(stack, video="another.mp4", base=base)
    assert (field, "another video, 'range.mp4'" in problem) == ("base", True)

    ((field, problem),) = problems(stack, base=base, frames=[50, 60])
    assert (field, "frames 0..59" in problem) == ("frames", True)

    ((field, problem),) = problems(stack, base=base, options={"max_dimension": 96})
    assert (field, "leave options.max_dimension out" in problem) == ("options.max_dimension", True)
