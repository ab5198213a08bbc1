"""Fitting a style: extractors and recipes by name, how far a fit is, and what is known of a fitted network."""

from typing import Literal

from pydantic import Field

from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion, Sha256, digest

Extractor = Literal["squeezenet", "vgg19", "patches"]
EXTRACTORS: tuple[Extractor, ...] = ("squeezenet", "vgg19", "patches")
# The recipe that goes with each extractor; `gpu_task/recipes.py` has its numbers. A recipe's name is part of a model's
# address: change a number there, change the name here.
RECIPES: dict[Extractor, str] = {"squeezenet": "squeezenet-v4", "vgg19": "vgg19-v1", "patches": "patches-v2"}
# Networks are fitted for a size: strokes that suit 360 lines are lost on 2160. Classes by the shorter side, in pixels.
SIZE_CLASSES = (480, 1080, 2160)
SMALLEST_CLASS = SIZE_CLASSES[0]
# A node says how far its fit is, and may say anything; no fit takes more steps than this.
MAX_STEPS = 10**7


class FitProgress(Contract):
    """Step `step` of `steps`, and the losses there, unweighted. `job` is the one that fits, where it is another."""

    step: int = Field(ge=0, le=MAX_STEPS)
    steps: int = Field(ge=1, le=MAX_STEPS)
    style: float | None = None
    content: float | None = None
    consistency: float | None = None
    seconds_left: float | None = Field(default=None, ge=0)
    job: BatchId | None = None


class ModelChoice(Contract):
    """`<job>/model.json`: the network that a job needs, by all that decides it; pinned, whatever the settings become.

    `style_sha256` is of the image's content, so two uploads of one picture come to one network. `steps` is the setting
    FIT_STEPS: 0 for as many as the recipe says. `size_class` is the shorter side, in pixels, that it is fitted for.
    """

    style_sha256: Sha256
    features: Extractor
    recipe: str
    steps: int = Field(ge=0)
    style_scale: float = Field(gt=0)
    size_class: int = Field(ge=16)

    @property
    def key(self) -> str:
        """The network's address: `models/<key>.safetensors`."""
        return digest(self.style_sha256, self.recipe, self.steps, self.style_scale, self.size_class)


class FitClaim(Contract):
    """`fits/<model key>.json`: the run that fits this model. Others wait for it, or take over once that run is over."""

    job: BatchId
    run: int = Field(ge=1)


class FittedModel(Contract):
    """`models/<key>.json`, beside the weights: what they were fitted to and how. `seconds` are of the fit's task."""

    version: SchemaVersion = SCHEMA_VERSION
    key: Sha256
    sha256: Sha256
    style: str
    style_blob: str
    style_sha256: Sha256
    style_scale: float
    size_class: int
    recipe: str
    features: Extractor
    fitted: FitProgress | None
    seconds: float
    device: str
    job: BatchId
    fitted_at: str
