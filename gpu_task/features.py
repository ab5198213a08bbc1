"""Feature extractors for the perceptual losses: a pretrained network, cut into the layers that the losses look at.

An extractor is chosen by name and its weights are found or the fit stops: `WeightsUnavailableError`. There is no silent
switch to another one, because it would change the look of a style.
"""

import contextlib
import io
from pathlib import Path
from pickle import UnpicklingError
from urllib.error import URLError

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import SqueezeNet1_0_Weights, squeezenet1_0

# What ImageNet networks of torchvision expect of RGB in [0, 1].
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class WeightsUnavailableError(Exception):
    """An extractor's pretrained weights could not be had."""


class SqueezeNetFeatures(nn.Module):
    """Activations of SqueezeNet 1.0 (Iandola et al., 2016) at chosen indices of its `features`.

    Average pooling in place of max pooling, as Gatys et al. found smoother. At index 3 to 5 one step is 4 pixels,
    from 7 to 10 it is 8.
    """

    # The mean of a 3x3 window is smaller than its largest value; 1.2 restores about the scale the next layer knows.
    POOL_GAIN = 1.2

    def __init__(self, layers: tuple[int, ...], weights: Path | None = None) -> None:
        super().__init__()
        model = squeezenet1_0()
        model.load_state_dict(load_file(weights) if weights else _torchvision_weights())
        self.layers = layers
        self.features = model.features[: max(layers) + 1]
        for module in self.features.modules():
            if isinstance(module, nn.ReLU):
                module.inplace = False
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(STD).view(1, 3, 1, 1))
        self.eval().requires_grad_(False)

    def forward(self, x: Tensor) -> dict[int, Tensor]:
        """RGB in [0, 1], [B, 3, H, W] -> {layer: [B, C, h, w]}."""
        x = (x - self.mean) / self.std
        found = {}
        for index, layer in enumerate(self.features):
            x = self._pool(x) if isinstance(layer, nn.MaxPool2d) else layer(x)
            if index in self.layers:
                found[index] = x
        return found

    def _pool(self, x: Tensor) -> Tensor:
        return functional.avg_pool2d(x, 3, 2, ceil_mode=True) * self.POOL_GAIN


def _torchvision_weights() -> dict[str, Tensor]:
    """torchvision's own weights, from torch hub's cache or, on a machine with internet, downloaded into it."""
    chosen = SqueezeNet1_0_Weights.IMAGENET1K_V1
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            # torchvision's file is a pickle, and its hash is checked only when it is downloaded: tensors, nothing else.
            return dict(chosen.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (URLError, OSError, RuntimeError, UnpicklingError) as error:
        cache = Path(torch.hub.get_dir()) / "checkpoints"
        raise WeightsUnavailableError(
            f"squeezenet: no weights in {cache} and {chosen.url} could not be fetched or used ({error}). Put that "
            "file there, name a safetensors file with --weights, or fit without pretrained weights: "
            "FIT_FEATURES=patches in the app's settings, --features patches by hand"
        ) from error
