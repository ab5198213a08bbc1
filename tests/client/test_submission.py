from pathlib import Path

import pytest

from client.errors import InvalidInput
from client.submission import build, parse_options, style_slug


@pytest.mark.parametrize(
    ("name", "slug"),
    [("Great Wave.jpg", "great-wave"), ("--a__b--.png", "a-b"), ("x" * 90 + ".jpg", "x" * 63), ("7.jpeg", "7")],
)
def test_a_style_is_named_after_its_image(name: str, slug: str) -> None:
    assert style_slug(Path(name)) == slug


def test_an_image_without_a_usable_name_is_refused_with_the_remedy() -> None:
    with pytest.raises(InvalidInput, match=r"神奈川\.jpg gives no style name; rename it"):
        style_slug(Path("神奈川.jpg"))


def test_options_are_json_or_else_text() -> None:
    assert parse_options(["chunk-size=30", "keep_color=true", "on_bad_frame=fail"]) == {
        "chunk_size": 30,
        "keep_color": True,
        "on_bad_frame": "fail",
    }


@pytest.mark.parametrize("pair", ["chunk_size", "speed=3", "=3"])
def test_an_unknown_option_is_refused_with_the_known_ones(pair: str) -> None:
    with pytest.raises(InvalidInput, match="NAME one of max_dimension, "):
        parse_options([pair])


def test_an_option_of_the_wrong_type_is_refused_by_name_and_value(clip: Path) -> None:
    with pytest.raises(InvalidInput, match=r"^chunk_size: .*integer.*\(got 'many'\)$"):
        build(clip, "mosaic", "style-transfer", {"chunk_size": "many"})


def test_a_style_file_must_be_what_its_suffix_says(clip: Path) -> None:
    image = clip.with_name("wave.png")
    image.write_bytes(b"\xff\xd8\xff a jpeg")
    with pytest.raises(InvalidInput, match=r"wave\.png is no png image"):
        build(clip, str(image), "style-transfer", {})


def test_an_empty_video_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.mp4").touch()
    with pytest.raises(InvalidInput, match="the file is empty"):
        build(tmp_path / "none.mp4", "mosaic", "style-transfer", {})
