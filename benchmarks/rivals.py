"""Johnson's network, fitted in more ways than one, so that it can be met on even ground.

The classic fit is what is in the papers. Beside it stand the same network fitted to all that ours is fitted to but for
calm, and the classic one fitted on with more and more weight on content: each of those trades style for content, and
between them lies what it flickers at any style loss that ours has.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from benchmarks.johnson import ClassicFit, ClassicObjective, FitObjective, JohnsonNetwork, OurObjective, fit_classic
from gpu_task.evaluation.extractors import Extractor
from gpu_task.objectives import make_objective
from gpu_task.recipes import Recipe
from gpu_task.weights import read_notes

JOHNSON = "Johnson et al."
SAME_OBJECTIVE = "Johnson et al., our objective"


@dataclass(frozen=True)
class Rival:
    """One way to fit Johnson's network.

    Attributes:
        content: times the recipe's weight of content.
        our_objective: fitted to Gram matrices at all of the recipe's sizes, palette and tones too; else to exactly the
            style loss that is measured.
        after: the rival whose network is fitted on; None: random weights.
        time: in units of the seconds that our own fit had. With `after` it comes on top of that one's.
    """

    name: str
    content: float = 1.0
    our_objective: bool = False
    after: str | None = None
    time: float = 1.0


CLASSIC = Rival(JOHNSON)
# Content 0.48, 1.4 and 4.3: from a little less style than the classic fit has to hardly any.
CURVE = (
    Rival("Johnson et al., content x 4", content=4, after=JOHNSON, time=0.2),
    Rival("Johnson et al., content x 12", content=12, after="Johnson et al., content x 4", time=0.2),
    Rival("Johnson et al., content x 36", content=36, after="Johnson et al., content x 12", time=0.2),
)
RIVALS = (CLASSIC, Rival(SAME_OBJECTIVE, our_objective=True), *CURVE)


@dataclass(frozen=True)
class Ground:
    """What all rivals are fitted with. `weights` None: the extractor's are found as gpu_task/features_files.py says.
    `path` tells where a rival's network is kept."""

    frames: Sequence[NDArray[np.uint8]]
    style: NDArray[np.uint8]
    extractor: Extractor
    recipe: Recipe
    weights: Path | None
    learning_rate: float
    seconds: float
    device: torch.device
    path: Callable[[str], Path]


@dataclass(frozen=True)
class Challenger:
    """A rival's network after a fit of `seconds` in all."""

    network: JohnsonNetwork
    seconds: float
    steps: int


def fit_rivals(rivals: Sequence[Rival], ground: Ground) -> dict[str, Challenger]:
    """All of them, by name; `after` names an earlier one. What is there from an earlier run is taken as it is."""
    fitted: dict[str, Challenger] = {}
    for rival in rivals:
        fitted[rival.name] = _fit(rival, ground, fitted[rival.after] if rival.after else None)
    return fitted


def _fit(rival: Rival, ground: Ground, before: Challenger | None) -> Challenger:
    path, seconds = ground.path(rival.name), rival.time * ground.seconds
    if not path.exists():
        print(f"{datetime.now():%H:%M:%S} fitting {rival.name} for {seconds:.0f} s", file=sys.stderr, flush=True)
        start = _read(ground.path(rival.after)) if rival.after else None
        network, steps = fit_classic(
            ground.frames, _objective(rival, ground), ground.recipe, _terms(rival, ground), ground.device, start=start
        )
        tensors = {key: value.cpu().contiguous() for key, value in network.state_dict().items()}
        save_file(tensors, path, {"fitted_steps": str(steps)})
    steps = int(read_notes(path)["fitted_steps"])
    earlier = (before.seconds, before.steps) if before else (0.0, 0)
    return Challenger(_read(path), seconds + earlier[0], steps + earlier[1])


def _terms(rival: Rival, ground: Ground) -> ClassicFit:
    recipe, seconds = ground.recipe, rival.time * ground.seconds
    terms = ClassicFit(seconds, rival.content * recipe.content, ground.learning_rate)
    return replace(terms, variation=recipe.variation) if rival.our_objective else terms


def _objective(rival: Rival, ground: Ground) -> FitObjective:
    if not rival.our_objective:
        return ClassicObjective(ground.extractor, ground.style)
    return OurObjective(make_objective(ground.recipe, ground.style, ground.frames, ground.device, ground.weights))


def _read(path: Path) -> JohnsonNetwork:
    network = JohnsonNetwork().eval()
    network.load_state_dict(load_file(path))
    return network
