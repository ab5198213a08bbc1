"""Scorers for worker processes, which import this module."""

import logging
import os
import time
from pathlib import Path

import numpy as np

from contracts.task_spec import ScoreSpec
from gpu_task.failures import HopelessError
from tests.gpu_task.pipeline.parts import Overlapping, Scorer

BATCH = 2


def plain(spec: ScoreSpec) -> Scorer:
    return Scorer(BATCH)


def overlapping(spec: ScoreSpec) -> Scorer:
    return Overlapping(2, BATCH)


class Telling(Scorer):
    """Its device is what the process was told by its environment."""

    @property
    def device(self) -> str:
        return f"GPU {os.environ['ATELIER_DEVICE_INDEX']}, {os.environ['OMP_NUM_THREADS']} threads"

    def peak_memory_bytes(self) -> int:
        return 1000 * (1 + int(os.environ["ATELIER_DEVICE_INDEX"]))

    def prepare(self, width: int, height: int) -> None:
        logging.getLogger("telling").info("prepared for %dx%d", width, height)


def telling(spec: ScoreSpec) -> Scorer:
    return Telling(BATCH)


def refusing(spec: ScoreSpec) -> Scorer:
    """Does not take frame 9."""

    def refuse(numbers: list[int]) -> None:
        if 9 in numbers:
            raise ValueError("no style for nine, see https://host/blob?sig=secret")

    return Overlapping(2, BATCH, refuse)


def hopeless(spec: ScoreSpec) -> Scorer:
    raise HopelessError("no such style")


class Stuck(Scorer):
    def score(self, batch: np.ndarray) -> np.ndarray:
        time.sleep(600)
        return batch


def stuck(spec: ScoreSpec) -> Scorer:
    return Stuck(BATCH)


def ends_with(folder: Path) -> None:
    """For a process of its own: two workers amid a batch; writes their process ids, and waits to be killed."""
    from gpu_task.pipeline.workers import Workers

    spec = ScoreSpec.model_validate_json((folder / "spec.json").read_text())
    with Workers(spec, 2, stuck) as workers:
        workers.prepare(2, 2)
        for _ in range(2):
            workers.start(np.zeros((BATCH, 2, 2, 3), np.uint8))
        (folder / "writing").write_text(" ".join(map(str, workers.pids)))
        (folder / "writing").rename(folder / "pids")
        time.sleep(600)
