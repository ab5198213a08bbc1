"""The styles that ship with `gpu_task`: what the app needs to know of them without reading their weights."""

from dataclasses import dataclass

from contracts.fit import Extractor

# What an uploaded style image may be; the node that fits it is held to the same.
STYLE_FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF")
# Shorter side in pixels, and the most that the longer may be of it.
STYLE_MIN_SIDE, STYLE_MAX_RATIO = 64, 8


@dataclass(frozen=True)
class BuiltinStyle:
    """A network in `gpu_task/styles/<name>.safetensors`, fitted by `recipe`; `sha256` is of that file."""

    name: str
    title: str
    artist: str
    origin: str
    licence: str
    sha256: str
    recipe: str = "squeezenet-v2"
    features: Extractor = "squeezenet"


PUBLIC_DOMAIN = "painting: public domain; weights: MIT, as the rest of this repository"
OWN = "painting and weights: MIT, as the rest of this repository"

BUILTIN_STYLES: dict[str, BuiltinStyle] = {
    style.name: style
    for style in (
        BuiltinStyle(
            name="starry-night",
            title="The Starry Night, 1889",
            artist="Vincent van Gogh (1853-1890)",
            origin="Museum of Modern Art, New York; scan by Google Arts & Culture",
            licence=PUBLIC_DOMAIN,
            sha256="bcbbb81ad21a3c2757b9c76b477001312accbeba92c8f9457fbdc72c7fc3858f",
            recipe="squeezenet-v4",
        ),
        BuiltinStyle(
            name="great-wave",
            title="Under the Wave off Kanagawa, about 1831",
            artist="Katsushika Hokusai (1760-1849)",
            origin="colour woodblock print, a detail",
            licence=PUBLIC_DOMAIN,
            sha256="124c2ad77745fab0ed1fa6a4b941d84c64f501fb385295c9636f53e3656990bb",
            recipe="squeezenet-v4",
        ),
        BuiltinStyle(
            name="the-scream",
            title="The Scream, 1893",
            artist="Edvard Munch (1863-1944)",
            origin="National Museum, Oslo",
            licence=PUBLIC_DOMAIN,
            sha256="2696f1a704b9200b5d9c787efc6c0e23fea2b64d5d2101b65e9dfcfec9a0d033",
        ),
        BuiltinStyle(
            name="impasto",
            title="Autumn lake at sunset",
            artist="made by scripts/paintings/impasto.py",
            origin="this repository",
            licence=OWN,
            sha256="ddc0f91d3d57fa1bc2f6880f7ad8f0fd823ef1049e9492f92ef396b51fe011b2",
            recipe="squeezenet-v4",
        ),
        BuiltinStyle(
            name="mosaic",
            title="Sun over the sea",
            artist="made by scripts/paintings/mosaic.py",
            origin="this repository",
            licence=OWN,
            sha256="379600f4aa498b4bb0532799295ad9ddca5df07b45c29ab20924743500b3a6a1",
            recipe="squeezenet-v4",
        ),
        BuiltinStyle(
            name="stained-glass",
            title="Garden with a river",
            artist="made by scripts/paintings/stained_glass.py",
            origin="this repository",
            licence=OWN,
            sha256="b79b0f0697ddf96f32d742d952e70ce652d7efdee965736a8749ee13017aa435",
        ),
        BuiltinStyle(
            name="woodcut",
            title="Pines under the moon",
            artist="made by scripts/paintings/woodcut.py",
            origin="this repository",
            licence=OWN,
            sha256="92deea967a674a64e0452022368818db6a15fe37813478150f35b2a05a80c276",
            recipe="squeezenet-v4",
        ),
    )
}
