from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

WIDTH, HEIGHT, FRAMES = 96, 64, 9


def picture(number: int) -> NDArray[np.uint8]:
    """A pattern that moves by two pixels a frame: [64, 96, 3]."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    x, y = (columns + 2 * number) / 9, rows / 7
    waves = np.stack([np.sin(x + y), np.sin(0.6 * x - y), np.cos(0.4 * x) * np.sin(1.3 * y)], axis=-1)
    return (128 + 100 * waves).astype(np.uint8)


@pytest.fixture(scope="session")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """9 frames of 96x64, a keyframe every 4."""
    path = tmp_path_factory.mktemp("clip") / "moving.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = WIDTH, HEIGHT, "yuv420p", 4
        for number in range(FRAMES):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture(number), format="rgb24")))
        container.mux(stream.encode())
    return path
