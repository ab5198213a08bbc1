"""A quote is the job's own plan, asked for before there is a job."""

import hashlib
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from activities import model_choice, storage
from activities import settings as app_settings
from activities.plan_chunks import plan_chunks
from activities.publish import publish
from activities.quoting import quote
from activities.segments import record
from contracts import layout
from contracts.job import JobOptions, JobRequest, StartInput
from contracts.plan import Plan
from contracts.quote import Quote, QuoteRequest, VideoFacts
from contracts.steps import PublishInput, Stitched
from tests.activities.fits import leave_weights, weights_for
from tests.activities.scored_chunks import outcomes, video_index
from tests.azurite import Azurite
from tests.job_services import accounts_only, names, write_start

pytestmark = pytest.mark.timeout(60)

PRICES = {"NODE_PRICE_PER_HOUR": "3600", "SPOT_PRICE_PER_HOUR": "900", "PRICE_CURRENCY": "EUR"}  # 1 and 1/4 a second
POOL = {"POOL_NODES": "2", "SECONDS_PER_MEGAPIXEL": "100", "START_UP_SECONDS": "4", "SCORE_COMPILE": "never"}


@pytest.fixture(autouse=True)
def pool(azurite: Azurite, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A pool that nothing was measured on, whose nodes are never lost."""
    name = uuid.uuid4().hex
    with accounts_only(azurite, monkeypatch, **PRICES, **POOL, BATCH_POOL_ID=name, NODE_LOSSES_PER_HOUR="0"):
        yield name


def set_to(monkeypatch: pytest.MonkeyPatch, **values: str) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    app_settings.settings.cache_clear()


def asked(count: int = 60, /, **request: Any) -> QuoteRequest:
    facts = VideoFacts(frames=count, width=64, height=48, seconds=count / 25, bytes=10_000)
    made = JobRequest.model_validate({"video": "a.mp4", "style": "mosaic"} | request)
    return QuoteRequest(request=made, video=facts)


def quoted(frames: int = 60, **request: Any) -> Quote:
    return quote(asked(frames, **request), None)


def planned(frames: int = 60, **options: Any) -> tuple[StartInput, Plan]:
    """A job of the same video, as far as its plan."""
    job = f"clip-{uuid.uuid4().hex[:12]}"
    storage.data_account().write_text(layout.VIDEOS, f"{job}.mp4", "x")
    request = JobRequest(video=f"{job}.mp4", style="mosaic", options=JobOptions.model_validate(options))
    start = StartInput(job=job, request=request, video_etag="0x1", video_bytes=1)
    write_start(start)
    storage.system_account().write_json(layout.JOBS, layout.index_blob(job), video_index(frames))
    plan_chunks(start)
    return start, storage.system_account().read_json(layout.JOBS, layout.plan_blob(job), Plan)


def same(told: Quote, plan: Plan) -> bool:
    return (told.expected_seconds, told.expected_cost, told.figures, told.execution, told.chunks) == (
        plan.expected_seconds,
        plan.expected_cost,
        plan.figures,
        plan.execution,
        len(plan.chunks),
    )


@pytest.mark.parametrize("options", [{}, {"chunk_size": 7}, {"max_dimension": 32}])
def test_it_is_the_plan_that_the_job_gets(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, NODE_LOSSES_PER_HOUR="30", SCORE_COMPILE="auto")
    for frames in (60, 5000):
        assert same(quoted(frames, options=options), planned(frames, **options)[1])


def test_what_jobs_have_measured_counts_for_quote_and_job_alike() -> None:
    before = quoted()
    start, plan = planned(chunk_size=20)
    for one in outcomes(plan, job=start.job):
        record(start.job, one)
        storage.system_account().write_text(layout.JOBS, one.segment, "{}")
    stitched = Stitched(output="x", output_sha256="0" * 64, output_bytes=1, audio=())
    publish(
        PublishInput(job=start.job, run=1, stitched=stitched, seconds=1, wasted_seconds=0, cost=0, scoring_seconds=60)
    )
    told = quoted()
    assert (told.figures.source, told.figures.measured_jobs) == ("measured", (start.job,))
    assert told.expected_seconds != before.expected_seconds
    assert same(told, planned()[1])


def test_seconds_are_told_by_what_they_are_spent_on_and_sum_up_to_the_price() -> None:
    told = quoted(60, options={"chunk_size": 20})
    assert (told.seconds.start_up, told.seconds.fit, told.seconds.compile, told.seconds.stitch) == (12.0, 0.0, 0.0, 0.0)
    assert told.seconds.score == pytest.approx((60 + 2 * told.figures.warm_up) * 0.3072)
    assert told.node_seconds == pytest.approx(told.seconds.total)
    assert told.expected_cost == pytest.approx(told.seconds.total)
    assert told.price is not None
    assert (told.price.low, told.price.high) == (
        pytest.approx(told.seconds.total / 4),
        pytest.approx(told.seconds.total),
    )
    assert (told.currency, told.frames, told.width, told.height) == ("EUR", 60, 64, 48)
    assert (told.chunks, told.chunk_frames, told.nodes) == (3, 20, 2)


def test_lost_nodes_raise_only_the_upper_end_of_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    safe = quoted()
    set_to(monkeypatch, NODE_LOSSES_PER_HOUR="20")
    lossy = quoted(options={"chunk_size": safe.chunk_frames})
    assert safe.price is not None
    assert lossy.price is not None
    assert lossy.repeated_seconds > 0 == safe.repeated_seconds
    assert lossy.price.low == safe.price.low
    assert lossy.price.high == pytest.approx(lossy.seconds.total + lossy.repeated_seconds)


def test_a_nodes_slots_share_its_price(monkeypatch: pytest.MonkeyPatch) -> None:
    one = quoted(options={"chunk_size": 20})
    set_to(monkeypatch, POOL_SLOTS_PER_NODE="2")
    two = quoted(options={"chunk_size": 20})
    assert one.price is not None
    assert two.price is not None
    assert (two.price.high, two.node_seconds) == (
        pytest.approx(one.price.high / 2),
        pytest.approx(one.node_seconds / 2),
    )


def test_without_a_price_there_is_none_told(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, NODE_PRICE_PER_HOUR="0", SPOT_PRICE_PER_HOUR="0", NODE_BOOT_SECONDS="0")
    told = quoted()
    assert (told.price, told.boot_seconds) == (None, None)
    assert told.node_seconds > 0


def test_an_empty_pools_boot_is_told_beside_the_expected_time(monkeypatch: pytest.MonkeyPatch) -> None:
    known = quoted()
    set_to(monkeypatch, NODE_BOOT_SECONDS="600")
    assert (quoted().expected_seconds, quoted().boot_seconds) == (known.expected_seconds, 600.0)


def test_a_painting_that_no_network_is_fitted_to_adds_its_fit_and_one_that_has_one_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So many steps that no other test has fitted: how long those took would count.
    set_to(monkeypatch, FIT_FEATURES="patches", FIT_MAX_SECONDS="100", FIT_STEPS="4321")
    sha256 = hashlib.sha256(uuid.uuid4().bytes).hexdigest()
    wanted = asked(style="mine", options={"chunk_size": 20})
    told = quote(wanted, sha256)
    assert told.seconds.fit == 104.0  # as long as it may take, and a start-up
    assert told.expected_seconds == pytest.approx(quote(wanted, None).expected_seconds + 104.0)
    choice = model_choice.choice_now(sha256, 1.0, model_choice.class_of(64, 48, None))
    leave_weights(choice, weights_for(choice))
    assert quote(wanted, sha256).seconds.fit == 0.0


def test_only_the_frames_that_are_asked_for_are_reckoned_with() -> None:
    part = quote(asked(600, frames=(100, 159), base="earlier-0123", options={"chunk_size": 20}), None)
    assert part.frames == 60
    assert part.seconds == quoted(60, options={"chunk_size": 20}).seconds


def test_what_is_stitched_on_a_node_is_paid_for(monkeypatch: pytest.MonkeyPatch) -> None:
    set_to(monkeypatch, STITCH_INLINE_BYTES="0")
    told = quoted()
    assert told.seconds.stitch == pytest.approx(4.0, abs=0.01)  # its start-up: 10 kB take no time
    assert told.price is not None
    assert told.price.high == pytest.approx(told.expected_cost + told.seconds.stitch)


def test_limits_that_the_job_would_break_are_told_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"MAX_FRAMES": "50", "MAX_PIXELS": "100", "MAX_DURATION_SECONDS": "1", "MAX_CHUNKS": "3"}
    set_to(monkeypatch, **limits, MAX_UPLOAD_BYTES="1000", MAX_JOB_COST="1")
    told = quoted(60, options={"chunk_size": 1})
    named = [broken.problem.split("(")[1].split(")")[0] for broken in told.limits]
    assert named == [
        "MAX_UPLOAD_BYTES",
        "MAX_FRAMES",
        "MAX_PIXELS",
        "MAX_DURATION_SECONDS",
        "MAX_CHUNKS",
        "MAX_JOB_COST",
    ]
    assert told.chunks == 3  # what may be is reckoned with


def test_the_jobs_own_cap_is_one_of_them() -> None:
    [broken] = quoted(options={"max_cost": 1}).limits
    assert (broken.field, broken.limit) == ("options.max_cost", "1.00")
    assert quoted(options={"max_cost": 1000}).limits == ()


def test_nothing_of_a_job_is_left_behind() -> None:
    before = set(names(layout.JOBS, ""))
    quote(asked(style="mine"), "ab" * 32)
    assert set(names(layout.JOBS, "")) == before
