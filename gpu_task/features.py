"""Feature extractors for the perceptual losses: a pretrained network, as far as the losses look into it.

An extractor is chosen by name, and its weights are found (gpu_task/features_files.py) or the fit stops. There is no
silent switch to another one, because it would change the look of a style.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import SqueezeNet1_0_Weights, VGG19_Weights, WeightsEnum, squeezenet1_0, vgg19

from gpu_task import features_files

# What ImageNet networks of torchvision expect of RGB in [0, 1].
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class PretrainedNetwork:
    """A network of torchvision whose `features` are layers in a row; a layer is known by its index there.

    Attributes:
        pool_gain: average pooling takes the place of max pooling, as Gatys et al. found smoother. The mean of a window
            is smaller than its largest value; times this, the next layer gets about the scale that it knows.
    """

    name: str
    build: Callable[[], nn.Module]
    weights: WeightsEnum
    pool_gain: float


# Iandola et al., 2016. At index 3 to 5 one step is 4 pixels, from 7 to 10 it is 8.
SQUEEZENET = PretrainedNetwork("squeezenet", squeezenet1_0, SqueezeNet1_0_Weights.IMAGENET1K_V1, pool_gain=1.2)
# Simonyan and Zisserman, 2015. relu1_1, 2_1, 3_1, 4_1, 4_2, 5_1 are 1, 6, 11, 20, 22, 29; one step is 1, 2, 4, 8, 8, 16
# pixels. Gatys et al. pool without a gain.
VGG19 = PretrainedNetwork("vgg19", vgg19, VGG19_Weights.IMAGENET1K_V1, pool_gain=1.0)

PRETRAINED = {network.name: network for network in (SQUEEZENET, VGG19)}


class Features(nn.Module):
    """Activations of `network` at `layers`. No layer beyond the last of them is built or kept.

    `sha256` is of the file that the weights came from. Gradients reach the input, never the weights.
    """

    def __init__(self, network: PretrainedNetwork, layers: Sequence[int], weights: Path | None = None) -> None:
        """`weights` names a safetensors file of the network; None: see gpu_task/features_files.py.

        Raises:
            WeightsUnavailableError: there are none, or they are not of these layers.
        """
        super().__init__()
        self.layers = frozenset(layers)
        self.pool_gain = network.pool_gain
        self.features = first_layers(network, max(layers))
        found = features_files.find(network.name, network.weights, self.features.state_dict(), weights)
        self.features.load_state_dict(found.tensors, assign=True)
        self.sha256 = found.sha256
        for module in self.features.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor, last: int | None = None) -> dict[int, Tensor]:
        """RGB in [0, 1], [B, 3, H, W] -> {layer: [B, C, h, w]}, of all layers or of those up to `last`."""
        x = (x - self.mean) / self.std
        found: dict[int, Tensor] = {}
        for index, layer in enumerate(self.features):
            if last is not None and index > last:
                break
            x = self._pool(x, layer) if isinstance(layer, nn.MaxPool2d) else layer(x)
            if index in self.layers:
                found[index] = x
        return found

    def _pool(self, x: Tensor, layer: nn.MaxPool2d) -> Tensor:
        return functional.avg_pool2d(x, layer.kernel_size, layer.stride, ceil_mode=layer.ceil_mode) * self.pool_gain


def first_layers(network: PretrainedNetwork, last: int) -> nn.Sequential:
    """The layers up to index `last`, without memory for weights: a whole VGG19 would take 575 MB."""
    with torch.device("meta"):
        layers = network.build().features
    assert isinstance(layers, nn.Sequential)
    return layers[: last + 1]
