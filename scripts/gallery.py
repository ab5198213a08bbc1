"""Paints the gallery of the built-in styles anew: `python -m scripts.gallery`.

Writes docs/images/styles/gallery/*.jpg and the tables between the markers of docs/styles.md, for whatever styles
contracts/styles.py lists, with the weights that ship and the code that scores videos.
"""

import argparse
import html
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps

from contracts.styles import BUILTIN_STYLES, BuiltinStyle
from contracts.task_spec import ModelRef, ScorerOptions
from gpu_task.content import FOLDER as CONTENT
from gpu_task.model_files import read_model
from gpu_task.network import StyleNetwork
from gpu_task.scorers.style_transfer import StyleTransfer
from local.sample_clip import SHOTS, picture
from scripts.paintings.catalogue import jpeg

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "styles.md"
IMAGES = ROOT / "docs" / "images" / "styles"
# 4:3 and small, so that strokes are seen at the width a table leaves them.
SIZE = 448, 336
# Bytes of all pictures together, and of one.
GALLERY_BYTES, MAX_BYTES = 1_950_000, 58_000
QUALITIES = 86, 84, 82, 80, 77, 74, 70, 66, 62, 58, 54, 50
DEMO_FRAME = 160
# Of a picture in the first table and in the second: what fits the width of a page on GitHub.
SHOWN_WIDTH, OPTION_WIDTH = 176, 224


@dataclass(frozen=True)
class Subject:
    """What is painted. `focus` is the point that cropping keeps in view, as shares of width and height."""

    title: str
    read: Callable[[], Image.Image]
    focus: tuple[float, float] = (0.5, 0.5)

    def image(self) -> Image.Image:
        return ImageOps.fit(self.read().convert("RGB"), SIZE, Image.Resampling.LANCZOS, centering=self.focus)


@dataclass(frozen=True)
class Variant:
    """One choice of options, for the second table."""

    title: str
    options: ScorerOptions


def demo_frame() -> Image.Image:
    """A frame of the clip that `make demo` paints."""
    folder = files("skimage.data")
    photographs: dict[str, Image.Image] = {}
    for shot in SHOTS:
        with (folder / shot.photograph).open("rb") as file:
            photographs[shot.photograph] = Image.open(file).convert("RGB")
    return picture(DEMO_FRAME, photographs)


def photograph(name: str) -> Callable[[], Image.Image]:
    return lambda: Image.open(CONTENT / f"{name}.jpg")


SUBJECTS = {
    "astronaut": Subject("Eileen Collins (NASA)", photograph("astronaut"), (0.5, 0.1)),
    "chelsea": Subject("Chelsea, by Stefan van der Walt (CC0)", photograph("chelsea")),
    "coffee": Subject("Coffee, by Rachel Michetti (CC0)", photograph("coffee")),
    "demo": Subject("frame of the demo's clip: launch of DSCOVR, by SpaceX (public domain)", demo_frame),
}
VARIANTS_SUBJECT = "chelsea"
VARIANTS = {
    "strength-0.3": Variant("`strength` 0.3", ScorerOptions(strength=0.3)),
    "strength-0.6": Variant("`strength` 0.6", ScorerOptions(strength=0.6)),
    "full": Variant("`strength` 1", ScorerOptions()),
    "keep-color": Variant("`keep_color`", ScorerOptions(keep_color=True)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.gallery", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="page with the markers (default: docs/styles.md)")
    parser.add_argument("--images", type=Path, default=IMAGES, metavar="FOLDER", help="default: docs/images/styles")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads (default: 1)")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    folder: Path = options.images / "gallery"
    written = paint_gallery(folder)
    for stale in set(folder.glob("*.jpg")) - set(written):
        stale.unlink()
    fill(options.page, "gallery", gallery_table(options.page.parent, options.images))
    fill(options.page, "options", options_table(options.page.parent, folder))
    total = sum(path.stat().st_size for path in written)
    print(f"{len(written)} pictures, {total / 1e6:.2f} MB, in {folder}; tables in {options.page}")
    return 0


def paint_gallery(folder: Path) -> list[Path]:
    """Every style over every subject, and the variants; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    subjects = {name: subject.image() for name, subject in SUBJECTS.items()}
    painted = dict(subjects)
    for style in BUILTIN_STYLES:
        painted |= {f"{style}-{name}": score(image, style, ScorerOptions()) for name, image in subjects.items()}
    for name, variant in VARIANTS.items():
        painted[f"options-{name}"] = score(subjects[VARIANTS_SUBJECT], variants_style(), variant.options)
    max_bytes = min(MAX_BYTES, GALLERY_BYTES // len(painted))
    return [write(folder / f"{name}.jpg", image, max_bytes) for name, image in painted.items()]


def variants_style() -> str:
    """The style whose options are shown: the first."""
    return next(iter(BUILTIN_STYLES))


def score(image: Image.Image, style: str, options: ScorerOptions) -> Image.Image:
    """`image` as a video's frame would be painted."""
    network = StyleNetwork()
    network.load_state_dict(read_model(ModelRef(name=style, sha256=None, builtin=True)))
    scorer = StyleTransfer(network, options, torch.device("cpu"))
    scorer.prepare(image.width, image.height)
    return Image.fromarray(scorer.score(np.array(image)[None])[0])


def write(path: Path, image: Image.Image, max_bytes: int) -> Path:
    path.write_bytes(jpeg(image, QUALITIES, max_bytes))
    return path


def gallery_table(page_folder: Path, images: Path) -> str:
    """A row of what is painted, then for each style a line about the painting and a row of results."""
    folder = images / "gallery"
    sources = [_cell(_image(page_folder, folder / f"{name}.jpg", subject.title)) for name, subject in SUBJECTS.items()]
    rows = [_row(_cell("<b>Style</b>"), *sources)]
    for name, style in BUILTIN_STYLES.items():
        results = [
            _cell(_image(page_folder, folder / f"{name}-{key}.jpg", f"{style.title}, over: {subject.title}"))
            for key, subject in SUBJECTS.items()
        ]
        rows.append(_row(_cell(_about(style), span=1 + len(results))))
        rows.append(_row(_painting(page_folder, images, style), *results))
    return "<table>\n" + "\n".join(rows) + "\n</table>"


def options_table(page_folder: Path, folder: Path) -> str:
    titles = " | ".join(variant.title for variant in VARIANTS.values())
    pictures = " | ".join(
        _image(page_folder, folder / f"options-{name}.jpg", variant.title.replace("`", ""), OPTION_WIDTH)
        for name, variant in VARIANTS.items()
    )
    return f"| {titles} |\n|{'---|' * len(VARIANTS)}\n| {pictures} |"


def fill(page: Path, name: str, text: str) -> None:
    """Replaces what is between the two markers of `name`. Raises ValueError where the page lacks them."""
    begin, end = f"<!-- {name}: written by scripts/gallery.py -->", f"<!-- end of {name} -->"
    content = page.read_text(encoding="utf-8")
    if begin not in content or end not in content:
        raise ValueError(f"{page}: no line {begin!r} followed by {end!r}; put both where the {name} belongs")
    before, rest = content.split(begin, 1)
    page.write_text(f"{before}{begin}\n{text}\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")


def _about(style: BuiltinStyle) -> str:
    facts = (style.title, style.artist, style.origin, style.licence)
    title, *others = (html.escape(fact, quote=False) for fact in facts)
    return f"<code>{style.name}</code> <b>{title}</b> · {' · '.join(others)}"


def _painting(page_folder: Path, images: Path, style: BuiltinStyle) -> str:
    """The painting itself where it is our own; those of museums are not kept here."""
    path = images / f"{style.name}.jpg"
    return _cell(_image(page_folder, path, style.title) if path.exists() else "<i>painting not kept here</i>")


def _image(page_folder: Path, path: Path, title: str, width: int = SHOWN_WIDTH) -> str:
    source = path.relative_to(page_folder, walk_up=True).as_posix()
    return f'<a href="{source}"><img src="{source}" width="{width}" alt="{html.escape(title)}"></a>'


def _row(*cells: str) -> str:
    return f"<tr>{''.join(cells)}</tr>"


def _cell(content: str, span: int = 1) -> str:
    return f'<td colspan="{span}">{content}</td>' if span > 1 else f"<td>{content}</td>"


if __name__ == "__main__":
    sys.exit(main())
