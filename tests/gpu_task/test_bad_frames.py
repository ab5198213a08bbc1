"""Frames that cannot be decoded or scored: named, or replaced, and never more of them than need be."""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from contracts.frame_times import FrameTimes
from contracts.messages import GpuResult
from contracts.task_spec import Replacement, ScoreSpec
from gpu_task import chunk_frames, scorers, task
from gpu_task.blobs import range_reader
from gpu_task.chunk_frames import ChunkFrames
from gpu_task.failures import BadFramesError
from gpu_task.timings import Timings
from media.frames import to_rgb
from media.ranged import RangedReader
from media.reader import read_frames
from media.segment import check_segment
from media.stretches import read_in_stretches
from tests.gpu_task import picky
from tests.gpu_task.conftest import Storage
from tests.gpu_task.damaged import Film, number_in, numbers_in, pictures_in

pytestmark = pytest.mark.timeout(120)

KEY_GONE = {24: "zeroed"}  # frames 24..35 go with it
GONE = ((24, 35),)


@pytest.fixture(scope="module")
def film(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Film:
    return Film(storage, tmp_path_factory.mktemp("film"))


@pytest.fixture
def plan(monkeypatch: pytest.MonkeyPatch) -> picky.Plan:
    monkeypatch.setitem(scorers.SCORERS, "picky", "tests.gpu_task.picky")
    monkeypatch.setattr(picky, "plan", picky.Plan())
    return picky.plan


def run(spec: ScoreSpec, folder: Path) -> GpuResult:
    return task.run(spec, folder, Timings(time.perf_counter()))


def written(film: Film, name: str, spec: ScoreSpec, folder: Path) -> tuple[list[int], dict[str, str]]:
    """Runs `spec`: the numbers of the frames in its segment, which is checked, and the metadata that tell of them."""
    result = run(spec, folder)
    assert result.outcome == "succeeded", result.reason
    assert result.frames == ((spec.first, spec.last),)
    data = film.storage.read(f"film-{name}/segment.mp4")
    numbers = numbers_in(data, folder)
    check_segment(folder / "downloaded.mp4", film.index, spec.first, spec.last)
    metadata = film.storage.metadata(f"film-{name}/segment.mp4")
    return numbers, {key: value for key, value in metadata.items() if key in ("held", "source")}


def hold(*frames: tuple[int, int], avoid: tuple[tuple[int, int], ...] = ()) -> Replacement:
    return Replacement(frames=frames, by="hold", avoid=avoid)


def test_all_bad_frames_of_the_chunk_are_named_and_nothing_is_uploaded(film: Film, tmp_path: Path) -> None:
    source = film.damaged("two", {**KEY_GONE, 50: "half gone"})

    result = run(film.spec("named", source, 20, 55), tmp_path)

    assert (result.outcome, result.cause, result.bad_frames) == ("failed", "frame", ((24, 35), (50, 50)))
    assert str(result.reason).startswith("BadFramesError: frames 24..35 and 50: http")
    assert "two.mp4: frame 24 could not be decoded" in str(result.reason)
    assert not film.storage.exists("film-named/segment.mp4")
    assert list(tmp_path.iterdir()) == []


def test_what_was_named_can_be_replaced_at_the_next_attempt(film: Film, tmp_path: Path) -> None:
    source = film.damaged("again", {3: "random", **KEY_GONE, 40: "half gone"})
    first = run(film.spec("again-1", source, 0, 59), tmp_path)
    assert first.bad_frames

    replacement = Replacement(frames=first.bad_frames, by="hold")
    numbers, fates = written(film, "again-2", film.spec("again-2", source, 0, 59, replacement=replacement), tmp_path)

    replaced = {frame for run in first.bad_frames for frame in range(run[0], run[1] + 1)}
    assert {number for number, shown in enumerate(numbers) if number != shown} == replaced
    assert fates == {"held": ",".join(f"{a}-{b}" if a < b else str(a) for a, b in first.bad_frames)}


@pytest.mark.parametrize(("decoders", "readers"), [(1, 1), (3, 1 + 5)])
def test_with_several_decoders_the_same_frames_come_and_the_same_are_named(
    film: Film, monkeypatch: pytest.MonkeyPatch, decoders: int, readers: int
) -> None:
    monkeypatch.setattr(chunk_frames, "read_in_stretches", partial(read_in_stretches, min_frames=8))
    damaged = film.damaged("decoders", {**KEY_GONE, 50: "half gone"})
    size = (film.index.width, film.index.height)
    whole, broken = (
        ChunkFrames(film.spec("decoders", ref, 0, 59), RangedReader(range_reader(ref), ref.size), size, decoders)
        for ref in (film.whole, damaged)
    )

    assert [number_in(frame.rgb) for frame in whole if frame.rgb is not None] == list(range(60))
    assert len(whole.readers) == readers
    assert sum(reader.bytes_read for reader in whole.readers) >= film.whole.size
    with pytest.raises(BadFramesError) as caught:
        list(broken)
    assert caught.value.runs == ((24, 35), (50, 50))


def test_held_frames_show_the_scored_frame_before(film: Film, tmp_path: Path) -> None:
    source = film.damaged("hold", KEY_GONE)

    numbers, fates = written(film, "hold", film.spec("hold", source, 20, 44, replacement=hold(*GONE)), tmp_path)

    assert numbers == [20, 21, 22, 23, *[23] * 12, *range(36, 45)]
    assert fates == {"held": "24-35"}


@pytest.mark.parametrize(
    ("first", "last", "window", "avoid", "shown"),
    [
        (24, 44, (10, 59), (), 23),
        (24, 44, (10, 59), ((22, 23),), 21),
        (24, 44, (24, 59), (), 36),
        (24, 35, (10, 59), (), 23),
        (24, 35, (24, 59), (), 36),
        (24, 35, (24, 59), ((36, 37),), 38),
        (30, 40, (26, 59), (), 36),  # 26..29 do not decode either, though nobody said so
    ],
    ids=["before", "avoided", "none before", "all", "all, none before", "all, avoided after", "unknown before"],
)
def test_a_chunk_that_begins_with_held_frames(
    film: Film,
    tmp_path: Path,
    first: int,
    last: int,
    window: tuple[int, int],
    avoid: tuple[tuple[int, int], ...],
    shown: int,
) -> None:
    source = film.damaged("begins", KEY_GONE)
    name = f"begins-{first}-{last}-{window[0]}-{len(avoid)}-{shown}"
    spec = film.spec(name, source, first, last, window=window, replacement=hold(*GONE, avoid=avoid))

    numbers, fates = written(film, name, spec, tmp_path)

    assert numbers == [shown] * (35 - first + 1) + list(range(36, last + 1))
    assert fates == {"held": f"{first}-35"}


def test_a_frame_held_from_another_chunk_has_the_pixels_that_it_has_there(film: Film, tmp_path: Path) -> None:
    source = film.damaged("pixels", KEY_GONE)
    spec = film.spec("pixels", source, 24, 44, window=(0, 59), replacement=hold(*GONE))
    size = (film.index.width, film.index.height)

    found = ChunkFrames(spec, RangedReader(range_reader(source), source.size), size).stand_in()

    (frame,) = read_frames(film.path, film.index, 23, 23)
    assert (found.number, found.fate) == (23, "scored")
    assert found.rgb is not None
    assert np.array_equal(found.rgb, to_rgb(frame, size))


def test_where_nothing_can_be_held_the_job_cannot_go_on(film: Film, tmp_path: Path) -> None:
    source = film.damaged("nothing", KEY_GONE)
    spec = film.spec("nothing", source, 26, 30, window=(25, 34), replacement=hold((26, 30)))

    result = run(spec, tmp_path)

    assert (result.outcome, result.cause) == ("failed", "job")
    assert str(result.reason).startswith("NothingToHoldError: no frame of 25..34 can be decoded")
    assert not film.storage.exists("film-nothing/segment.mp4")


def test_source_frames_are_shown_as_the_decoder_has_them(film: Film, tmp_path: Path) -> None:
    source = film.damaged("source", {24: "half gone"})
    replacement = Replacement(frames=GONE, by="source")

    numbers, fates = written(film, "source", film.spec("source", source, 20, 44, replacement=replacement), tmp_path)

    assert [*numbers[:4], *numbers[16:]] == [*range(20, 24), *range(36, 45)]
    assert fates == {"source": "24-35"}
    (tmp_path / "damaged.mp4").write_bytes(film.storage.read("source.mp4"))
    as_played, shown = pictures_in(tmp_path / "damaged.mp4")[20:45], pictures_in(tmp_path / "downloaded.mp4")
    whole = pictures_in(film.path)[20:45]
    assert all(np.abs(one - other).mean() < 3 for one, other in zip(as_played, shown, strict=True))
    for frame in range(4, 16):
        assert np.abs(as_played[frame] - shown[frame]).mean() < np.abs(whole[frame] - shown[frame]).mean()


def test_source_frames_that_are_not_there_are_held(film: Film, tmp_path: Path) -> None:
    source = film.damaged("gone", {27: "zeroed"})  # 25 and 26 are shown before it and refer to it
    replacement = Replacement(frames=((25, 35),), by="source")

    numbers, fates = written(film, "gone", film.spec("gone", source, 20, 44, replacement=replacement), tmp_path)

    assert numbers[27 - 20] == 24  # the last scored one, not the one before, which is the source's
    assert numbers[:5] == [20, 21, 22, 23, 24]
    assert numbers[36 - 20 :] == list(range(36, 45))
    assert fates == {"held": "27", "source": "25-26,28-35"}


def test_replaced_frames_are_not_scored(film: Film, tmp_path: Path, plan: picky.Plan) -> None:
    plan.bad, plan.batch_size = {30, 31}, 4
    replacement = Replacement(frames=((30, 31), (40, 40)), by="source")

    spec = film.spec("unscored", film.whole, 28, 41, replacement=replacement, scorer="picky")
    numbers, fates = written(film, "unscored", spec, tmp_path)

    assert numbers == list(range(28, 42))
    assert plan.seen == [28, 29, *range(32, 40), 41]
    assert fates == {"source": "30-31,40"}


def test_a_warm_up_frame_that_cannot_be_scored_is_left_out(film: Film, tmp_path: Path, plan: picky.Plan) -> None:
    plan.bad = {22, 23}

    spec = film.spec("left-out", film.whole, 24, 30, warm_up=4, scorer="picky")
    numbers, fates = written(film, "left-out", spec, tmp_path)

    assert (numbers, fates) == (list(range(24, 31)), {})
    assert plan.seen[-9:] == [20, 21, *range(24, 31)]


def test_a_bad_frame_is_named_though_the_warm_up_has_one_too(film: Film, tmp_path: Path, plan: picky.Plan) -> None:
    plan.bad, plan.batch_size = {22, 26}, 4

    result = run(film.spec("both", film.whole, 24, 30, warm_up=4, scorer="picky"), tmp_path)

    assert (result.outcome, result.cause) == ("failed", "frame")
    assert (26, 26) in result.bad_frames


def test_a_rerun_of_a_replacing_task_reports_what_is_there(film: Film, tmp_path: Path) -> None:
    spec = film.spec("rerun", film.damaged("rerun", KEY_GONE), 20, 44, replacement=hold(*GONE))
    first = run(spec, tmp_path)

    second = run(spec, tmp_path)

    assert second.outcome == "succeeded"
    assert second.seconds.decode == 0
    assert (second.output_sha256, second.frames) == (first.output_sha256, ((20, 44),))


def test_bad_frames_of_the_warm_up_cost_nothing(film: Film, tmp_path: Path) -> None:
    spec = film.spec("warm", film.damaged("warm", KEY_GONE), 37, 44, warm_up=4)

    numbers, fates = written(film, "warm", spec, tmp_path)

    assert numbers == list(range(37, 45))
    assert fates == {}


@pytest.mark.parametrize(("batch_size", "bad"), [(1, {25}), (1, {20}), (4, {25}), (4, {20, 22}), (4, {20, 21, 22, 23})])
def test_a_frame_that_cannot_be_scored_is_named(
    film: Film, tmp_path: Path, plan: picky.Plan, batch_size: int, bad: set[int]
) -> None:
    plan.bad, plan.batch_size = bad, batch_size

    result = run(film.spec("picky", film.whole, 20, 40, scorer="picky"), tmp_path)

    assert (result.outcome, result.cause) == ("failed", "frame")
    assert {frame for first, last in result.bad_frames for frame in range(first, last + 1)} == bad
    assert "scoring fails: ValueError: no style for" in str(result.reason)
    assert "sig=REDACTED" in str(result.reason)
    assert "secret" not in str(result.reason)
    assert not film.storage.exists("film-picky/segment.mp4")


@pytest.mark.parametrize(
    "moods",
    [{"bad": set(range(60))}, {"failures_left": 1}, {"most": 2, "batch_size": 4}],
    ids=["all fail", "once", "batch too large"],
)
def test_a_scorer_that_fails_for_other_reasons_is_tried_again(
    film: Film, tmp_path: Path, plan: picky.Plan, moods: dict[str, object]
) -> None:
    for key, value in moods.items():
        setattr(plan, key, value)

    result = run(film.spec("moody", film.whole, 20, 40, scorer="picky"), tmp_path)

    assert (result.outcome, result.cause, result.bad_frames) == ("failed", None, ())


def test_frames_too_scattered_for_the_metadata_are_refused_before_any_work(film: Film, tmp_path: Path) -> None:
    index = film.index.model_copy(update={"frames": FrameTimes.encode(range(4000))})
    frames = tuple((frame, frame) for frame in range(0, 4000, 2))
    spec = film.spec("scattered", film.whole, 0, 3999, index=index, replacement=Replacement(frames=frames, by="source"))

    result = run(spec, tmp_path)

    assert (result.outcome, result.cause) == ("failed", "job")
    assert str(result.reason).startswith("TooManyRunsError: the 2000 runs of frames to be replaced take 9,450 bytes")
    assert "smaller chunk_size" in str(result.reason)
    assert result.seconds.decode == 0


def test_a_full_disk_is_called_that(film: Film, tmp_path: Path) -> None:
    (tmp_path / "segment.mp4").symlink_to("/dev/full")  # every write fails with ENOSPC

    result = run(film.spec("full", film.whole, 0, 59), tmp_path)

    assert (result.outcome, result.cause) == ("failed", "node")
    assert str(result.reason).startswith(f"WorkFolderFullError: no space left in the work folder {tmp_path} (")
    assert not film.storage.exists("film-full/segment.mp4")
