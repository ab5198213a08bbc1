"""Painted frames made steady: calmer, never across a cut or a gap, the same whichever way a video is cut."""

import numpy as np
import pytest
import torch

from contracts.steadying import FRAMES_BEFORE, frames_before
from contracts.task_spec import ScorerOptions
from gpu_task.painting import mix_of
from gpu_task.steadying import Steadying, threads_beside

HEIGHT, WIDTH, COUNT = 96, 128, 9
Frames = list[np.ndarray]


def texture(seed: int, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Soft blotches: something that flow can follow."""
    random = np.random.default_rng(seed)
    coarse = torch.from_numpy(random.uniform(0, 255, (1, 3, height // 8 + 2, width // 8 + 2)))
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic", align_corners=True)
    return smooth[0].permute(1, 2, 0).clamp(0, 255).numpy().astype(np.uint8)


def film(seed: int = 0, step: int = 2) -> Frames:
    """A picture that passes by, `step` pixels a frame."""
    wide = texture(seed, HEIGHT, WIDTH + step * COUNT)
    return [wide[:, step * n : step * n + WIDTH].copy() for n in range(COUNT)]


def shimmering(frames: Frames, amount: float = 20.0) -> Frames:
    """What a network might make of them: the same, and something else each time."""
    random = np.random.default_rng(7)
    return [(255 - f + random.normal(0, amount, f.shape)).clip(0, 255).astype(np.uint8) for f in frames]


def steadied(
    sources: Frames,
    painted: Frames,
    numbers: list[int] | None = None,
    steadiness: float = 1.0,
    options: ScorerOptions | None = None,
    threads: int = 1,
) -> Frames:
    mix = mix_of(options) if options else None
    with Steadying(steadiness, None if mix is None else mix.numpy(), threads) as steadying:
        given = zip(numbers or range(len(sources)), sources, painted, strict=True)
        coming = [steadying.add(number, source, frame) for number, source, frame in given]
        return [future.result() for future in coming]


def error(frame: np.ndarray, wanted: np.ndarray) -> float:
    """Away from the rim, where pixels come into view."""
    return float(np.abs(frame.astype(float) - wanted)[16:-16, 16:-16].mean())


@pytest.mark.parametrize("step", [0, 2, 5])
def test_what_changes_from_frame_to_frame_is_averaged_out_along_with_the_motion(step: int) -> None:
    sources = film(step=step)
    painted = shimmering(sources)

    last = steadied(sources, painted)[-1]

    # Four independent frames leave half; sharpening gives some of it back.
    assert error(last, 255 - sources[-1]) < 0.72 * error(painted[-1], 255 - sources[-1])


def test_a_picture_that_does_not_change_stays_but_for_its_edges() -> None:
    sources, even = [texture(0)] * 6, [np.full((HEIGHT, WIDTH, 3), 90, np.uint8)] * 6
    assert all(np.array_equal(frame, even[0]) for frame in steadied(sources, even))


def test_the_first_frame_is_as_it_was_painted() -> None:
    sources = film()
    painted = shimmering(sources)
    assert np.array_equal(steadied(sources, painted)[0], painted[0])


def test_nothing_is_carried_over_a_cut() -> None:
    dark, light = [texture(1) // 4] * 4, [255 - texture(2) // 4] * 4
    sources = dark + light
    painted = shimmering(sources)

    assert np.array_equal(steadied(sources, painted)[4], painted[4])


def test_frames_are_the_same_wherever_a_chunk_begins() -> None:
    sources = film()
    painted = shimmering(sources)
    whole = steadied(sources, painted)

    for first in range(1, COUNT):
        begin = max(0, first - FRAMES_BEFORE)
        part = steadied(sources[begin:], painted[begin:], list(range(begin, COUNT)))
        assert all(np.array_equal(a, b) for a, b in zip(part[first - begin :], whole[first:], strict=True)), first


def test_a_frame_less_before_a_chunk_would_be_seen() -> None:
    sources = film()
    painted = shimmering(sources)
    begin = 5 - FRAMES_BEFORE + 1
    part = steadied(sources[begin:], painted[begin:], list(range(begin, COUNT)))
    assert not np.array_equal(part[5 - begin], steadied(sources, painted)[5])


def test_any_number_of_threads_gives_the_same_frames() -> None:
    sources = film()
    painted = shimmering(sources)
    for one, other in zip(steadied(sources, painted), steadied(sources, painted, threads=4), strict=True):
        assert np.array_equal(one, other)


def test_nothing_is_averaged_across_a_frame_that_is_missing() -> None:
    sources = film()
    painted = shimmering(sources)
    numbers = [n for n in range(COUNT) if n != 5]
    kept = steadied([sources[n] for n in numbers], [painted[n] for n in numbers], numbers)
    whole = steadied(sources, painted)

    assert np.array_equal(kept[4], whole[4])
    assert np.array_equal(kept[numbers.index(6)], painted[6])
    assert not np.array_equal(kept[numbers.index(7)], painted[7])


def test_without_steadiness_frames_stay_as_they_were_painted() -> None:
    sources = film()
    painted = shimmering(sources)
    assert all(np.array_equal(a, b) for a, b in zip(steadied(sources, painted, steadiness=0), painted, strict=True))


def test_more_steadiness_takes_more() -> None:
    sources = film()
    painted = shimmering(sources)
    left = [error(steadied(sources, painted, steadiness=s)[-1], 255 - sources[-1]) for s in (0.0, 0.2, 1.0)]
    assert left[0] > left[1] > left[2]


def test_a_strength_of_0_gives_the_source_to_the_bit() -> None:
    sources = film()
    found = steadied(sources, sources, options=ScorerOptions(strength=0))
    assert all(np.array_equal(a, b) for a, b in zip(found, sources, strict=True))


def test_what_is_the_sources_stays_sharp_and_its_own() -> None:
    """Grain of the source itself is not averaged where half of the picture is the source's."""
    random = np.random.default_rng(3)
    grainy = [(f + random.normal(0, 6, f.shape)).clip(0, 255).astype(np.uint8) for f in film(step=0)]
    flat = np.full((HEIGHT, WIDTH, 3), 128.0)
    painted = [np.rint((f + flat) / 2).astype(np.uint8) for f in grainy]

    last = steadied(grainy, painted, options=ScorerOptions(strength=0.5))[-1]

    assert error(last, painted[-1]) < 1
    assert error(steadied(grainy, painted)[-1], painted[-1]) > 1


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (31, 200), (32, 32), (33, 65), (97, 51), (64, 401)], ids=str)
def test_frames_of_any_size_keep_it(size: tuple[int, int]) -> None:
    sources = [np.roll(texture(4, 128, 512)[: size[0], : size[1]], n, axis=1) for n in range(5)]
    for frame in steadied(sources, shimmering(sources)):
        assert frame.shape == (*size, 3)
        assert frame.dtype == np.uint8


def test_what_a_chunk_warms_up_with_follows_from_scorer_and_options() -> None:
    assert frames_before("style-transfer", ScorerOptions()) == FRAMES_BEFORE
    assert frames_before("style-transfer", ScorerOptions(steadiness=0)) == 0
    assert frames_before("style-transfer", ScorerOptions(strength=0)) == 0
    assert frames_before("identity", ScorerOptions()) == 0


def test_threads_follow_the_workers_on_a_processor() -> None:
    assert threads_beside("cpu (2 threads), float32, eager") == 1
    assert threads_beside("3 workers: cpu (1 threads), float32, eager", workers=3) == 3
    assert threads_beside("cuda (a GPU), bfloat16") >= 1
