"""The program as Batch runs it: a process, one environment variable, real storage."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import av
import pytest

from contracts.messages import GpuResult
from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import SPEC_URL_VARIABLE, FitSpec, ModelRef, ScoreSpec
from media.frames import to_rgb
from media.segment import check_segment
from tests.gpu_task.conftest import ROOT, SpecMaker, Storage, picture

pytestmark = pytest.mark.timeout(120)

STARRY = ModelRef(name="starry-night", sha256=BUILTIN_STYLES["starry-night"].sha256, builtin=True)
SIGNATURE = re.compile(r"sig=(?!REDACTED)")


def run(storage: Storage, spec: ScoreSpec | FitSpec | str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Uploads the spec and runs `python -m gpu_task` on it."""
    storage.upload("spec.json", (spec if isinstance(spec, str) else spec.to_json()).encode())
    known = {key: value for key, value in os.environ.items() if not key.startswith(("ATELIER_", "AZ_BATCH_"))}
    return subprocess.run(
        [sys.executable, "-m", "gpu_task"],
        cwd=ROOT,
        env={**known, SPEC_URL_VARIABLE: storage.url("spec.json", "r"), "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_identity_chunk_is_written_checked_and_reported(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = specs.score("identity", first=4, last=15)

    done = run(storage, spec, AZ_BATCH_TASK_WORKING_DIR=str(tmp_path))

    assert done.returncode == 0, done.stderr
    (result,) = storage.results()
    data = storage.read("identity/segment.mp4")
    assert result.outcome == "succeeded"
    assert result.frames == ((4, 15),)
    assert (result.job, result.task, result.chunk, result.instance_id) == ("job-1", "c00000-a1", 0, "job-1:r1:c00000")
    assert result.output_sha256 == hashlib.sha256(data).hexdigest()
    assert result.output_bytes == len(data)
    assert result.device.startswith("cpu")
    assert result.peak_memory_bytes > 0
    assert result.seconds.total > 0
    assert storage.metadata("identity/segment.mp4") == {
        "first": "4",
        "last": "15",
        "sha256": result.output_sha256,
        "task": "c00000-a1",
    }
    path = tmp_path / "segment.mp4"
    path.write_bytes(data)
    check_segment(path, specs.index, 4, 15)
    with av.open(str(path)) as container:
        decoded = [to_rgb(frame) for frame in container.decode(video=0)]
    for number, rgb in zip(range(4, 16), decoded, strict=True):
        assert abs(rgb.astype(int) - picture(number)).mean() < 6
    assert not storage.exists("identity/progress")  # it was over before its first word was due
    timings = json.loads(storage.read("identity/timings.json"))
    assert [row["frame"] for row in timings["frames"]] == list(range(4, 16))
    assert timings["seconds"]["decode"] > 0
    assert "score frames 4..15" in storage.read("identity/task.log").decode()


def test_identity_needs_no_torch(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('torch was imported')\n")

    done = run(storage, specs.score("no-torch", first=0, last=2), PYTHONPATH=str(tmp_path))

    assert done.returncode == 0, done.stderr
    assert storage.results()[0].outcome == "succeeded"


def test_requeued_task_reports_the_output_that_is_there(storage: Storage, specs: SpecMaker) -> None:
    spec = specs.score("requeued", first=0, last=3)
    assert run(storage, spec).returncode == 0
    (first,) = storage.results()
    etag = storage.blobs.get_blob_client("work", "requeued/segment.mp4").get_blob_properties().etag

    assert run(storage, spec).returncode == 0

    (second,) = storage.results()
    assert (second.outcome, second.frames) == ("succeeded", ((0, 3),))
    assert (second.output_sha256, second.output_bytes) == (first.output_sha256, first.output_bytes)
    assert second.seconds.score == 0
    assert storage.blobs.get_blob_client("work", "requeued/segment.mp4").get_blob_properties().etag == etag


def test_style_transfer_paints_with_a_built_in_style(storage: Storage, specs: SpecMaker, tmp_path: Path) -> None:
    spec = specs.score("styled", first=2, last=9, warm_up=2, scorer="style-transfer", model=STARRY)

    done = run(storage, spec)

    assert done.returncode == 0, done.stderr
    (result,) = storage.results()
    assert result.frames == ((2, 9),)
    assert result.device.endswith(", eager")
    path = tmp_path / "segment.mp4"
    path.write_bytes(storage.read("styled/segment.mp4"))
    check_segment(path, specs.index, 2, 9)
    with av.open(str(path)) as container:
        rgb = to_rgb(next(container.decode(video=0)))
    assert abs(rgb.astype(int) - picture(2)).mean() > 20


def test_a_failure_is_reported_with_its_reason_and_no_signature(storage: Storage, specs: SpecMaker) -> None:
    changed = specs.source.model_copy(update={"etag": '"0x0"'})

    done = run(storage, specs.score("changed", source=changed))

    assert done.returncode == 1
    (result,) = storage.results()
    log = storage.read("changed/task.log").decode()
    assert result.outcome == "failed"
    assert str(result.reason).startswith("SourceChangedError: http")
    assert "changed or removed" in str(result.reason)
    assert "SourceChangedError" in log
    timings = json.loads(storage.read("changed/timings.json"))
    assert timings["outcome"] == "failed"
    assert GpuResult.model_validate(timings["result"]) == result.model_copy(update={"token": None})
    assert not storage.exists("changed/segment.mp4")
    for text in (result.reason, log, done.stderr, done.stdout):
        assert not SIGNATURE.search(str(text))


def test_without_a_valid_spec_there_is_nothing_to_report(storage: Storage, specs: SpecMaker) -> None:
    broken = specs.score("broken").to_json().replace('"first":4', '"first":"four"')

    done = run(storage, broken)

    assert done.returncode == 2
    assert "first" in done.stderr
    assert not SIGNATURE.search(done.stderr)
    assert storage.results() == []


def test_a_result_that_cannot_be_sent_is_exit_code_3(storage: Storage, specs: SpecMaker) -> None:
    spec = specs.score("unsent", first=0, last=1)
    queue = spec.to.results_queue.replace("/results?", "/no-such-queue?")

    done = run(storage, spec.model_copy(update={"to": spec.to.model_copy(update={"results_queue": queue})}))

    assert done.returncode == 3
    assert storage.exists("unsent/segment.mp4")
    assert not SIGNATURE.search(done.stderr)
