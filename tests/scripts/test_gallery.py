import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from contracts.styles import BUILTIN_STYLES
from contracts.task_spec import ScorerOptions
from scripts import gallery

PAGE = """# Styles
<!-- gallery: written by scripts/gallery.py -->
an older table
<!-- end of gallery -->
between
<!-- options: written by scripts/gallery.py -->
<!-- end of options -->
after
"""
STYLE = next(iter(BUILTIN_STYLES))
LINK = re.compile(r'(?:src|href)="([^"]+)"')


@pytest.fixture
def page(tmp_path: Path) -> Path:
    path = tmp_path / "docs" / "styles.md"
    path.parent.mkdir()
    path.write_text(PAGE)
    return path


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """One style and pictures of 64x48, so that a test takes no minute."""
    monkeypatch.setattr(gallery, "SIZE", (64, 48))
    monkeypatch.setattr(gallery, "BUILTIN_STYLES", {STYLE: BUILTIN_STYLES[STYLE]})


@pytest.mark.usefixtures("small")
def test_the_gallery_fills_the_page_and_every_link_leads_to_a_picture(page: Path):
    images = page.parent / "images"
    (images / "gallery").mkdir(parents=True)
    (images / "gallery" / "gone-style-coffee.jpg").write_bytes(b"of a style that is no more")
    assert gallery.main(["--page", str(page), "--images", str(images)]) == 0
    text = page.read_text()
    links = LINK.findall(text)
    assert {(page.parent / link).resolve() for link in links} == set((images / "gallery").resolve().glob("*.jpg"))
    assert len(set(links)) == 2 * len(gallery.SUBJECTS) + len(gallery.VARIANTS)
    assert BUILTIN_STYLES[STYLE].title in text
    assert "painting not kept here" in text
    assert "an older table" not in text
    assert text.startswith("# Styles\n<!-- gallery")
    assert text.endswith("<!-- end of options -->\nafter\n")
    assert "\nbetween\n" in text


@pytest.mark.usefixtures("small")
def test_a_painting_of_our_own_is_shown(page: Path):
    images = page.parent / "images"
    images.mkdir()
    Image.new("RGB", (8, 8)).save(images / f"{STYLE}.jpg")
    assert f'src="images/{STYLE}.jpg"' in gallery.gallery_table(page.parent, images)


def test_a_page_without_markers_is_refused_by_name(tmp_path: Path):
    page = tmp_path / "empty.md"
    page.write_text("# Styles\n")
    with pytest.raises(ValueError, match=r"empty\.md: no line '<!-- gallery: written by"):
        gallery.fill(page, "gallery", "table")
    assert page.read_text() == "# Styles\n"


def test_options_change_what_is_painted():
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    image = Image.fromarray(noise)
    full, none = (gallery.score(image, STYLE, ScorerOptions(strength=strength)) for strength in (1.0, 0.0))
    assert np.array_equal(np.asarray(none), noise)
    assert np.abs(np.asarray(full).astype(int) - noise).mean() > 10


def test_the_page_shows_every_style_that_ships():
    text = gallery.PAGE.read_text(encoding="utf-8")
    missing = [name for name in BUILTIN_STYLES if f"<code>{name}</code>" not in text]
    assert not missing, "run `python -m scripts.gallery`"
    for link in LINK.findall(text):
        assert (gallery.PAGE.parent / link).is_file(), link
    pictures = list((gallery.IMAGES / "gallery").glob("*.jpg"))
    assert max(path.stat().st_size for path in pictures) < 60_000
    assert sum(path.stat().st_size for path in pictures) < 2_000_000
