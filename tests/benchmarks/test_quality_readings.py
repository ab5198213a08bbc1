from typing import Any

import pytest

from benchmarks.quality_readings import OURS, above_source, flicker_at, objective_loss, readings
from benchmarks.rivals import CURVE, JOHNSON, SAME_OBJECTIVE


def model(name: str, style: float, flicker: float, at_sizes: float = 0.1, palette: float = 0.02) -> dict[str, Any]:
    overall = {"style_loss": style, "flicker": flicker, "source_flicker": 1.0, "style_at_sizes": at_sizes}
    return {"model": name, "overall": overall | {"palette_distance": palette}}


def style_of(*models: dict[str, Any]) -> dict[str, Any]:
    return {"name": "wave", "objective": {"palette": 1.5}, "models": list(models)}


def curved(ours: dict[str, Any]) -> dict[str, Any]:
    """Johnson's network has 0.1 / 8 and 0.2 / 6, 0.3 / 4, 0.4 / 2."""
    points = [model(rival.name, 0.2 + 0.1 * n, 6 - 2 * n) for n, rival in enumerate(CURVE)]
    return style_of(ours, model(JOHNSON, 0.1, 8), *points)


@pytest.mark.parametrize(("loss", "flicker"), [(0.1, 8), (0.15, 7), (0.2, 6), (0.225, 5.5), (0.4, 2)])
def test_flicker_at_a_style_loss_lies_between_two_fits(loss: float, flicker: float) -> None:
    assert flicker_at(curved(model(OURS, loss, 1)), loss) == pytest.approx(flicker)


@pytest.mark.parametrize("loss", [0.09, 0.41])
def test_no_line_is_drawn_beyond_the_fits(loss: float) -> None:
    style = curved(model(OURS, loss, 1))

    assert flicker_at(style, loss) is None
    assert "**not met**: beyond the line" in "".join(readings([style]))
    assert "**Met by 0 of 1 styles.**" in readings([style])


@pytest.mark.parametrize(
    ("flicker", "words"), [(3.5, "| 7.00 | 0.50 | met |"), (3.6, "| 0.51 | **not met**: flicker |")]
)
def test_half_is_half_of_the_flicker_at_our_style_loss(flicker: float, words: str) -> None:
    assert words in "".join(readings([curved(model(OURS, 0.15, flicker))]))


@pytest.mark.parametrize(
    ("at_sizes", "flicker", "words"),
    [
        (0.12, 2, "| 0.150 | 0.150 | 0.300 | 0.100 | 2.00 | 4.00 | 0.50 | met |"),
        (0.13, 2, "**not met**: style loss"),
        (0.12, 3, "**not met**: flicker |"),
    ],
)
def test_at_one_objective_its_own_loss_decides(at_sizes: float, flicker: float, words: str) -> None:
    """Palette counts by its weight; the style loss of one size is told and does not decide."""
    ours = model(OURS, 0.3, flicker, at_sizes, palette=0.02)
    style = style_of(ours, model(JOHNSON, 0.1, 8), model(SAME_OBJECTIVE, 0.1, 4, at_sizes=0.09, palette=0.04))

    assert objective_loss(style, SAME_OBJECTIVE) == pytest.approx(0.15)
    assert words in "".join(readings([style]))


def test_share_above_the_source_is_of_what_painting_adds() -> None:
    ours, theirs, calm = (model("", 0.1, flicker)["overall"] for flicker in (1.5, 3.0, 1.0))

    assert above_source(ours, theirs) == pytest.approx(0.25)
    assert above_source(ours, calm) is None


def test_figures_of_the_plain_contest_have_no_other_readings() -> None:
    assert readings([style_of(model(OURS, 0.1, 1), model(JOHNSON, 0.1, 2))]) == []
