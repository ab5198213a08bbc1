import pytest
import torch

from gpu_task.precision import score_dtype

CPU, GPU = torch.device("cpu"), torch.device("cuda", 0)


@pytest.mark.parametrize(
    ("capabilities", "dtype"),
    [
        ({"avx512_bf16": True}, torch.bfloat16),
        ({"amx_bf16": True}, torch.bfloat16),
        ({"avx2": True, "avx512_bf16": False}, torch.float32),
    ],
)
def test_a_cpu_takes_bfloat16_where_it_has_the_instructions(
    capabilities: dict[str, bool], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities)

    assert score_dtype(CPU, "auto") == dtype


@pytest.mark.parametrize(
    ("capability", "dtype"),
    [((6, 1), torch.float32), ((7, 0), torch.float16), ((7, 5), torch.float16), ((8, 0), torch.bfloat16)],
)
def test_a_gpu_takes_what_its_matrix_units_have(
    capability: tuple[int, int], dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: capability >= (8, 0))
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)

    assert score_dtype(GPU, "auto") == dtype


@pytest.mark.parametrize("device", [CPU, GPU], ids=str)
def test_float32_means_float32(device: torch.device) -> None:
    assert score_dtype(device, "float32") == torch.float32
