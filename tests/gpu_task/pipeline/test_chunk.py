"""Stages that overlap, keep their order, hold little, and end together."""

import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from gpu_task.chunk_frames import ChunkFrame
from gpu_task.failures import BadFramesError
from gpu_task.pipeline.chunk import frames_under_way, run_chunk
from gpu_task.pipeline.scoring import Shown
from gpu_task.score_task import prepare_scorer, write_segment
from gpu_task.timings import Timings
from tests.gpu_task.conftest import SpecMaker
from tests.gpu_task.pipeline.parts import GUARD, Overlapping, Scorer, Sink, Source, rgb, scored, stage_threads

pytestmark = pytest.mark.timeout(60)


class BoomError(Exception):
    pass


def boom_at(number: int) -> Callable[[int], None]:
    def on_frame(at: int) -> None:
        if at == number:
            raise BoomError(f"at {number}")

    return on_frame


def test_decoding_scoring_and_encoding_are_at_work_at_once() -> None:
    together = threading.Barrier(3)  # passes only when three threads are there

    source = Source(scored(range(12)), lambda at: together.wait(GUARD) if at == 4 else None)
    scorer = Scorer(on_batch=lambda numbers: together.wait(GUARD) if numbers == [2] else None)
    sink = Sink(lambda at: together.wait(GUARD) if at == 0 else None)
    run_chunk(source, scorer, sink)

    assert [number for number, _, _ in sink.shown] == list(range(12))


@pytest.mark.parametrize(("batch_size", "in_flight"), [(1, 1), (4, 1), (4, 3)])
def test_only_so_many_frames_are_under_way_whatever_the_chunks_length(batch_size: int, in_flight: int) -> None:
    limit, length = frames_under_way(batch_size, in_flight), 120
    # Reached for certain; how many are on the device depends on which thread is faster.
    sure = limit - (in_flight - 1) * batch_size
    changed = threading.Condition()
    decoded = most = 0

    def count_decoded(_: int) -> None:
        nonlocal decoded
        with changed:
            decoded += 1
            changed.notify_all()

    def encode(number: int) -> None:
        """Waits until the others can do no more; the last frames have none behind them."""
        nonlocal most
        with changed:
            # The frames of the encoder's batch are in its hands until the last of them is done.
            expected = min(length, sure + number - number % batch_size)
            assert changed.wait_for(lambda: decoded >= expected, GUARD)
        if number < 3 * batch_size:
            time.sleep(0.05)  # for what should not happen
        most = max(most, decoded - number)

    scorer = Overlapping(in_flight, batch_size) if in_flight > 1 else Scorer(batch_size)
    sink = Sink(encode)
    run_chunk(Source(scored(range(length)), count_decoded), scorer, sink)

    assert sure <= most <= limit
    assert len(sink.shown) == length


def test_several_batches_are_started_before_the_first_is_collected() -> None:
    scorer = Overlapping(3, batch_size=2)
    decoded = threading.Event()
    # While the first is waited for, all that there is room for is made ready behind it, as where scoring is slowest:
    # 3 batches, one being gathered, and 2 frames for the next.
    source = Source(scored(range(20)), lambda at: decoded.set() if at == 2 + 6 + 2 + 2 else None)
    scorer.on_batch = lambda numbers: decoded.wait(GUARD) if numbers == [0, 1] else None
    sink = Sink()
    run_chunk(source, scorer, sink)

    assert scorer.most == 3
    assert [number for number, _, _ in sink.shown] == list(range(20))
    assert scorer.batches == [[n, n + 1] for n in range(0, 20, 2)]


def test_a_result_is_handed_on_though_no_further_batch_comes_yet() -> None:
    shown = threading.Event()
    source = Source(scored(range(4)), lambda at: shown.wait(GUARD) if at == 1 else None)
    sink = Sink(lambda at: shown.set() if at == 0 else None)

    run_chunk(source, Overlapping(3), sink)

    assert shown.is_set()
    assert len(sink.shown) == 4


def test_fates_and_order_are_those_of_the_source() -> None:
    held = [ChunkFrame(1, "held", None, stand_in=ChunkFrame(90, "scored", rgb(90))), ChunkFrame(2, "held", None)]
    rest = [*scored([3, 4]), ChunkFrame(5, "source", rgb(5)), ChunkFrame(6, "held", None), *scored([7, 8])]

    for scorer in (Scorer(3), Overlapping(3, 3), Scorer(1), Overlapping(2)):
        sink = Sink()
        run_chunk(Source([*held, *rest]), scorer, sink)
        assert sink.shown == [
            (1, "held", 190),
            (2, "held", 190),
            (3, "scored", 103),
            (4, "scored", 104),
            (5, "source", 5),
            (6, "held", 104),
            (7, "scored", 107),
            (8, "scored", 108),
        ]
        assert sorted(number for batch in scorer.batches for number in batch) == [3, 4, 7, 8, 90]


@pytest.mark.parametrize("batch_size", [1, 4])
def test_an_error_of_decoding_ends_all_and_is_the_one_that_is_raised(batch_size: int) -> None:
    source, sink = Source(scored(range(200)), boom_at(30)), Sink()

    with pytest.raises(BoomError, match="at 30"):
        run_chunk(source, Scorer(batch_size), sink)

    assert sink.ended == "stopped"
    assert source.closed
    assert stage_threads() == []


def test_an_error_of_encoding_ends_a_decoder_that_would_go_on_for_ever() -> None:
    source = Source(frame for number in count() for frame in scored([number % 100]))

    with pytest.raises(BoomError, match="at 30"):
        run_chunk(source, Scorer(4), Sink(boom_at(30)))

    assert source.closed
    assert stage_threads() == []


def test_an_error_of_every_frames_scoring_ends_all_as_itself() -> None:
    def fail(numbers: list[int]) -> None:
        raise BoomError(f"{len(numbers)} frames")

    source, sink = Source(frame for number in count() for frame in scored([number % 100])), Sink()

    with pytest.raises(BoomError, match="4 frames"):
        run_chunk(source, Scorer(4, fail), sink)

    assert sink.ended == "stopped"
    assert source.closed
    assert stage_threads() == []


def test_an_error_at_the_end_of_encoding_is_raised() -> None:
    class Ending(Sink):
        def run(self, frames: Iterator[Shown]) -> None:
            super().run(frames)
            raise BoomError("no room for the file's end")

    with pytest.raises(BoomError, match="file's end"):
        run_chunk(Source(scored(range(3))), Scorer(), Ending())


def test_what_a_stage_raises_for_being_stopped_is_not_the_reason() -> None:
    class Clumsy(Sink):
        def run(self, frames: Iterator[Shown]) -> None:
            try:
                super().run(frames)
            except Exception as error:
                raise RuntimeError("the file is gone") from error

    with pytest.raises(BoomError, match="at 30"):
        run_chunk(Source(scored(range(100)), boom_at(30)), Scorer(), Clumsy())


def test_the_errors_own_cause_stays_with_it() -> None:
    def fail(_: int) -> None:
        raise BoomError("outer") from ValueError("inner")

    with pytest.raises(BoomError, match="outer") as caught:
        run_chunk(Source(scored(range(9)), fail), Scorer(), Sink())

    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.__context__ is None


@pytest.mark.parametrize(("in_flight", "batch_size"), [(1, 4), (3, 4), (3, 1)])
def test_a_frame_that_fails_is_named_though_others_were_on_the_device(in_flight: int, batch_size: int) -> None:
    def refuse(numbers: list[int]) -> None:
        if 9 in numbers:
            raise ValueError("nine")

    scorer = Overlapping(in_flight, batch_size, refuse) if in_flight > 1 else Scorer(batch_size, refuse)
    sink = Sink()

    with pytest.raises(BadFramesError, match="scoring fails: ValueError: nine") as caught:
        run_chunk(Source(scored(range(40))), scorer, sink)

    assert caught.value.runs == ((9, 9),)
    assert [number for number, _, _ in sink.shown] == list(range(len(sink.shown)))
    assert stage_threads() == []


def test_where_the_first_batch_fails_whole_later_frames_are_tried_before_it_is_blamed() -> None:
    def refuse(numbers: list[int]) -> None:
        if set(numbers) & {0, 1}:
            raise ValueError("not these")

    with pytest.raises(BadFramesError) as caught:
        run_chunk(Source(scored(range(30))), Overlapping(2, 2, refuse), Sink())

    assert caught.value.runs == ((0, 1),)


def test_an_error_that_does_not_come_again_blames_no_frame() -> None:
    left = [1]

    def moody(_: list[int]) -> None:
        if left:
            left.pop()
            raise BoomError("once")

    with pytest.raises(BoomError, match="once"):
        run_chunk(Source(scored(range(30))), Overlapping(2, 2, moody), Sink())


def test_busy_and_waiting_seconds_of_every_stage_are_told() -> None:
    seconds = run_chunk(Source(scored(range(9))), Scorer(on_batch=lambda _: time.sleep(0.01)), Sink())

    assert set(seconds.busy) == set(seconds.waited) == {"decode", "batch", "score", "encode"}
    assert seconds.slowest[0] == "score"
    assert seconds.busy["score"] <= seconds.wall
    assert seconds.waited["decode"] > 0
    assert seconds.waited["encode"] > 0


@pytest.mark.parametrize("failing", [5, 11])
def test_no_file_is_left_where_a_stage_fails(specs: SpecMaker, tmp_path: Path, failing: int) -> None:
    spec = specs.score("unfinished")  # frames 4..15
    scorer = prepare_scorer(spec)
    plain, left = scorer.score, [failing]

    def score(batch: object) -> object:
        left[0] -= 1
        if left[0] < 0:
            raise BoomError("enough")
        return plain(batch)  # pyright: ignore

    scorer.score = score  # pyright: ignore

    with pytest.raises(BadFramesError, match="BoomError: enough"):
        write_segment(spec, tmp_path / "segment.mp4", Timings(0), scorer)

    assert list(tmp_path.iterdir()) == []


def test_a_runs_records_have_a_row_per_frame_and_the_pipelines_seconds(specs: SpecMaker, tmp_path: Path) -> None:
    spec, timings = specs.score("records", first=4, last=15, warm_up=2), Timings(0)

    write_segment(spec, tmp_path / "segment.mp4", timings, prepare_scorer(spec))

    assert timings.pipeline is not None
    assert timings.pipeline.wall > max(timings.pipeline.busy.values())
    document = timings.to_json()
    for part in ('"pipeline": {"wall": ', '"frame": 2, ', '"frame": 15, '):
        assert part in document
