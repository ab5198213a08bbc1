import time
from pathlib import Path

import pytest

from contracts.messages import GpuResult
from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ModelRef, ScoreSpec
from gpu_task import task
from gpu_task.timings import Timings
from media.errors import SegmentMismatch
from tests.gpu_task.conftest import SpecMaker, Storage

pytestmark = pytest.mark.timeout(120)

STARRY = ModelRef(name="starry-night", sha256=BUILTIN_STYLES["starry-night"].sha256, builtin=True)
WRONG = "0" * 64


def run(spec: ScoreSpec, folder: Path) -> GpuResult:
    return task.run(spec, folder, Timings(time.perf_counter()))


def styled(specs: SpecMaker, name: str, model: ModelRef | None) -> ScoreSpec:
    return specs.score(name, first=0, last=1, scorer="style-transfer", model=model)


def assert_failed(result: GpuResult, reason: str, storage: Storage, name: str, cause: str | None = "job") -> None:
    assert (result.outcome, result.cause, result.bad_frames) == ("failed", cause, ())
    assert str(result.reason).startswith(reason)
    assert "sig=" not in str(result.reason).replace("sig=REDACTED", "")
    assert result.frames == ()
    assert result.output_sha256 is None
    assert not storage.exists(f"{name}/segment.mp4")


def test_a_source_that_is_no_video(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    source = storage.upload("corrupted.mp4", b"\0" * 5000)

    result = run(specs.score("corrupted", source=source), tmp_path)

    assert_failed(result, "UnsupportedMedia: http", storage, "corrupted")
    assert "work/corrupted.mp4" in str(result.reason)


def test_a_video_damaged_inside_the_chunk(storage: Storage, specs: SpecMaker, video: Path, tmp_path: Path) -> None:
    data = bytearray(video.read_bytes())
    middle = data.index(b"mdat") + 200
    data[middle:-200] = bytes(len(data) - 200 - middle)

    result = run(specs.score("damaged", source=storage.upload("damaged.mp4", bytes(data))), tmp_path)

    assert result.outcome == "failed"
    assert not storage.exists("damaged/segment.mp4")


def test_a_built_in_style_of_another_version(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = styled(specs, "version", STARRY.model_copy(update={"sha256": WRONG}))

    assert_failed(run(spec, tmp_path), "ModelHashError: model 'starry-night': sha256 is", storage, "version")


def test_a_model_that_is_gone(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = styled(specs, "gone", ModelRef(name="mine", sha256=WRONG, url=storage.url("no-model", "r")))

    assert_failed(run(spec, tmp_path), "ModelGoneError: model 'mine': http", storage, "gone")


def test_a_model_behind_a_host_that_cannot_be_reached(
    storage: Storage, specs: SpecMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("azure.storage.blob._shared.policies.ExponentialRetry.get_backoff_time", lambda *_: 0)
    path = storage.url("model", "r").split("/", 3)[3]
    # Nothing listens on the discard port.
    spec = styled(specs, "unreachable", ModelRef(name="mine", sha256=WRONG, url=f"http://127.0.0.1:9/{path}"))

    assert_failed(run(spec, tmp_path), "ServiceRequestError: ", storage, "unreachable", cause=None)


def test_a_model_that_was_forgotten(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    assert_failed(run(styled(specs, "none", None), tmp_path), "ModelMissingError: model: not given", storage, "none")


def test_an_unknown_scorer(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    result = run(specs.score("upscale", scorer="upscale"), tmp_path)

    assert_failed(result, "UnknownScorerError: scorer 'upscale' is not known; there are: style", storage, "upscale")


def test_a_source_that_was_changed(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = specs.score("changed", source=specs.source.model_copy(update={"etag": '"0x0"'}))

    assert_failed(run(spec, tmp_path), "SourceChangedError: http", storage, "changed")


def test_a_source_that_was_removed(storage: Storage, specs: SpecMaker, video: Path, tmp_path: Path) -> None:
    source = storage.upload("removed.mp4", video.read_bytes())
    storage.blobs.get_blob_client("work", "removed.mp4").delete_blob()

    assert_failed(run(specs.score("removed", source=source), tmp_path), "SourceChangedError: http", storage, "removed")


def test_a_segment_that_is_not_right_may_be_next_time(
    storage: Storage, specs: SpecMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise SegmentMismatch("segment.mp4: 11 frames; frames 4..15 are 12")

    monkeypatch.setattr("gpu_task.score_task.check_segment", refuse)

    assert_failed(run(specs.score("short"), tmp_path), "SegmentMismatch: ", storage, "short", cause=None)
