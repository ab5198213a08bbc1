"""A style network's weights as a file: float16 safetensors with a note of where they come from.

Float16 halves the file; rounding the weights changes a pixel by at most 0.18 of 255.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save

from gpu_task.network import StyleNetwork


def write_weights(network: StyleNetwork, path: Path, notes: Mapping[str, str]) -> None:
    """Equal weights and notes give equal bytes. What is empty in `notes` is left out."""
    tensors = {
        name: value.detach().cpu().to(torch.float16).contiguous() for name, value in network.state_dict().items()
    }
    path.write_bytes(canonical(save(tensors, {key: note for key, note in notes.items() if note})))


def canonical(data: bytes) -> bytes:
    """The same safetensors file with its header's keys in order: `save` writes them in another order every time."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at a multiple of 8
    return len(header).to_bytes(8, "little") + header + data[end:]


def read_weights(path: Path) -> StyleNetwork:
    """The network of a file that was written here, in float32 and eval mode."""
    network = StyleNetwork()
    network.load_state_dict(load_file(path))
    return network.eval()


def read_notes(path: Path) -> dict[str, str]:
    """What a safetensors file says of itself; its tensors are not read."""
    with safe_open(path, "numpy") as file:
        return file.metadata() or {}
