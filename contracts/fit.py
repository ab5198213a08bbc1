"""Fitting a style: extractors and recipes by name, how far a fit is, and what is known of a fitted network."""

from typing import Literal

from pydantic import Field

from contracts.model import SCHEMA_VERSION, BatchId, Contract, SchemaVersion, Sha256

Extractor = Literal["squeezenet", "vgg19", "patches"]
EXTRACTORS: tuple[Extractor, ...] = ("squeezenet", "vgg19", "patches")
# The recipe that goes with each extractor; `gpu_task/recipes.py` has its numbers. A recipe's name is part of a model's
# address: change a number there, change the name here.
RECIPES: dict[Extractor, str] = {"squeezenet": "squeezenet-v1", "vgg19": "vgg19-v1", "patches": "patches-v1"}


class FitProgress(Contract):
    """Step `step` of `steps`, and the losses there, unweighted. `job` is the one that fits, where it is another."""

    step: int = Field(ge=0)
    steps: int = Field(ge=1)
    style: float | None = None
    content: float | None = None
    consistency: float | None = None
    seconds_left: float | None = Field(default=None, ge=0)
    job: BatchId | None = None


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
