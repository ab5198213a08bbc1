from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from local.before_after import CELL_WIDTH, before_after, moments, survey


def write_video(path: Path, frame_count: int, *, sound: bool) -> Path:
    """Frame n is a grey of 10 * n."""
    with av.open(path, "w") as container:
        video = container.add_stream("libx264", rate=10, options={"crf": "1", "preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        audio = container.add_stream("aac", rate=48_000, layout="mono") if sound else None
        for number in range(frame_count):
            container.mux(video.encode(av.VideoFrame.from_image(Image.new("L", (64, 48), 10 * number).convert("RGB"))))
        container.mux(video.encode())
        if audio is not None:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4800), np.float32), format="fltp", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(audio.encode(frame))
            container.mux(audio.encode())
    return path


def test_a_survey_counts_every_frame_and_keeps_those_asked_for(tmp_path: Path) -> None:
    seen = survey(write_video(tmp_path / "v.mp4", 16, sound=True), moments(16))
    assert seen.frame_count == 16
    greys = [round(float(np.asarray(picture).mean()) / 10) for picture in seen.pictures]
    assert greys == moments(16) == [2, 6, 10, 14]
    assert seen.sound is not None


def test_a_video_with_fewer_frames_than_rows_repeats_some(tmp_path: Path) -> None:
    seen = survey(write_video(tmp_path / "v.mp4", 2, sound=False), moments(2))
    assert (seen.frame_count, len(seen.pictures), seen.sound) == (2, 4, None)


def test_sound_is_compared_by_its_packets_alone(tmp_path: Path) -> None:
    first = survey(write_video(tmp_path / "a.mp4", 3, sound=True), [])
    second = survey(write_video(tmp_path / "b.mp4", 9, sound=True), [])
    assert first.sound == second.sound


@pytest.mark.parametrize("size", [(64, 48), (48, 64)])
def test_the_sheet_has_the_source_left_and_the_result_right(size: tuple[int, int]) -> None:
    sheet = before_after([Image.new("RGB", size, "red")] * 4, [Image.new("RGB", size, "blue")] * 4, ("source", "wave"))
    assert sheet.getpixel((CELL_WIDTH // 2, sheet.height // 2 + 20)) == (255, 0, 0)
    assert sheet.getpixel((CELL_WIDTH * 3 // 2, sheet.height // 2 + 20)) == (0, 0, 255)
