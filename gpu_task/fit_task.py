"""Fits a style on the source's own frames, or on photographs that are carried along, and uploads the weights."""

import dataclasses
import logging
import math
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from contracts.fit import SMALLEST_CLASS, FitProgress
from contracts.task_spec import FitSpec
from gpu_task import blobs, fit_monitor, outcome
from gpu_task.content import photographs
from gpu_task.devices import best_device, describe, peak_memory_bytes
from gpu_task.fit_monitor import FitMonitor
from gpu_task.machine import Machine
from gpu_task.objectives import hashes, make_objective
from gpu_task.progress import Progress
from gpu_task.recipes import Recipe, find_recipe
from gpu_task.style_image import StyleImageError, read_style_image
from gpu_task.timings import Timings
from gpu_task.training import fit
from gpu_task.training_frames import longer_side, sample_frames
from gpu_task.weights import write_weights
from media.ranged import RangedReader

log = logging.getLogger(__name__)


def fit_style(spec: FitSpec, folder: Path, timings: Timings, machine: Machine) -> outcome.Written:
    """Progress tells optimiser steps and losses; `score` seconds are those of the fit itself.

    Raises:
        HopelessError: the style cannot be used, or the extractor's weights cannot be had.
        FitDivergedError: the losses are no longer finite.
    """
    recipe = recipe_of(spec)
    device = best_device()
    timings.started()
    with timings.stage("download"):
        painting = _download_style(spec)
    style = read_style_image(painting, blobs.label(spec.style.url), recipe.style_size, spec.max_style_pixels)
    frames = _frames(spec, timings)
    log.info("fitting %s for %d steps on %d frames", recipe.name, recipe.steps, len(frames))
    with timings.stage("score"), all_cores(device), Progress(spec.to.progress) as progress:
        machine.device = describe(device)
        objective = make_objective(recipe, style, frames, device)
        monitor = FitMonitor(recipe.steps, progress)
        network = fit(frames, objective, recipe, device, monitor, max_seconds=spec.max_seconds)
    machine.peak_memory_bytes = peak_memory_bytes(device)
    ended = monitor.state()
    path = folder / "model.safetensors"
    write_weights(network, path, {**_about(spec, recipe, ended), **hashes(painting, objective)})
    with timings.stage("upload"):
        return outcome.upload(spec.to.output, path, "application/octet-stream", None, spec.identity.task, fitted=ended)


def recipe_of(spec: FitSpec) -> Recipe:
    """The spec's recipe with what it changes of it."""
    recipe = find_recipe(spec.recipe)
    steps = recipe.steps if spec.steps is None else spec.steps
    # Strokes grow with the frame, but less: on a large screen one sits closer, and they shall still be strokes.
    scale = spec.style_scale * math.sqrt(spec.size_class / SMALLEST_CLASS)
    return dataclasses.replace(recipe, steps=steps, style_size=round(recipe.style_size * scale))


@contextmanager
def all_cores(device: torch.device) -> Iterator[None]:
    """Every core of the node for a fit on the CPU, whatever share of them a chunk gets.

    A fit comes before its job's chunks, so a pool that was made for several tasks a node has nothing else to do.
    """
    before = torch.get_num_threads()
    if device.type == "cpu":
        torch.set_num_threads(os.process_cpu_count() or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _download_style(spec: FitSpec) -> bytes:
    if spec.style.size > spec.max_style_bytes:
        raise StyleImageError(
            f"style {blobs.label(spec.style.url)}: {spec.style.size:,} bytes is more than {spec.max_style_bytes:,}; "
            "give a smaller copy"
        )
    return blobs.download_source(spec.style, spec.max_style_bytes)


def _frames(spec: FitSpec, timings: Timings) -> list[NDArray[np.uint8]]:
    if spec.source is None or spec.index is None:
        return photographs()
    side = longer_side(spec.size_class)
    source = RangedReader(blobs.range_reader(spec.source), spec.source.size, name=blobs.label(spec.source.url))
    with timings.stage("decode"):
        frames = sample_frames(source, spec.index, side)
    timings.downloaded(source.seconds)
    # The network will be used on other videos too.
    return [*frames, *photographs()]


def _about(spec: FitSpec, recipe: Recipe, ended: FitProgress) -> Mapping[str, str]:
    """For the file's metadata. No seconds, no times: the same fit gives the same bytes."""
    return {
        **fit_monitor.notes(ended),
        "recipe": recipe.name,
        "features": recipe.features,
        "style_scale": str(spec.style_scale),
        "size_class": str(spec.size_class),
        "torch": torch.__version__,
    }
