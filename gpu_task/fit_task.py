"""Fits a style on the source's own frames and uploads the weights."""

import dataclasses
import hashlib
import logging
from pathlib import Path

import torch

from contracts.task_spec import FitSpec
from gpu_task import blobs, outcome
from gpu_task.devices import best_device, describe, peak_memory_bytes
from gpu_task.failures import HopelessError
from gpu_task.machine import Machine
from gpu_task.objectives import make_objective
from gpu_task.progress import Progress
from gpu_task.recipes import find_recipe
from gpu_task.style_image import MAX_BYTES, read_style_image
from gpu_task.timings import Timings
from gpu_task.training import StepReport, fit
from gpu_task.training_frames import sample_frames
from gpu_task.weights import write_weights
from media.ranged import RangedReader

log = logging.getLogger(__name__)

LOG_EVERY = 100  # steps


def fit_style(spec: FitSpec, folder: Path, timings: Timings, machine: Machine) -> outcome.Written:
    """Progress counts optimiser steps; `score` seconds are those of the fit itself."""
    recipe = find_recipe(spec.recipe)
    if spec.steps is not None:
        recipe = dataclasses.replace(recipe, steps=spec.steps)
    device = best_device()
    machine.device = describe(device)
    timings.started()
    with timings.stage("download"):
        painting = blobs.download_source(spec.style, MAX_BYTES)
    style = read_style_image(painting, blobs.label(spec.style.url), recipe.style_size)
    if spec.source is None or spec.index is None:
        raise HopelessError("source: not given, and this version carries no frames of its own")
    source = RangedReader(blobs.range_reader(spec.source), spec.source.size, name=blobs.label(spec.source.url))
    with timings.stage("decode"):
        frames = sample_frames(source, spec.index)
    timings.downloaded(source.seconds)
    log.info("fitting %s for %d steps on %d frames", recipe.name, recipe.steps, len(frames))
    with timings.stage("score"), Progress(spec.to.progress) as progress:
        objective = make_objective(recipe, style, frames, device)

        def on_step(report: StepReport) -> None:
            progress.advance()
            if report.step % LOG_EVERY == 0:
                log.info("%s", report)

        network = fit(frames, objective, recipe, device, on_step, max_seconds=spec.max_seconds)
    machine.peak_memory_bytes = peak_memory_bytes(device)
    path = folder / "model.safetensors"
    notes = {"recipe": recipe.name, "style_sha256": hashlib.sha256(painting).hexdigest(), "features": recipe.features}
    write_weights(network, path, {**notes, "steps": str(recipe.steps), "torch": torch.__version__})
    with timings.stage("upload"):
        return outcome.upload(spec.to.output, path, "application/octet-stream", None, spec.identity.task)
