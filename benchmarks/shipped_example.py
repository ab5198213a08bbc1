"""What somebody would run instead: the loop of PyTorch's example, fast neural style (pytorch/examples), as it ships.

Written anew after it, not copied: for each picture a file is read with Pillow, made a float32 tensor of 0..255, put
through Johnson's network, clamped and written with Pillow. There the program also starts anew and loads its weights for
every picture; that is not counted here. Weights are random: they do not matter for speed.
"""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.johnson import JohnsonNetwork


@torch.no_grad()
def stylize(content: Path, out: Path, network: JohnsonNetwork, device: torch.device) -> None:
    """Paint one picture file into another."""
    with Image.open(content) as image:
        pixels = torch.from_numpy(np.asarray(image.convert("RGB")).copy())
    x = pixels.permute(2, 0, 1).float().div(255).mul(255).unsqueeze(0).to(device)  # [1, 3, H, W]
    painted = network.layers(x).cpu()[0]
    rgb = painted.clone().clamp(0, 255).numpy().transpose(1, 2, 0).astype("uint8")
    Image.fromarray(rgb).save(out)
