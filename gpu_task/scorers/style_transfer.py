"""Paints frames in a style with the fitted network."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contracts.task_spec import Execution, ModelRef, ScorerOptions, ScoreSpec
from gpu_task.compiled import compiled_painting
from gpu_task.devices import best_device, describe, peak_memory_bytes
from gpu_task.failures import HopelessError
from gpu_task.model_files import ModelFormatError, read_model
from gpu_task.network import StyleNetwork
from gpu_task.painting import make_painting, mix_of
from gpu_task.precision import score_dtype

# Full-HD frames a GPU takes at once; other sizes take as many pixels. The network's largest activation is 16 numbers a
# pixel, so 8 frames of 1080p in float32 hold about 1 GiB there: fits any GPU that Batch offers.
CUDA_BATCH_PIXELS = 8 * 1920 * 1080
MAX_CUDA_BATCH = 32


class ModelMissingError(HopelessError):
    """Style transfer was asked for without a model."""


class StyleTransfer:
    """Any network from RGB in [0, 1] to RGB in [0, 1], [B, 3, H, W] each, on `device`, one batch at a time.

    Pixels depend on the network, the options, the execution and the kind of device, never on where batches begin: every
    batch has the same size, the last is filled up.
    """

    def __init__(
        self, network: nn.Module, options: ScorerOptions, device: torch.device, execution: Execution | None = None
    ) -> None:
        execution = execution or Execution()
        self._device = device
        self._dtype = score_dtype(device, execution.precision)
        self._compiled = execution.compiled
        self._painting = make_painting(network, self._dtype, device)
        self._mix = mix_of(options, device)
        self._paint: Callable[[Tensor, Tensor | None], Tensor] = self._painting
        self.batch_size = 1

    def prepare(self, width: int, height: int) -> None:
        """Raises: CompileError, CompiledFolderError (see `gpu_task.compiled`), where it is to be compiled."""
        self.batch_size = batch_size(self._device, width, height)
        if self._device.type == "cuda":
            # Chosen by trial, the fastest kernel may differ between runs, and its rounding with it; TF32 has 10 bits.
            torch.backends.cudnn.benchmark = False
            torch.backends.cudnn.deterministic = True
            torch.backends.cudnn.allow_tf32 = False
        if self._compiled:
            self._paint = compiled_painting(self._painting, (self.batch_size, height, width, 3), self._device)

    @property
    def device(self) -> str:
        batch = f", batch {self.batch_size}" if self.batch_size > 1 else ""
        return f"{describe(self._device, self._dtype)}{batch}, {'compiled' if self._compiled else 'eager'}"

    def peak_memory_bytes(self) -> int:
        return peak_memory_bytes(self._device)

    @torch.inference_mode()
    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        frames = torch.from_numpy(filled_up(batch, self.batch_size)).to(self._device)
        return self._paint(frames, self._mix)[: len(batch)].cpu().numpy()


def batch_size(device: torch.device, width: int, height: int) -> int:
    """A CPU is busy with one frame. On a GPU the batch depends on the size alone, so that all chunks share it."""
    if device.type == "cpu":
        return 1
    return max(1, min(MAX_CUDA_BATCH, CUDA_BATCH_PIXELS // (width * height)))


def filled_up(batch: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Kernels are chosen by shape: the last batch is filled up, so that its frames round like all others."""
    if len(batch) == size:
        return np.ascontiguousarray(batch)
    return np.concatenate([batch, np.repeat(batch[-1:], size - len(batch), axis=0)])


def make(spec: ScoreSpec) -> StyleTransfer:
    """Raises: ModelMissingError, ModelError (see `gpu_task.model_files`)."""
    if spec.model is None:
        raise ModelMissingError("model: not given, but scorer 'style-transfer' needs one")
    return style_transfer(open_network(spec.model), spec.options, best_device(), spec.execution)


def style_transfer(
    network: nn.Module, options: ScorerOptions, device: torch.device, execution: Execution | None = None
) -> StyleTransfer:
    """The scorer for `device`: one that overlaps transfers with work, if the device works on its own."""
    if device.type == "cpu":
        return StyleTransfer(network, options, device, execution)
    from gpu_task.scorers.overlapping import OverlappingStyleTransfer

    return OverlappingStyleTransfer(network, options, device, execution)


def open_network(ref: ModelRef) -> StyleNetwork:
    """The network of the weights that `ref` names. Raises: ModelError."""
    network = StyleNetwork()
    try:
        network.load_state_dict(read_model(ref))
    except RuntimeError as error:
        raise ModelFormatError(f"model {ref.name!r}: not weights of the style network ({error})") from error
    return network
