"""`client quote`: what is asked of the app, and what its user reads. The real app behind it is in tests/end_to_end."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from contracts.quote import Quote
from tests.client.conftest import Client
from tests.client.fake_function_app import FakeFunctionApp
from tests.end_to_end.local_stack import make_clip

pytestmark = pytest.mark.timeout(60)

QUOTE: dict[str, Any] = {
    "frames": 30,
    "width": 160,
    "height": 96,
    "chunks": 3,
    "chunk_frames": 10,
    "nodes": 2,
    "seconds": {"fit": 0, "start_up": 15, "compile": 0, "score": 120, "stitch": 0},
    "node_seconds": 135,
    "repeated_seconds": 0.5,
    "expected_seconds": 90,
    "boot_seconds": None,
    "expected_cost": 0.0375,
    "price": {"low": 0.009, "high": 0.0376},
    "currency": "EUR",
    "figures": {
        "workers": 2,
        "start_up_seconds": 5,
        "seconds_per_frame": 4,
        "node_losses_per_hour": 0.05,
        "node_price_per_hour": 1,
    },
    "execution": {},
}
REFUSED = {"field": "video", "value": "30 frames", "limit": "10 frames", "problem": "30 frames is over the limit"}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_clip(tmp_path_factory.mktemp("film") / "film.mp4", frames=30)


def answering(app: FakeFunctionApp, **changes: Any) -> None:
    app.quote = Quote.model_validate(QUOTE | changes).model_dump(mode="json")


async def test_the_app_is_asked_what_submit_would_ask_and_nothing_is_uploaded(
    app: FakeFunctionApp, client: Client, film: Path
) -> None:
    answering(app)
    done = await client("quote", str(film), "--style", "mosaic", "--max-dimension", "120", "--option", "strength=0.5")
    assert done.code == 0, done.err
    [asked] = app.quoted
    assert asked["request"] == {
        "video": "mosaic/film.mp4",
        "style": "mosaic",
        "options": {"max_dimension": 120, "strength": 0.5},
    }
    facts = asked["video"]
    assert (facts["frames"], facts["width"], facts["height"], facts["seconds"]) == (30, 160, 96, 1.0)
    assert "style_sha256" not in asked
    assert (app.requests, app.jobs) == ([], [])
    assert [name async for name in app.storage.get_container_client("videos").list_blob_names()] == []


async def test_it_is_told_in_a_few_lines(app: FakeFunctionApp, client: Client, film: Path) -> None:
    answering(app, boot_seconds=600)
    done = await client("quote", str(film), "--style", "mosaic")
    assert done.out.splitlines() == [
        "film.mp4: 30 frames of 160x96, style mosaic",
        "  planned:    3 chunks of up to 10, on 2 nodes",
        "  expected:   1:30 min, by the settings' defaults: no job like it had been measured",
        "  empty pool: 10:00 min more, until its first node is there",
        "  node time:  2.2 min: start-up 0.25, scoring 2.0",
        "  price:      0.009 to 0.0376 EUR: cheapest nodes and none lost, to dearest and what lost ones repeat",
    ]


async def test_without_a_price_it_says_so_and_how_to_set_one(app: FakeFunctionApp, client: Client, film: Path) -> None:
    answering(app, price=None, currency="")
    done = await client("quote", str(film), "--style", "mosaic")
    assert "price:      not known: the app has no price of a node (its settings NODE_PRICE_PER_HOUR" in done.out
    assert (await client("quote", str(film), "--style", "mosaic", "--json")).json["price"] is None


async def test_a_job_that_would_be_refused_exits_with_1_and_names_the_limit(
    app: FakeFunctionApp, client: Client, film: Path
) -> None:
    answering(app, limits=[REFUSED])
    done = await client("quote", str(film), "--style", "mosaic", "--json")
    assert (done.code, done.json["limits"], done.json["frames"]) == (1, [REFUSED], 30)
    told = await client("quote", str(film), "--style", "mosaic")
    assert (told.code, told.out.splitlines()[-1]) == (1, "  refused:    video: 30 frames is over the limit")


async def test_a_painting_that_is_not_uploaded_goes_by_its_hash(
    app: FakeFunctionApp, client: Client, film: Path, picture: Path
) -> None:
    answering(app)
    assert (await client("quote", str(film), "--style", str(picture))).code == 0
    assert app.quoted[0]["style_sha256"] == hashlib.sha256(picture.read_bytes()).hexdigest()
    assert [name async for name in app.storage.get_container_client("styles").list_blob_names()] == []


async def test_what_is_no_video_is_told_before_the_app_is_asked(
    app: FakeFunctionApp, client: Client, clip: Path
) -> None:
    done = await client("quote", str(clip), "--style", "mosaic", "--json")
    assert (done.code, app.quoted) == (2, [])
    assert "clip.mp4: not a video file that can be read" in done.json["error"]


async def test_a_misspelt_style_is_told_as_submit_tells_it(app: FakeFunctionApp, client: Client, film: Path) -> None:
    quoted = await client("quote", str(film), "--style", "mosiac")
    submitted = await client("submit", str(film), "--style", "mosiac")
    assert (quoted.code, quoted.err) == (submitted.code, submitted.err)
    assert app.quoted == []
