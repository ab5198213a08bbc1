from dataclasses import replace

import pytest

from gpu_task.evaluation.figures import ClipFigures, ModelFigures, headline, table

BEE = ClipFigures(
    clip="bee",
    width=640,
    height=360,
    first=3,
    frames=12,
    style_loss=0.1,
    content_loss=0.4,
    palette_distance=0.05,
    style_at_sizes=0.12,
    flicker=3.0,
    source_flicker=1.5,
    coverage=0.9,
    cuts=0,
    seam_difference=0,
    ms_per_frame=100.0,
)
ROAD = replace(BEE, clip="road", style_loss=0.3, flicker=1.0, source_flicker=0.5, seam_difference=2, ms_per_frame=200.0)


def test_overall_is_the_mean_and_the_worst_seam() -> None:
    overall = ModelFigures("starry", "cpu", (BEE, ROAD)).overall

    assert overall["style_loss"] == pytest.approx(0.2)
    assert overall["flicker"] == 2
    assert overall["flicker_ratio"] == 2
    assert overall["seam_difference"] == 2
    assert overall["ms_per_frame"] == 150


def test_what_cannot_be_told_is_left_open() -> None:
    still = replace(BEE, source_flicker=0.0, seam_difference=None)
    model = ModelFigures("starry", "cpu", (still,))

    assert model.as_json()["clips"][0]["flicker_ratio"] is None
    assert model.overall["flicker_ratio"] is model.overall["seam_difference"] is None
    assert headline(model) == "starry: style loss 0.100, content loss 0.40, flicker 3.0 of 255, 100 ms a frame"


def test_a_table_has_a_line_for_each_clip_and_one_over_all() -> None:
    lines = table([ModelFigures("starry", "cpu", (BEE, ROAD))]).splitlines()

    assert [line.split()[:2] for line in lines[1:]] == [["starry", "bee"], ["starry", "road"], ["starry", "overall"]]
    assert lines[2].split()[2:] == ["640x360", "0.300", "0.400", "0.050", "1.00", "0.50", "2.00", "2", "200"]
    assert len({len(line) for line in lines}) == 1
