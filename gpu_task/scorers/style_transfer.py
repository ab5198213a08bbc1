"""Paints frames in a style with the fitted network."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from contracts.task_spec import ModelRef, ScorerOptions, ScoreSpec
from gpu_task.color import LUMA
from gpu_task.devices import best_device, describe, peak_memory_bytes
from gpu_task.failures import HopelessError
from gpu_task.model_files import ModelFormatError, read_model
from gpu_task.network import StyleNetwork

# Full-HD frames a GPU takes at once; other sizes take as many pixels. The network's largest activation is 16 channels
# at full size, so 8 frames of 1080p in float32 hold about 1 GiB there: fits any GPU that Batch offers.
CUDA_BATCH_PIXELS = 8 * 1920 * 1080
MAX_CUDA_BATCH = 32


class ModelMissingError(HopelessError):
    """Style transfer was asked for without a model."""


class StyleTransfer:
    """The network in float32 on CUDA if there is a GPU, else on the CPU."""

    def __init__(self, network: StyleNetwork, options: ScorerOptions, device: torch.device) -> None:
        self._network = network.to(device).eval()
        self._options = options
        self._device = device
        self._luma = torch.tensor(LUMA, device=device).view(1, 3, 1, 1)
        self.batch_size = 1

    def prepare(self, width: int, height: int) -> None:
        # A CPU is busy with one frame. On a GPU the batch depends on the size alone, so that all chunks share it.
        if self._device.type == "cuda":
            self.batch_size = max(1, min(MAX_CUDA_BATCH, CUDA_BATCH_PIXELS // (width * height)))
            # Chosen by trial, the fastest kernel may differ between runs, and its rounding with it; TF32 has 10 bits.
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.allow_tf32 = False

    @property
    def device(self) -> str:
        return describe(self._device) + (f", batch {self.batch_size}" if self.batch_size > 1 else "")

    def peak_memory_bytes(self) -> int:
        return peak_memory_bytes(self._device)

    @torch.inference_mode()
    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        count = len(batch)
        if count < self.batch_size:
            # Kernels are chosen by shape: the last batch is filled up, so that its frames round like all others.
            batch = np.concatenate([batch, np.repeat(batch[-1:], self.batch_size - count, axis=0)])
        source = torch.from_numpy(batch).to(self._device).permute(0, 3, 1, 2).float() / 255  # [B, 3, H, W]
        painted = self._blend(source, self._network(source))  # [B, 3, H, W]
        pixels = (painted * 255 + 0.5).clamp(0, 255).to(torch.uint8)
        return pixels[:count].permute(0, 2, 3, 1).contiguous().cpu().numpy()  # [count, H, W, 3]

    def _blend(self, source: Tensor, painted: Tensor) -> Tensor:
        if self._options.keep_color:
            # One amount added to all three channels changes luma by that amount and leaves chroma alone.
            painted = source + ((painted - source) * self._luma).sum(dim=1, keepdim=True)
        if self._options.strength < 1:
            painted = torch.lerp(source, painted, self._options.strength)
        return painted


def make(spec: ScoreSpec) -> StyleTransfer:
    """Raises: ModelMissingError, ModelError (see `gpu_task.model_files`)."""
    if spec.model is None:
        raise ModelMissingError("model: not given, but scorer 'style-transfer' needs one")
    return StyleTransfer(open_network(spec.model), spec.options, best_device())


def open_network(ref: ModelRef) -> StyleNetwork:
    """The network of the weights that `ref` names. Raises: ModelError."""
    network = StyleNetwork()
    try:
        network.load_state_dict(read_model(ref))
    except RuntimeError as error:
        raise ModelFormatError(f"model {ref.name!r}: not weights of the style network ({error})") from error
    return network
