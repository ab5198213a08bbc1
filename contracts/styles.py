"""The styles that ship with `gpu_task`: what the app needs to know of them without reading their weights."""

from dataclasses import dataclass

# What an uploaded style image may be; the node that fits it is held to the same.
STYLE_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
# Shorter side in pixels, and the most that the longer may be of it.
STYLE_MIN_SIDE, STYLE_MAX_RATIO = 64, 8


@dataclass(frozen=True)
class BuiltinStyle:
    """A fitted network in `gpu_task/styles/<name>.safetensors`; `sha256` is of that file."""

    name: str
    title: str
    artist: str
    origin: str
    licence: str
    sha256: str


BUILTIN_STYLES: dict[str, BuiltinStyle] = {
    style.name: style
    for style in (
        BuiltinStyle(
            name="starry-night",
            title="The Starry Night, 1889",
            artist="Vincent van Gogh (1853-1890)",
            origin="Museum of Modern Art, New York; scan by Google Arts & Culture",
            licence="painting: public domain; weights: MIT, as the rest of this repository",
            sha256="45b86f718edf4210314385f29ded43744e4521d383b482d5258c127dce8ad7db",
        ),
    )
}
