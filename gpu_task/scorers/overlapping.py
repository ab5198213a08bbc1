"""Style transfer on a device that works on its own: while it paints one batch, the next one goes up and the last one
comes down, each way on a stream of its own and through page-locked memory."""

from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from contracts.task_spec import Execution, ScorerOptions
from gpu_task.scorers.style_transfer import StyleTransfer, filled_up

# One batch goes up, one is painted, one comes down.
IN_FLIGHT = 3


class TooManyInFlightError(RuntimeError):
    """A batch was started while `in_flight` others were not yet collected."""


class _Slot:
    """The memory of one batch under way, [B, H, W, 3] here and there; used again once its result is collected."""

    def __init__(self, shape: tuple[int, ...], device: torch.device) -> None:
        pinned = device.type == "cuda"
        self.source = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        self.result = torch.empty(shape, dtype=torch.uint8, pin_memory=pinned)
        self.frames = torch.empty(shape, dtype=torch.uint8, device=device)
        self.painted: Tensor | None = None


class OverlappingStyleTransfer(StyleTransfer):
    """Used by one thread at a time, like every scorer."""

    def __init__(
        self, network: nn.Module, options: ScorerOptions, device: torch.device, execution: Execution | None = None
    ) -> None:
        super().__init__(network, options, device, execution)
        # torch.cuda; torch.cpu has the same names, so that this runs in tests without a GPU.
        self._module: Any = torch.get_device_module(device)
        self._up, self._work, self._down = (self._module.Stream() for _ in range(3))
        self._free: deque[_Slot] = deque()
        self.in_flight = IN_FLIGHT

    def prepare(self, width: int, height: int) -> None:
        super().prepare(width, height)
        shape = (self.batch_size, height, width, 3)
        self._free = deque(_Slot(shape, self._device) for _ in range(self.in_flight))
        # The first batch loads kernels and takes memory: seconds that are of the start, not of a frame.
        self.score(np.zeros(shape, np.uint8))

    def score(self, batch: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self.start(batch)()

    @torch.inference_mode()
    def start(self, batch: NDArray[np.uint8]) -> Callable[[], NDArray[np.uint8]]:
        """Raises: TooManyInFlightError."""
        if not self._free:
            raise TooManyInFlightError(f"{self.in_flight} batches are under way; collect one before starting another")
        slot, count = self._free.popleft(), len(batch)
        try:
            done = self._launch(slot, batch)
        except BaseException:
            self._free.append(slot)
            raise

        def collect() -> NDArray[np.uint8]:
            try:
                done.synchronize()
                return slot.result[:count].numpy().copy()  # the slot is used again while the frames are encoded
            finally:
                slot.painted = None
                self._free.append(slot)

        return collect

    def _launch(self, slot: _Slot, batch: NDArray[np.uint8]) -> Any:
        """Hands all of a batch's work to the device; the event of its end."""
        slot.source.numpy()[:] = filled_up(batch, self.batch_size)
        uploaded, painted, done = (self._module.Event() for _ in range(3))
        with self._module.stream(self._up):
            slot.frames.copy_(slot.source, non_blocking=True)
            uploaded.record(self._up)
        with self._module.stream(self._work):
            uploaded.wait(self._work)
            # Kept until the result is here: freed earlier, its memory would be given away while it is read.
            slot.painted = self._paint(slot.frames, self._mix)
            painted.record(self._work)
        with self._module.stream(self._down):
            painted.wait(self._down)
            slot.result.copy_(slot.painted, non_blocking=True)
            done.record(self._down)
        return done
