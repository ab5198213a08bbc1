"""One style of `benchmarks.quality`: both networks fitted, or taken from an earlier fit, and judged alike."""

import dataclasses
import hashlib
import json
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from benchmarks import machine
from benchmarks.johnson import ClassicFit, ClassicObjective, JohnsonNetwork, fit_classic
from contracts.fit import RECIPES
from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ScorerOptions
from gpu_task.devices import best_device
from gpu_task.evaluate import open_scorer, style_size_of, title_of
from gpu_task.evaluation.appearance import Appearance
from gpu_task.evaluation.clips import find_clip
from gpu_task.evaluation.extractors import Extractor, open_extractor, weights_file
from gpu_task.evaluation.judging import Judgement, Model, judge
from gpu_task.fit import read_content
from gpu_task.fit_monitor import FitMonitor
from gpu_task.model_files import style_path
from gpu_task.network import StyleNetwork
from gpu_task.objectives import make_objective
from gpu_task.recipes import Recipe, find_recipe
from gpu_task.scorers.style_transfer import StyleTransfer
from gpu_task.style_image import read_style_image
from gpu_task.training import fit
from gpu_task.weights import read_notes, write_weights

OURS, JOHNSON = "Atelier", "Johnson et al."
JPEG_QUALITY = 88


class NoFitSecondsError(Exception):
    """A built-in style's file does not tell how long its fit took, and the caller does not either."""


@dataclass(frozen=True)
class Terms:
    """The same for every style. `seconds` None: for a built-in style what its file tells."""

    clips: tuple[Path, ...]
    content: tuple[Path, ...]
    features: str
    weights: Path | None
    frames: int
    longer_side: int
    seconds: float | None
    threads: int
    learning_rate: float
    work: Path
    sheets: Path


@dataclass(frozen=True)
class Entry:
    """A style to measure: a built-in one (`name` is its own) or an uploaded painting. `seconds`: what a built-in one's
    fit took, where its file does not tell."""

    name: str
    painting: Path
    builtin: bool
    seconds: float | None = None


@dataclass(frozen=True)
class Fitted:
    """A network to be judged, the seconds that its fit took and the steps it had (None: its file does not tell)."""

    scorer: StyleTransfer
    seconds: float | None
    steps: int | None

    def as_json(self) -> dict[str, Any]:
        return {"seconds": self.seconds and round(self.seconds, 1), "steps": self.steps}


def measure(entry: Entry, terms: Terms) -> dict[str, Any]:
    """The style's entry in the result file; its contact sheet in `terms.sheets`."""
    torch.set_num_threads(terms.threads)
    recipe = find_recipe(RECIPES[cast(Any, terms.features)])
    if entry.builtin:
        recipe = dataclasses.replace(recipe, style_size=style_size_of(entry.name))
    painting = entry.painting.read_bytes()
    style = read_style_image(painting, entry.painting.name, recipe.style_size)
    extractor = open_extractor(terms.features, terms.weights)
    frames = [frame for path in terms.content for frame in read_content(path)]
    ours = _shipped(entry) if entry.builtin else _fitted(entry, terms, recipe, style, frames)
    johnson = _johnson(entry, terms, recipe, style, frames, extractor, _as_long(entry, terms, ours))
    clips = [find_clip(path, terms.frames, terms.longer_side) for path in terms.clips]
    models = [Model(OURS, ours.scorer), Model(JOHNSON, johnson.scorer, seams=False)]
    _say(entry, "judging")
    judgement = judge(models, clips, Appearance(extractor, style))
    _save_sheet(judgement, entry, style, terms.sheets)
    return {
        "name": entry.name,
        "kind": "builtin" if entry.builtin else "uploaded",
        "painting": entry.painting.name,
        "style_sha256": hashlib.sha256(painting).hexdigest(),
        "style_size": recipe.style_size,
        "features": terms.features,
        "features_sha256": extractor.sha256,
        "recipe": _note(entry.name, "recipe") if entry.builtin else recipe.name,
        "begun_from": (_note(entry.name, "start") if entry.builtin else recipe.start),
        "frames_fitted_on": None if entry.builtin else len(frames),
        "threads": terms.threads,
        "johnson": {"learning_rate": terms.learning_rate, "content": recipe.content, "frames_fitted_on": len(frames)},
        "fit": {
            OURS: ours.as_json(),
            JOHNSON: johnson.as_json(),
        },
        "models": [model.as_json() for model in judgement.models],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
    }


def _as_long(entry: Entry, terms: Terms, ours: Fitted) -> float:
    """Seconds for Johnson's network: what ours had; for a built-in style `terms` may say otherwise, and the page tells.

    Raises: NoFitSecondsError.
    """
    seconds = (terms.seconds if entry.builtin else None) or ours.seconds
    if seconds is None:
        raise NoFitSecondsError(
            f"{entry.name}: its file does not tell its fit's seconds; give --fitted {entry.name}=SECONDS"
        )
    return seconds


def _shipped(entry: Entry) -> Fitted:
    """The weights that ship."""
    seconds, steps = _note(entry.name, "seconds"), _note(entry.name, "fitted_steps")
    return Fitted(open_scorer(entry.name), float(seconds) if seconds else entry.seconds, int(steps) if steps else None)


def _note(name: str, key: str) -> str | None:
    return read_notes(style_path(name)).get(key)


def _fitted(
    entry: Entry, terms: Terms, recipe: Recipe, style: NDArray[np.uint8], frames: list[NDArray[np.uint8]]
) -> Fitted:
    """Our network as a job would fit it, in `terms.seconds` at most."""
    if terms.seconds is None:
        raise NoFitSecondsError(f"{entry.name}: how long may its fit take? Give --seconds")
    path = _cached(entry, terms, recipe, "ours")
    if not path.exists():
        _say(entry, f"fitting ours for {terms.seconds:.0f} s")
        device, monitor = best_device(), FitMonitor(recipe.steps)
        objective = make_objective(recipe, style, frames, device, weights_file(terms.features, terms.weights))
        began = time.perf_counter()
        network = fit(frames, objective, recipe, device, monitor, max_seconds=terms.seconds)
        notes = {"seconds": str(time.perf_counter() - began), "fitted_steps": str(monitor.state().step)}
        write_weights(network, path, notes)
    notes = read_notes(path)
    return Fitted(open_scorer(str(path)), float(notes["seconds"]), int(notes["fitted_steps"]))


def _johnson(
    entry: Entry,
    terms: Terms,
    recipe: Recipe,
    style: NDArray[np.uint8],
    frames: list[NDArray[np.uint8]],
    extractor: Extractor,
    seconds: float,
) -> Fitted:
    """Johnson's network, fitted for `seconds`."""
    path = _cached(entry, terms, recipe, f"johnson-{seconds:.0f}s")
    device = best_device()
    if not path.exists():
        _say(entry, f"fitting Johnson's network for {seconds:.0f} s")
        classic = ClassicFit(seconds, recipe.content, terms.learning_rate)
        network, steps = fit_classic(frames, ClassicObjective(extractor, style), recipe, classic, device)
        tensors = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
        save_file(tensors, path, {"fitted_steps": str(steps)})
    network = JohnsonNetwork().eval()
    network.load_state_dict(load_file(path))
    scorer = StyleTransfer(cast(StyleNetwork, network), ScorerOptions(), device)
    return Fitted(scorer, seconds, int(read_notes(path)["fitted_steps"]))


def _cached(entry: Entry, terms: Terms, recipe: Recipe, what: str) -> Path:
    """Where a fit's result is kept: by all that it depends on, so that another fit is never taken for it."""
    painting = hashlib.sha256(entry.painting.read_bytes()).hexdigest()
    content = [(path.name, path.stat().st_size) for path in terms.content]
    told = [painting, str(recipe), terms.features, terms.seconds, terms.threads, terms.learning_rate, content]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:12]
    terms.work.mkdir(parents=True, exist_ok=True)
    return terms.work / f"{entry.name}-{key}-{what}.safetensors"


def _save_sheet(judgement: Judgement, entry: Entry, style: NDArray[np.uint8], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    title = BUILTIN_STYLES[entry.name].title if entry.builtin else title_of(entry.painting)
    judgement.sheet(title, style).draw().save(folder / f"{entry.name}.jpg", quality=JPEG_QUALITY, optimize=True)


def _say(entry: Entry, what: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {entry.name}: {what}", file=sys.stderr, flush=True)
