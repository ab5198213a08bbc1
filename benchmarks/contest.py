"""One style of `benchmarks.quality`: both networks fitted, or taken from an earlier fit, and judged alike."""

import dataclasses
import hashlib
import json
import re
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks import machine
from benchmarks.quality_readings import OURS
from benchmarks.rivals import CLASSIC, JOHNSON, RIVALS, SAME_OBJECTIVE, Ground, fit_rivals
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
from gpu_task.objectives import make_objective
from gpu_task.recipes import Recipe, find_recipe
from gpu_task.scorers.style_transfer import StyleTransfer
from gpu_task.style_image import read_style_image
from gpu_task.training import find_start, fit
from gpu_task.weights import read_notes, write_weights

JPEG_QUALITY = 88
MIN_SECONDS = 0.1  # of a fit whose time was up before it began: it has one step at least


class NoFitSecondsError(Exception):
    """A built-in style's file does not tell how long its fit took, and the caller does not either."""


@dataclass(frozen=True)
class Terms:
    """The same for every style. `seconds` None: for a built-in style what its file tells. `plain`: Johnson's network is
    fitted in the classic way alone, which takes a third of the time. `steadiness` is ours alone:
    Johnson's network paints frame by frame. `recipe` is of what is fitted here; None: today's."""

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
    plain: bool = False
    steadiness: float = 1.0
    recipe: str | None = None


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
    """A network to be judged, the seconds that its fit took, the steps it had (None: its file does not tell) and the
    built-in style that it began from."""

    scorer: StyleTransfer
    seconds: float | None
    steps: int | None
    begun_from: str | None = None

    def as_json(self) -> dict[str, Any]:
        return {"seconds": self.seconds and round(self.seconds, 1), "steps": self.steps}


def measure(entry: Entry, terms: Terms) -> dict[str, Any]:
    """The style's entry in the result file; its contact sheet in `terms.sheets`."""
    torch.set_num_threads(terms.threads)
    recipe = find_recipe(terms.recipe or RECIPES[cast(Any, terms.features)])
    if entry.builtin:
        recipe = dataclasses.replace(recipe, style_size=style_size_of(entry.name))
    painting = entry.painting.read_bytes()
    style = read_style_image(painting, entry.painting.name, recipe.style_size)
    extractor = open_extractor(terms.features, terms.weights)
    frames = [frame for path in terms.content for frame in read_content(path)]
    ours = _shipped(entry) if entry.builtin else _fitted(entry, terms, recipe, style, frames)
    johnson = _johnson(entry, terms, recipe, style, frames, extractor, _as_long(entry, terms, ours))
    clips = [find_clip(path, terms.frames, terms.longer_side) for path in terms.clips]
    models = [
        Model(OURS, ours.scorer, steadiness=terms.steadiness),
        *(Model(name, of.scorer, seams=False) for name, of in johnson.items()),
    ]
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
        "begun_from": ours.begun_from,
        "frames_fitted_on": None if entry.builtin else len(frames),
        "threads": terms.threads,
        "steadiness": terms.steadiness,
        "johnson": {"learning_rate": terms.learning_rate, "content": recipe.content, "frames_fitted_on": len(frames)},
        "objective": {"palette": recipe.palette},
        "fit": {name: of.as_json() for name, of in {OURS: ours, **johnson}.items()},
        "models": [model.as_json() for model in judgement.models],
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine.describe(),
    }


def _as_long(entry: Entry, terms: Terms, ours: Fitted) -> float:
    """Seconds for Johnson's network: what `terms` say, else what ours had; never less than ours if it was fitted here.

    Raises: NoFitSecondsError.
    """
    seconds = terms.seconds or ours.seconds
    if not entry.builtin and ours.seconds:
        seconds = max(ours.seconds, terms.seconds or 0.0)
    if seconds is None:
        raise NoFitSecondsError(
            f"{entry.name}: its file does not tell its fit's seconds; give --fitted {entry.name}=SECONDS"
        )
    return seconds


def _shipped(entry: Entry) -> Fitted:
    """The weights that ship."""
    seconds, steps = _note(entry.name, "seconds"), _note(entry.name, "fitted_steps")
    return Fitted(
        open_scorer(entry.name),
        float(seconds) if seconds else entry.seconds,
        int(steps) if steps else None,
        _note(entry.name, "start"),
    )


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
        # A network that was fitted to this very painting would have had its time twice.
        start = find_start(frames, objective, recipe, device, without=styles_of(entry.painting))
        left = max(MIN_SECONDS, terms.seconds - (time.perf_counter() - began))
        network = fit(frames, objective, recipe, device, monitor, start.network, left)
        notes = {
            "seconds": str(time.perf_counter() - began),
            "fitted_steps": str(monitor.state().step),
            "start": start.name or "",
        }
        write_weights(network, path, notes)
    notes = read_notes(path)
    return Fitted(open_scorer(str(path)), float(notes["seconds"]), int(notes["fitted_steps"]), notes.get("start"))


def styles_of(painting: Path) -> set[str]:
    """Built-in styles that were fitted to this file."""
    digest = hashlib.sha256(painting.read_bytes()).hexdigest()
    return {name for name in BUILTIN_STYLES if _note(name, "style_sha256") == digest}


def _johnson(
    entry: Entry,
    terms: Terms,
    recipe: Recipe,
    style: NDArray[np.uint8],
    frames: list[NDArray[np.uint8]],
    extractor: Extractor,
    seconds: float,
) -> dict[str, Fitted]:
    """Johnson's network, fitted for `seconds` in each of the ways that `terms` ask for."""
    _say(entry, "Johnson's network")
    device, weights = best_device(), weights_file(terms.features, terms.weights)

    def path(rival: str) -> Path:
        words = re.sub(r"[^a-z0-9]+", "-", rival.lower().removeprefix(JOHNSON.lower())).strip("-")
        if rival == SAME_OBJECTIVE:
            return _cached(entry, terms, recipe, f"johnson-{words}-{seconds:.0f}s")
        # Of a recipe the others take what every network is fitted with, not what ours is asked for.
        shared = dataclasses.replace(recipe, name="", steps=0, consistency=0, palette=0, scales=(), start=None)
        return _cached(entry, terms, shared, "-".join(filter(None, ("johnson", words, f"{seconds:.0f}s"))))

    ground = Ground(frames, style, extractor, recipe, weights, terms.learning_rate, seconds, device, path)
    fitted = fit_rivals((CLASSIC,) if terms.plain else RIVALS, ground)
    return {
        name: Fitted(StyleTransfer(of.network, ScorerOptions(), device), of.seconds, of.steps)
        for name, of in fitted.items()
    }


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
    # Two of the models: what differs between Johnson's networks is told by figures, and hardly seen.
    plain = Judgement(judgement.models[:2], tuple(row[:3] for row in judgement.rows))
    plain.sheet(title, style).draw().save(folder / f"{entry.name}.jpg", quality=JPEG_QUALITY, optimize=True)


def _say(entry: Entry, what: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {entry.name}: {what}", file=sys.stderr, flush=True)
