"""On the CPU, whose streams and events are there in name: what is tested is the order, not the overlap."""

import numpy as np
import pytest
import torch

from contracts.task_spec import ModelRef, ScorerOptions
from gpu_task.network import StyleNetwork
from gpu_task.scorers import style_transfer
from gpu_task.scorers.overlapping import OverlappingStyleTransfer, TooManyInFlightError
from gpu_task.scorers.protocol import OverlappingScorer
from gpu_task.scorers.style_transfer import StyleTransfer, open_network

CPU = torch.device("cpu")
SIZE = (32, 24)


@pytest.fixture(scope="module")
def network() -> StyleNetwork:
    return open_network(ModelRef(name="mosaic", sha256=None, builtin=True))


@pytest.fixture(autouse=True)
def batches_of_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(style_transfer, "batch_size", lambda *about: 2)


@pytest.fixture
def scorer(network: StyleNetwork) -> OverlappingStyleTransfer:
    made = OverlappingStyleTransfer(network, ScorerOptions(), CPU)
    made.prepare(*SIZE)
    return made


@pytest.fixture
def frames() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (7, SIZE[1], SIZE[0], 3), dtype=np.uint8)


def test_batches_under_way_at_once_come_out_as_one_by_one(
    scorer: OverlappingStyleTransfer, network: StyleNetwork, frames: np.ndarray
) -> None:
    plain = StyleTransfer(network, ScorerOptions(), CPU)
    plain.prepare(*SIZE)
    assert scorer.in_flight == 3

    collect = [scorer.start(frames[first : first + 2]) for first in (0, 2, 4)]
    first = collect.pop(0)()
    collect.append(scorer.start(frames[6:7]))  # in the first one's place; one frame short of a batch
    scored = np.concatenate([first, *(one() for one in collect)])

    wanted = np.concatenate([plain.score(frames[first : first + 2]) for first in (0, 2, 4, 6)])
    assert scored.shape == frames.shape
    assert np.array_equal(scored, wanted)


def test_one_too_many_is_refused_and_the_others_come(scorer: OverlappingStyleTransfer, frames: np.ndarray) -> None:
    collect = [scorer.start(frames[:2]) for _ in range(scorer.in_flight)]

    with pytest.raises(TooManyInFlightError, match="3 batches are under way"):
        scorer.start(frames[:2])

    assert all(np.array_equal(one(), scorer.score(frames[:2])) for one in collect)


def test_a_batch_that_fails_takes_no_place(
    scorer: OverlappingStyleTransfer, frames: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(scorer, "_paint", lambda *about: 1 / 0)
        for _ in range(scorer.in_flight + 1):
            with pytest.raises(ZeroDivisionError):
                scorer.start(frames[:2])

    assert scorer.score(frames[:2]).shape == (2, SIZE[1], SIZE[0], 3)


def test_only_a_device_that_works_on_its_own_overlaps(scorer: OverlappingStyleTransfer, network: StyleNetwork) -> None:
    assert isinstance(scorer, OverlappingScorer)
    assert not isinstance(style_transfer.style_transfer(network, ScorerOptions(), CPU), OverlappingScorer)
