import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.quality_readings import OURS
from benchmarks.quality_table import page, verdict
from benchmarks.rivals import JOHNSON


def figures(name: str, style: float, flicker: float, seam: int | None) -> dict[str, Any]:
    overall = {"style_loss": style, "content_loss": 0.5, "palette_distance": 0.05, "flicker": flicker}
    overall |= {"source_flicker": 1.5, "ms_per_frame": 100.0, "flicker_ratio": flicker / 1.5, "seam_difference": seam}
    clip = overall | {"clip": "bee", "width": 640, "height": 360, "frames": 12}
    return {"model": name, "device": "cpu", "clips": [clip], "overall": overall}


@pytest.fixture
def style() -> dict[str, Any]:
    machine = {"processor": "EPYC", "cores": 2, "memory_gib": 24, "gpu": "none", "torch": "2.15"}
    return {
        "name": "wave",
        "kind": "uploaded",
        "style_size": 600,
        "features": "squeezenet",
        "recipe": "squeezenet-v2",
        "threads": 1,
        "begun_from": "impasto",
        "johnson": {"learning_rate": 1e-3},
        "fit": {OURS: {"seconds": 200.0, "steps": 1500}, JOHNSON: {"seconds": 200.0, "steps": 300}},
        "models": [figures(OURS, 0.1, 2.0, 0), figures(JOHNSON, 0.1, 4.0, None)],
        "machine": machine,
        "jobs": 2,
        "command": "python -m benchmarks.quality --upload wave.jpg",
    }


def changed(style: dict[str, Any], **figures: float) -> dict[str, Any]:
    other = copy.deepcopy(style)
    other["models"][0]["overall"].update(figures)
    return other


def test_the_goal_is_met_on_its_edge(style: dict[str, Any]) -> None:
    assert verdict(style).met
    assert verdict(style).words == "met"


@pytest.mark.parametrize(
    ("name", "value", "missed"),
    [("flicker", 2.01, "flicker"), ("style_loss", 0.101, "style loss"), ("seam_difference", 1, "seams")],
)
def test_whatever_misses_the_goal_is_named(style: dict[str, Any], name: str, value: float, missed: str) -> None:
    assert verdict(changed(style, **{name: value})).words == f"**not met**: {missed}"


def test_the_page_has_every_figure_and_the_command(style: dict[str, Any], tmp_path: Path) -> None:
    worse = changed(style, flicker=3.0) | {"name": "scream"}
    (tmp_path / "sheets").mkdir()
    (tmp_path / "sheets" / "wave.jpg").write_bytes(b"")

    text = page({"styles": {"wave": style, "scream": worse}}, tmp_path, tmp_path / "sheets")

    assert "**Met by 1 of 2 styles.** Our flicker is 0.50 to 0.75 of Johnson's (median 0.62)." in text
    losses = "0.100 | 0.100 | 0.050 | 0.050"
    assert f"| wave (uploaded) | {losses} | 2.00 | 4.00 | 0.50 | 1.50 | 0.20 | 0 | 100 | 100 | met |" in text
    missed = "3.00 | 4.00 | 0.75 | 1.50 | 0.60 | 0 | 100 | 100 | **not met**: flicker"
    assert f"| scream (uploaded) | {losses} | {missed} |" in text
    assert "| wave | bee | Johnson et al. | 0.100 | 0.500 | 0.050 | 4.00 | 2.67 | - | 100 |" in text
    assert "| impasto | 200 s, 1,500 steps | 200 s, 300 steps |" in text
    assert text.count("python -m benchmarks.quality --upload wave.jpg") == 1
    assert "wave, scream, on EPYC" in text
    assert "![wave](sheets/wave.jpg)" in text
    assert "scream.jpg" not in text
    assert "same number of seconds, style by style" in text


def test_a_half_that_no_picture_could_reach_is_told(style: dict[str, Any], tmp_path: Path) -> None:
    assert "less than the clips have" not in page({"styles": {"wave": style}}, tmp_path, tmp_path)

    style["models"][1]["overall"]["flicker"] = 2.8

    text = page({"styles": {"wave": style}}, tmp_path, tmp_path)
    assert "less than the clips have unpainted: wave (1.40 against 1.50)" in text
    assert "**not met**: flicker" in text  # all the same


def test_how_much_of_the_allowed_flicker_is_the_clips_own_is_told_where_it_is_missed(
    style: dict[str, Any], tmp_path: Path
) -> None:
    missed = changed(style, flicker=2.5, source_flicker=1.5) | {"name": "scream"}
    told = "the goal allows is the clips' own: scream (75%)."
    assert told in page({"styles": {"wave": style, "scream": missed}}, tmp_path, tmp_path)
    assert "Where flicker is missed" not in page({"styles": {"wave": style}}, tmp_path, tmp_path)


def test_a_fit_that_had_more_time_is_told(style: dict[str, Any], tmp_path: Path) -> None:
    style["fit"][OURS]["seconds"] = 2000.0

    assert "for both networks: wave (ours 2000 s, 200 s)" in page({"styles": {"wave": style}}, tmp_path, tmp_path)

    style["fit"][OURS] = {"seconds": None, "steps": None}
    text = page({"styles": {"wave": style}}, tmp_path, tmp_path)
    assert "wave (ours not recorded, 200 s)" in text
    assert "| not recorded |" in text


def test_what_is_to_be_said_of_a_fit_is_said_once(style: dict[str, Any], tmp_path: Path) -> None:
    noted = style | {"note": "Ours had other work beside it."}
    text = page({"styles": {"wave": noted, "scream": noted | {"name": "scream"}}}, tmp_path, tmp_path)
    assert text.count("Ours had other work beside it.") == 1


def test_whether_frames_were_steadied_is_told_style_by_style(style: dict[str, Any], tmp_path: Path) -> None:
    text = page({"styles": {"a": style | {"steadiness": 0.5}, "b": style | {"name": "b"}}}, tmp_path, tmp_path)
    rows = [line for line in text.splitlines() if "squeezenet-v2" in line]
    assert [row.rstrip(" |").rpartition("| ")[2] for row in rows] == ["0.5", "0"]
