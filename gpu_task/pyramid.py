"""An image at several sizes."""

from torch import Tensor
from torch.nn import functional


def pyramid(image: Tensor, levels: int) -> list[Tensor]:
    """`image` [B, 3, H, W] and its halvings, `levels` in all."""
    images = [image]
    for _ in range(levels - 1):
        images.append(functional.avg_pool2d(images[-1], 2))
    return images
