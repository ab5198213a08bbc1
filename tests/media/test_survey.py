"""What a survey calls good can be read, whatever was damaged; and what is read after gross damage is what was there."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.frame_runs import FrameRun, within, without
from contracts.video_index import VideoIndex
from media import reader, survey
from media.errors import FramesMissing
from media.index import probe
from media.reader import Start, read_frames
from media.survey import bad_frames
from tests.media.clips import encode, frame_hash
from tests.media.conftest import Clip, Clips
from tests.media.damage import ALL, GROSS, break_packet, break_packets, packet_times

pytestmark = pytest.mark.timeout(120)

# Decoders that tell of any gross damage. HEVC's, VP8's and VP9's take half a packet for a whole one.
TELLING = ["h264 closed GOP", "h264 open GOP", "h264 MPEG-TS", "h264 open GOP MPEG-TS", "mpeg2 MPEG-TS", "mpeg4 avi"]
OTHERS = ["hevc", "vp8", "vp9", "av1", "mjpeg", "prores", "h264 intra refresh", "h264 one GOP", "gif"]


@pytest.fixture(scope="session")
def pyramid(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    """Groups of 48 frames whose B-frames refer to each other."""
    x264 = "scenecut=0:keyint=48:min-keyint=48:bframes=3:b-pyramid=normal:b-adapt=0"
    path = tmp_path_factory.mktemp("pyramid") / "pyramid.mp4"
    options = {"preset": "veryfast", "crf": "18", "x264-params": x264}
    encode(path, options=options, pts=range(120))
    return Clip("pyramid", path, probe(path), ())


def read_good(source: Path, index: VideoIndex, bad: tuple[FrameRun, ...], first: int, last: int) -> dict[int, str]:
    return {
        number: frame_hash(frame)
        for run in without((first, last), bad)
        for number, frame in enumerate(read_frames(source, index, *run), run[0])
    }


@pytest.mark.parametrize("damage", GROSS)
@pytest.mark.parametrize("kind", TELLING)
def test_after_gross_damage_only_whole_frames_are_read(clips: Clips, kind: str, damage: str, tmp_path: Path) -> None:
    clip = clips(kind)
    number = {pts: frame for frame, pts in enumerate(clip.index.frames.decode())}
    times = packet_times(clip.path)
    keyframe = times.index(clip.index.keyframes[2].pts)
    for pts in times[keyframe : keyframe + 5]:
        broken = break_packet(clip.path, pts, GROSS[damage], tmp_path / clip.path.name)
        bad = bad_frames(broken, clip.index, 0, 39)
        assert within(bad, number[pts], number[pts])
        good = read_good(broken, clip.index, bad, 0, 39)
        assert {frame for frame, found in good.items() if found != clip.hashes[frame]} == set()
        # At worst the group of pictures is lost, with the frames shown before it that refer to it.
        assert {*range(18), *range(38, 40)} <= set(good)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.parametrize("kind", TELLING + OTHERS)
def test_what_a_survey_calls_good_can_be_read(clips: Clips, kind: str, tmp_path: Path, data: st.DataObject) -> None:
    clip = clips(kind)
    # A GIF of which the first picture is gone is no GIF.
    times = st.sampled_from(packet_times(clip.path)[1:])
    damages = data.draw(st.dictionaries(times, st.sampled_from(sorted(ALL)), min_size=1, max_size=2))
    broken = tmp_path / f"broken{clip.path.suffix}"
    break_packets(clip.path, {pts: ALL[damage] for pts, damage in damages.items()}, broken)
    first = data.draw(st.integers(0, 39))
    last = data.draw(st.integers(first, 39))

    bad = bad_frames(broken, clip.index, first, last)

    good = read_good(broken, clip.index, bad, first, last)
    assert sorted(good) == [frame for run in without((first, last), bad) for frame in range(run[0], run[1] + 1)]
    if bad:
        with pytest.raises(FramesMissing) as caught:
            list(read_frames(broken, clip.index, first, last))
        assert caught.value.missing[0] == bad[0][0]


@pytest.mark.parametrize("kind", ["raw h264", "h264 avi"])
def test_where_frames_are_counted_damage_is_found_too(clips: Clips, kind: str, tmp_path: Path) -> None:
    clip = clips(kind)
    data = bytearray(clip.path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 40] = bytes(40)
    broken = tmp_path / clip.path.name
    broken.write_bytes(data)
    bad = bad_frames(broken, clip.index, 0, 39)
    assert bad
    assert len(bad) == 1
    good = read_good(broken, clip.index, bad, 0, 39)
    assert good == {frame: clip.hashes[frame] for frame in good}
    assert len(good) >= 20


def test_undamaged_clips_have_no_bad_frame(clip: Clip) -> None:
    assert bad_frames(clip.path, clip.index, 0, clip.index.frame_count - 1) == ()


def test_a_frame_that_no_other_refers_to_costs_itself(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    times = clip.index.frames.decode()
    broken = break_packet(clip.path, times[26], GROSS["half gone"], tmp_path / "b.mp4")
    assert bad_frames(broken, clip.index, 0, 39) == ((26, 26),)


def test_a_reference_costs_what_is_predicted_from_it(clips: Clips, pyramid: Clip, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    broken = break_packet(clip.path, clip.index.keyframes[2].pts, GROSS["zeroed"], tmp_path / "key.mp4")
    assert bad_frames(broken, clip.index, 0, 39) == ((24, 35),)
    # Frames 49 and 50 are decoded before 52 and shown before it; 52 is what all later ones of its group go back to.
    broken = break_packet(pyramid.path, pyramid.index.frames.decode()[56], GROSS["zeroed"], tmp_path / "p.mp4")
    assert bad_frames(broken, pyramid.index, 0, 119) == ((53, 95),)


def test_a_long_damaged_group_takes_few_passes(pyramid: Clip, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = break_packet(pyramid.path, pyramid.index.keyframes[1].pts, GROSS["half gone"], tmp_path / "p.mp4")
    starts: list[Start] = []
    decode_from = survey.decode_from

    def counting(source: Path, index: VideoIndex, start: Start) -> object:
        starts.append(start)
        return decode_from(source, index, start)

    monkeypatch.setattr(survey, "decode_from", counting)
    assert bad_frames(broken, pyramid.index, 60, 119) == ((60, 95),)
    assert len(starts) == 2


@pytest.mark.parametrize(("kind", "exact"), [("h264 closed GOP", True), ("mpeg4 avi", True), ("hevc", False)])
def test_several_threads_are_used_only_where_they_hide_no_damage(
    clips: Clips, monkeypatch: pytest.MonkeyPatch, kind: str, exact: bool
) -> None:
    """With a thread per frame H.264's decoder hands out some frames before it flags them: now and then, so that no
    test of what it delivers could be relied on."""
    starts: list[Start] = []

    def noting(source: Path, index: VideoIndex, start: Start, threads: int | None) -> object:
        starts.append(start)
        return survey.decode_from(source, index, start, threads)

    monkeypatch.setattr(reader, "decode_from", noting)
    clip = clips(kind)
    assert len(list(read_frames(clip.path, clip.index, 5, 20, threads=4))) == 16
    assert [start.exact for start in starts] == [exact]


def test_a_window_of_the_index_is_enough(clips: Clips, tmp_path: Path) -> None:
    clip = clips("h264 closed GOP")
    broken = break_packet(clip.path, clip.index.keyframes[2].pts, GROSS["zeroed"], tmp_path / "key.mp4")
    assert bad_frames(broken, clip.index.window(20, 37), 20, 37) == ((24, 35),)
    assert bad_frames(broken, clip.index.window(30, 37), 30, 37) == ((30, 35),)


def test_frames_outside_the_index_are_refused(clips: Clips) -> None:
    clip = clips("h264 closed GOP")
    with pytest.raises(ValueError, match=r"frames 30\.\.40 are outside this index"):
        bad_frames(clip.path, clip.index, 30, 40)
