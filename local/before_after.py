"""Source and result side by side, and what can be said of the two files without knowing who made them."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
from PIL import Image, ImageDraw, ImageFont

ROWS = 4
CELL_WIDTH = 480
GAP = 8
CAPTION = 30
BACKGROUND, INK = (18, 18, 20), (235, 235, 235)


@dataclass(frozen=True)
class Survey:
    """A video decoded once: how many frames it has, those asked for, and its sound.

    `pictures` are turned as a player shows them. `sound` holds a SHA-256 over the packets' bytes of each audio track,
    as another file may interleave the tracks otherwise; None without any.
    """

    frame_count: int
    pictures: list[Image.Image]
    sound: str | None


def moments(frame_count: int) -> list[int]:
    """ROWS frame numbers, in the middle of as many equal parts."""
    return [(2 * row + 1) * frame_count // (2 * ROWS) for row in range(ROWS)]


def survey(path: Path, numbers: list[int]) -> Survey:
    """Decode `path` to the end and keep frames `numbers`. Raises av.FFmpegError where it cannot be decoded."""
    pictures: list[Image.Image] = []
    tracks: dict[int, Any] = {}
    count = 0
    with av.open(path) as container:
        for packet in container.demux():
            if packet.stream.type == "audio" and packet.size:
                tracks.setdefault(packet.stream.index, hashlib.sha256()).update(bytes(packet))
            if packet.stream != container.streams.video[0]:
                continue
            for frame in packet.decode():
                assert isinstance(frame, av.VideoFrame)
                # Frame numbers may repeat in a video of fewer frames than rows.
                if count in numbers:
                    turned = frame.to_image().rotate(frame.rotation, expand=True)
                    pictures.extend([turned] * numbers.count(count))
                count += 1
    return Survey(count, pictures, "-".join(tracks[index].hexdigest() for index in sorted(tracks)) or None)


def before_after(before: list[Image.Image], after: list[Image.Image], captions: tuple[str, str]) -> Image.Image:
    """A sheet with one row for each pair, under two captions."""
    height = round(CELL_WIDTH * before[0].height / before[0].width)
    sheet = Image.new("RGB", (2 * CELL_WIDTH + 3 * GAP, CAPTION + len(before) * (height + GAP) + GAP), BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(size=16)
    for column, (caption, pictures) in enumerate(zip(captions, (before, after), strict=True)):
        x = GAP + column * (CELL_WIDTH + GAP)
        draw.text((x + CELL_WIDTH / 2, GAP + CAPTION / 2), caption, INK, font, anchor="mm")
        for row, image in enumerate(pictures):
            y = GAP + CAPTION + row * (height + GAP)
            sheet.paste(image.resize((CELL_WIDTH, height), Image.Resampling.LANCZOS), (x, y))
    return sheet
