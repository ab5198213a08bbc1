import numpy as np
import pytest
import torch

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import Execution, ModelRef, ScorerOptions
from gpu_task.content import photographs
from gpu_task.network import StyleNetwork
from gpu_task.scorers import style_transfer
from gpu_task.scorers.style_transfer import StyleTransfer, open_network

LUMA = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def network() -> StyleNetwork:
    return open_network(ModelRef(name="starry-night", sha256=None, builtin=True))


@pytest.fixture(scope="module")
def frames() -> np.ndarray:
    """[5, 48, 64, 3], neither very dark nor very bright, so that nothing is clipped."""
    random = np.random.default_rng(0)
    coarse = random.integers(90, 160, (5, 6, 8, 3), dtype=np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    """A photograph, [1, 64, 96, 3]."""
    return np.ascontiguousarray(photographs()[0][None, 100:164, 100:196])


def scorer(network: StyleNetwork, batch_size: int = 1, **options: object) -> StyleTransfer:
    made = StyleTransfer(network, ScorerOptions.model_validate(options), torch.device("cpu"))
    made.prepare(64, 48)
    made.batch_size = batch_size
    return made


def test_the_same_frames_come_out_wherever_batches_begin(network: StyleNetwork, frames: np.ndarray) -> None:
    pairs = scorer(network, batch_size=2)

    from_0 = np.concatenate([pairs.score(frames[0:2]), pairs.score(frames[2:4]), pairs.score(frames[4:5])])
    from_1 = np.concatenate([pairs.score(frames[0:1]), pairs.score(frames[1:3]), pairs.score(frames[3:5])])

    assert from_0.dtype == np.uint8
    assert from_0.shape == frames.shape
    assert np.array_equal(from_0, from_1)


def test_strength_zero_is_the_source_and_half_lies_between(network: StyleNetwork, frames: np.ndarray) -> None:
    full = scorer(network).score(frames[:1]).astype(int)
    half = scorer(network, strength=0.5).score(frames[:1]).astype(int)

    assert np.array_equal(scorer(network, strength=0.0).score(frames[:1]), frames[:1])
    assert abs(half - (full + frames[:1]) / 2).max() <= 1
    assert abs(full - frames[:1]).mean() > 20


def test_keep_color_takes_the_styles_luma_and_the_sources_chroma(network: StyleNetwork, frames: np.ndarray) -> None:
    styled = luma(scorer(network).score(frames[:1]))
    kept = scorer(network, keep_color=True).score(frames[:1]).astype(float)

    inside = (kept.min(3) > 0) & (kept.max(3) < 255)  # [1, H, W]: where nothing was clipped
    assert inside.mean() > 0.3
    assert abs(luma(kept) - styled)[inside].max() < 2
    chroma, source = kept - luma(kept)[..., None], frames[:1] - luma(frames[:1])[..., None]
    assert abs(chroma - source).max(3)[inside].max() < 2


def luma(frames: np.ndarray) -> np.ndarray:
    """[B, H, W, 3] -> [B, H, W]"""
    return frames @ LUMA


@pytest.mark.parametrize("name", BUILTIN_STYLES)
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
@torch.inference_mode()
def test_every_built_in_style_is_as_good_in_16_bits(
    name: str, dtype: torch.dtype, picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mean difference to the network as it is fitted, in float32: at most 1.5 of 255."""
    monkeypatch.setattr(style_transfer, "score_dtype", lambda *about: dtype)
    network = open_network(ModelRef(name=name, sha256=None, builtin=True))

    scored = scorer(network).score(picture)

    painted = network(torch.from_numpy(picture).permute(0, 3, 1, 2) / 255).permute(0, 2, 3, 1) * 255
    assert abs(scored - painted.round().numpy()).mean() <= 1.5


def test_the_network_is_given_whole_batches_alone(
    network: StyleNetwork, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a GPU kernels are chosen by shape, and round differently."""
    shapes: list[torch.Size] = []

    def paint(batch: torch.Tensor, mix: None) -> torch.Tensor:
        shapes.append(batch.shape)
        return batch

    fours = scorer(network, batch_size=4)
    monkeypatch.setattr(fours, "_paint", paint)

    assert np.array_equal(fours.score(frames[:3]), frames[:3])
    assert shapes == [(4, 48, 64, 3)]


def test_the_device_is_named_with_what_changes_rounding(network: StyleNetwork) -> None:
    exact = StyleTransfer(network, ScorerOptions(), torch.device("cpu"), Execution(precision="float32"))

    assert exact.device == f"cpu ({torch.get_num_threads()} threads), float32, eager"
    assert scorer(network, batch_size=2).device.endswith(", batch 2, eager")
