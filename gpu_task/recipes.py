"""How a style is fitted, by name. A recipe's name is part of a model's address: change a number, change the name."""

from dataclasses import dataclass, replace

from contracts.fit import Extractor
from gpu_task.failures import HopelessError


class UnknownRecipeError(HopelessError):
    """A spec names a recipe that this version does not have."""


NEAREST = "nearest"
# The built-in style that was fitted first, from random weights.
FIRST_STYLE = "impasto"


@dataclass(frozen=True)
class Recipe:
    """Constants of one fit. Loss scales differ between extractors, so weights are never shared across them.

    Attributes:
        features: extractor; gpu_task/features.py has the pretrained ones, `patches` needs no weights and looks plainer.
        steps: optimiser steps.
        crop: side of the training squares, pixels.
        batch: squares per step.
        style_size: the style image's shorter side while fitting, pixels; larger gives larger strokes.
        zoom: frames are scaled by a factor drawn from this range, so that near and far things are both seen.
        content, variation, consistency: weights of the losses against a style weight of 1.
        style_layers, content_layer, palette: for pretrained extractors: where Gram matrices and content are compared,
            and the weight of the style's colours against its Gram matrices.
        start: the built-in style whose network a fit begins from; it knows how to paint already, and what takes
            thousands of steps from random weights takes a few hundred. NEAREST: whichever comes nearest to the style
            before anything is fitted. None: random weights.
        scales: for pretrained extractors: weights of the sizes at which Gram matrices are compared, each size half of
            the one before.
    """

    name: str
    features: Extractor
    steps: int
    crop: int
    batch: int
    style_size: int
    zoom: tuple[float, float]
    content: float
    variation: float
    consistency: float
    style_layers: tuple[int, ...] = ()
    content_layer: int = 0
    palette: float = 1.5
    scales: tuple[float, ...] = (1.0,)
    start: str | None = None
    learning_rate: float = 3e-3
    seed: int = 0


SQUEEZENET_3 = Recipe(
    name="squeezenet-v3",
    features="squeezenet",
    steps=800,
    crop=192,
    batch=1,
    style_size=600,
    zoom=(0.6, 1.6),
    content=0.12,
    variation=0.1,
    consistency=1.5,
    # Each scale of stroke, from grain (1) to motif (10); content where objects are but colours are not.
    style_layers=(1, 3, 4, 5, 7, 8, 9, 10),
    content_layer=4,
    scales=(1.0, 0.3, 0.3),
    start=NEAREST,
)
# Frames are steadied after they are painted (gpu_task/steadying.py), so little calm is bought with style: a fifth of
# the weight of consistency, and a third of the palette's. With one size in place of three a step takes a third less
# time. Together the style loss falls by a third.
SQUEEZENET = replace(SQUEEZENET_3, name="squeezenet-v4", steps=1000, consistency=0.3, palette=0.5, scales=(1.0,))
# By this one some of the built-in styles were fitted.
SQUEEZENET_2 = replace(SQUEEZENET_3, name="squeezenet-v2", start=FIRST_STYLE)
# Gatys et al. (2016), and Johnson et al. (2016) for the size of the squares. The style loss is relative to the style's
# own Gram matrices, as everywhere here, so the weights of the others mean about the same as for SqueezeNet.
VGG19 = replace(
    SQUEEZENET_3,
    name="vgg19-v1",
    features="vgg19",
    crop=256,
    style_layers=(1, 6, 11, 20, 29),  # relu1_1, 2_1, 3_1, 4_1, 5_1
    content_layer=22,  # relu4_2
    start=FIRST_STYLE,
)
PATCHES = Recipe(
    name="patches-v2",
    features="patches",
    steps=550,
    crop=128,
    batch=1,
    style_size=384,
    zoom=(0.6, 1.6),
    content=1.0,
    variation=0.0,
    consistency=0.4,
    start=FIRST_STYLE,
)
# The styles that ship are fitted as anyone's, but for the one that all fits start from: it started from nothing.
FIRST = replace(SQUEEZENET_3, name="first-v2", steps=3000, start=None)
# Seconds, not minutes: does this painting go through at all, and in which colours?
DRAFT = replace(PATCHES, name="patches-draft", steps=40, crop=96, style_size=192)

RECIPES: dict[str, Recipe] = {
    recipe.name: recipe for recipe in (SQUEEZENET, SQUEEZENET_3, SQUEEZENET_2, VGG19, PATCHES, FIRST, DRAFT)
}


def find_recipe(name: str) -> Recipe:
    """Raises: UnknownRecipeError."""
    try:
        return RECIPES[name]
    except KeyError:
        raise UnknownRecipeError(f"recipe {name!r} is not known; there are: {', '.join(RECIPES)}") from None
