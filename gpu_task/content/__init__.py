"""Photographs to fit a style on where there is no video, and a few for variety where there is one: see README.md."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FOLDER = Path(__file__).parent


def photographs() -> list[NDArray[np.uint8]]:
    """All of them as RGB [H, W, 3], longer side at most 512, in the order of their names."""
    found: list[NDArray[np.uint8]] = []
    for path in sorted(FOLDER.glob("*.jpg")):
        with Image.open(path) as image:
            found.append(np.asarray(image.convert("RGB")))
    return found
