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
            sha256="e3867f8ed114afe55a6aa87d57b8daa45f557db18d0c4b1549b273db2e3d9f85",
        ),
        BuiltinStyle(
            name="great-wave",
            title="Under the Wave off Kanagawa, about 1831",
            artist="Katsushika Hokusai (1760-1849)",
            origin="colour woodblock print, a detail",
            licence=PUBLIC_DOMAIN,
            sha256="07902da7abded1f9568987d505150967a0a11c3a2b062a2c54b691cb8090631c",
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
            sha256="8dba042b31be4658072cc26c4238d252724755efba529a1546c57ba39111c959",
            recipe="first-v2",
        ),
        BuiltinStyle(
            name="mosaic",
            title="Sun over the sea",
            artist="made by scripts/paintings/mosaic.py",
            origin="this repository",
            licence=OWN,
            sha256="95b9b25e86c0607ce0823a25c0772a3dddf6ae6ae7e844b8690b56573d3be49c",
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
            sha256="c18e1811182dbb2c66ecf85b9e72c0cfc317c2221f30e46c97b6b6b7f91df1a1",
        ),
    )
}
