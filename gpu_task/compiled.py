"""A painting compiled ahead for one size of frames: `torch.export`, then Inductor to native code.

One package serves every style: weights are inputs. (As constants, even replaceable ones, the small ones would be
written into the code.) It is kept in the node's folder (`gpu_task.compiled_folder`) under a key of all that it depends
on, made when first needed, or ahead with `python -m gpu_task compile`.

Measured on one core with AVX512-BF16, the style network at 640x360 in bfloat16: 20 s to compile, 0.05 s to load, 79 ms
a frame in place of 83: the eager network is arranged for speed already. On a CPU it pays for other networks, or where
thousands of frames are to come.

Errors:
    CompileError                the network could not be compiled
        CompilerMissingError    there is no C++ compiler
"""

import hashlib
import inspect
import logging
import platform
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.func import functional_call

from gpu_task import compiled_folder, frame_norm
from gpu_task.failures import HopelessError
from gpu_task.painting import Painting

log = logging.getLogger(__name__)

REMEDY = "or have networks run as they are with SCORE_COMPILE=never"

type Paint = Callable[[Tensor, Tensor | None], Tensor]
type FramesShape = tuple[int, int, int, int]  # [B, H, W, 3]


class CompileError(HopelessError):
    """A network could not be compiled."""


class CompilerMissingError(CompileError):
    """There is no C++ compiler."""


def compiled_painting(
    painting: Painting, shape: FramesShape, device: torch.device, folder: Path | None = None
) -> Paint:
    """`painting`, run by a package for frames of `shape`, which is made if the folder does not have it.

    Raises:
        CompileError: see the module.
        CompiledFolderError: see `gpu_task.compiled_folder`.
    """
    folder = compiled_folder.open_folder(folder or compiled_folder.compiled_folder())
    path = folder / f"{package_key(painting, shape, device)}.pt2"
    began = time.perf_counter()
    found = compiled_folder.find_or_make(path, lambda draft: _make(painting, shape, device, draft))
    log.info("%s %s in %.1f s", "found" if found else "made", path, time.perf_counter() - began)
    package = torch._inductor.aoti_load_package(str(path), device_index=-1 if device.index is None else device.index)
    weights = tuple(painting.state_dict().values())
    everything = torch.eye(3, device=device)

    def paint(frames: Tensor, mix: Tensor | None) -> Tensor:
        return package(frames, everything if mix is None else mix, *weights)

    return paint


def package_key(painting: Painting, shape: FramesShape, device: torch.device) -> str:
    """A name for all that a package depends on: code, shapes and types, versions, and what the machine can do."""
    weights = [(name, tuple(value.shape), str(value.dtype)) for name, value in painting.state_dict().items()]
    about = [repr(painting), weights, shape, torch.__version__, str(torch.version.git_version), _machine(device)]
    digest = hashlib.sha256(repr(about).encode())
    for source in sorted(_sources(painting)):
        digest.update(source.read_bytes())
    return f"{shape[2]}x{shape[1]}-{digest.hexdigest()[:32]}"


class _WithWeights(nn.Module):
    """The painting as a function of frames, mix and weights."""

    def __init__(self, painting: Painting) -> None:
        super().__init__()
        self._names = tuple(painting.state_dict())
        self._call = lambda given, arguments: functional_call(painting, given, arguments)  # its weights stay outside

    def forward(self, frames: Tensor, mix: Tensor, *weights: Tensor) -> Tensor:
        return self._call(dict(zip(self._names, weights, strict=True)), (frames, mix))


def _make(painting: Painting, shape: FramesShape, device: torch.device, path: Path) -> None:
    # Here, since they take a second to import.
    from torch._inductor import cpp_builder
    from torch._inductor.exc import InvalidCxxCompiler
    from torch._inductor.utils import fresh_cache

    try:
        compiler = cpp_builder.get_cpp_compiler()
    except InvalidCxxCompiler as error:
        raise CompilerMissingError(f"no C++ compiler to compile a network with; install g++, {REMEDY}") from error
    log.info("compiling for %d frames of %dx%d with %s", shape[0], shape[2], shape[1], compiler)
    inputs = (torch.zeros(shape, dtype=torch.uint8, device=device), torch.eye(3, device=device))
    try:
        # In a cache of its own: Inductor's usual one is a guessable folder in /tmp.
        with torch.no_grad(), fresh_cache(dir=str(path.parent)):
            exported = torch.export.export(_WithWeights(painting), (*inputs, *painting.state_dict().values()))
            torch._inductor.aoti_compile_and_package(exported, package_path=str(path))
    except (RuntimeError, OSError) as error:  # Inductor's own errors are RuntimeErrors
        reason = str(error).strip().partition("\n")[0]
        raise CompileError(
            f"frames of {shape[2]}x{shape[1]}: the network could not be compiled with {compiler} ({reason}); "
            f"repair the compiler, {REMEDY}"
        ) from error


def _machine(device: torch.device) -> tuple[object, ...]:
    """What native code is made for. A CPU's threads are written into loops."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device), torch.cuda.get_device_capability(device), torch.version.cuda
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), "")
    return platform.machine(), flags, torch.get_num_threads()


def _sources(painting: Painting) -> set[Path]:
    """Files that say what the painting's modules do, PyTorch's apart: those are in its version."""
    named = {inspect.getsourcefile(type(module)) for module in painting.modules()}
    files = {Path(name).resolve() for name in (*named, frame_norm.__file__, __file__) if name}
    torch_folder = Path(torch.__file__).resolve().parent
    return {file for file in files if torch_folder not in file.parents}
