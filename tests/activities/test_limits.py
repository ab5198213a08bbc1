"""Every limit: what is just allowed, and the refusal just beyond it, with value, limit, setting and remedy."""

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from activities import limits, plan_chunks, probe_video, storage
from activities.limits import OverLimit
from activities.refusal import JobRefused
from contracts import layout
from contracts.job import JobOptions, JobRequest, StartInput
from contracts.plan import Plan
from contracts.settings import Settings
from tests.azurite import Azurite
from tests.end_to_end.local_stack import make_clip

KNOWN = Settings(
    max_upload_bytes=100,
    max_frames=100,
    max_pixels=100,
    max_duration_seconds=100.0,
    max_style_bytes=100,
    max_style_pixels=100,
    max_chunks=100,
    max_job_cost=100.0,
    max_concurrent_jobs=100,
)


@pytest.mark.parametrize(
    ("check", "setting"),
    [
        (lambda n: limits.check_video_bytes(n, KNOWN), "MAX_UPLOAD_BYTES"),
        (lambda n: limits.check_frames("a.mp4", n, KNOWN), "MAX_FRAMES"),
        (lambda n: limits.check_pixels("a.mp4", n, 1, KNOWN), "MAX_PIXELS"),
        (lambda n: limits.check_duration("a.mp4", n, KNOWN), "MAX_DURATION_SECONDS"),
        (lambda n: limits.check_style_bytes(n, KNOWN), "MAX_STYLE_BYTES"),
        (lambda n: limits.check_style_pixels(n, 1, KNOWN), "MAX_STYLE_PIXELS"),
        (lambda n: limits.check_chunks(1, n, KNOWN), "MAX_CHUNKS"),
        (lambda n: limits.check_cost(float(n), None, KNOWN), "MAX_JOB_COST"),
        (lambda n: limits.check_cost(float(n), 100.0, KNOWN), "options.max_cost"),
        (lambda n: limits.check_jobs(n, KNOWN), "MAX_CONCURRENT_JOBS"),
    ],
)
def test_the_limit_itself_is_allowed_and_one_more_is_refused(check: Callable[[int], None], setting: str) -> None:
    check(100)
    with pytest.raises(OverLimit) as caught:
        check(101)
    error = caught.value
    assert ("101" in error.value, "100" in error.limit, error.setting) == (True, True, setting)
    assert f"over the limit of {error.limit} ({setting}); {error.remedy}" in str(error)
    assert error.entry()["problem"] in str(error.refusal())


def test_a_cost_and_a_number_of_jobs_may_have_no_limit() -> None:
    free = Settings(max_job_cost=0.0, max_concurrent_jobs=0)
    limits.check_cost(1e9, None, free)
    limits.check_jobs(10**9, free)


@pytest.fixture
def start(
    azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[StartInput]:
    """A clip of 30 frames of 64x48, 1 s, in storage."""
    for account in ("DATA_STORAGE", "SYSTEM_STORAGE"):
        monkeypatch.setenv(account, azurite.connection_string)
    storage.data_account.cache_clear()
    storage.system_account.cache_clear()
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        for name in (layout.VIDEOS, layout.JOBS):
            if not service.get_container_client(name).exists():
                service.create_container(name)
    clip = make_clip(tmp_path / "clip.mp4", frames=30, size=(64, 48), sound=False)
    blob = storage.data_account().container(layout.VIDEOS).get_blob_client("limits/clip.mp4")
    blob.upload_blob(clip.read_bytes(), overwrite=True)
    properties = blob.get_blob_properties()
    job = f"limits-{zlib.crc32(request.node.name.encode())}"
    storage.system_account().delete_prefix(layout.JOBS, f"{job}/")
    yield StartInput(
        job=job,
        request=JobRequest(video="limits/clip.mp4", scorer="identity"),
        video_etag=str(properties.etag),
        video_bytes=int(properties.size),
    )
    storage.data_account.cache_clear()
    storage.system_account.cache_clear()


def limit_to(monkeypatch: pytest.MonkeyPatch, **known: float) -> None:
    limited = Settings(batch_endpoint="http://x", **known)
    for module in (probe_video, plan_chunks):
        monkeypatch.setattr(module, "settings", lambda: limited)


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        ({"max_frames": 29}, "30 frames, over the limit of 29"),
        ({"max_pixels": 64 * 48 - 1}, "64x48 is over the limit of 3071 pixels"),
        (
            {"max_duration_seconds": 0.9},
            "a duration of 1.0 s is over the limit of 0.9 s (MAX_DURATION_SECONDS); cut it",
        ),
    ],
)
def test_a_video_over_a_limit_fails_its_job_when_it_is_probed(
    start: StartInput, monkeypatch: pytest.MonkeyPatch, limit: dict[str, float], said: str
) -> None:
    limit_to(monkeypatch, **limit)
    with pytest.raises(JobRefused) as caught:
        probe_video.probe_video(start)
    assert said in str(caught.value)
    assert "limits/clip.mp4" in str(caught.value)


@pytest.mark.parametrize("limit", [{"max_frames": 29}, {"max_pixels": 3_071}])
def test_a_run_again_is_held_to_the_limits_of_today(
    start: StartInput, monkeypatch: pytest.MonkeyPatch, limit: dict[str, float]
) -> None:
    limit_to(monkeypatch)
    probe_video.probe_video(start)
    limit_to(monkeypatch, **limit)
    with pytest.raises(JobRefused, match="MAX_"):
        probe_video.probe_video(start)


@pytest.mark.parametrize(
    ("known", "options", "said"),
    [
        (
            {"max_chunks": 9},
            {"chunk_size": 3},
            "3 frames a chunk: 10 chunks is over the limit of 9 chunks (MAX_CHUNKS)",
        ),
        ({"node_price_per_hour": 3600.0, "max_job_cost": 1.0}, {}, "(MAX_JOB_COST); shorten the video"),
        ({"node_price_per_hour": 3600.0}, {"max_cost": 1.0}, "over the limit of 1.00 (options.max_cost); raise it"),
    ],
)
def test_a_plan_over_a_limit_fails_its_job_and_is_not_written(
    start: StartInput, monkeypatch: pytest.MonkeyPatch, known: dict[str, float], options: dict[str, float], said: str
) -> None:
    limit_to(monkeypatch, **known)
    request = start.request.model_copy(update={"options": JobOptions.model_validate(options)})
    asked = start.model_copy(update={"request": request})
    probe_video.probe_video(asked)
    with pytest.raises(JobRefused) as caught:
        plan_chunks.plan_chunks(asked)
    assert said in str(caught.value)
    assert not storage.system_account().exists(layout.JOBS, layout.plan_blob(start.job))


def test_the_planners_own_choice_keeps_to_the_limit(start: StartInput, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_to(monkeypatch, max_chunks=4, pool_nodes=30, start_up_seconds=0.0, seconds_per_megapixel=1000.0)
    probe_video.probe_video(start)
    assert plan_chunks.plan_chunks(start).chunks <= 4
    plan = storage.system_account().read_json(layout.JOBS, layout.plan_blob(start.job), Plan)
    assert sum(chunk.frame_count for chunk in plan.chunks) == 30
