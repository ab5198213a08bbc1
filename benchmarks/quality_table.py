"""docs/quality.md, from the figures of `benchmarks.quality`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.quality_readings import FLICKER_SHARE, OURS, above_source, markdown_table, overall, readings
from benchmarks.rivals import JOHNSON

# Fits of seconds that differ by no more than this part count as equally long.
SAME_TIME = 0.05

BEGUN = "Johnson's network begins from random weights; ours from a built-in style's network where the table says so."
INTRODUCTION = """# Quality

How good the styles are, in figures: each of our networks beside that of Johnson et al. (2016), fitted frame by frame in
the classic way (Gram matrices, content, small total variation; nothing about time) with the same features, to the same
painting, on the same processor with as many threads. Ours are judged as a job shows them: each frame averaged with the
three before it along the source's motion (`steadiness`, [styles.md](styles.md)), where the last table says 1; Johnson's
as they are painted, frame by frame. This page is written by `python -m benchmarks.quality --table`
from `benchmarks/results/quality.json`.

**Goal**, for every style: flicker at most half of Johnson's at equal or lower style loss, and no difference at all
between two ways to cut a video into chunks.
"""

READING = """
Where the style loss is missed: in these minutes Johnson's network matches the Gram matrices better. It is larger, it is
fitted to nothing else, and it may put grain anywhere in each frame anew, which costs it nothing here and is what
flickers. Ours is held to the painting's colours too, and somewhat to the same strokes from frame to frame; averaging
frames takes some grain, of which sharpening gives most back.
"""

MEASURES = """## What is measured

On {frames} neighbouring frames from the middle of each clip, longer side {side} pixels; the first table has the mean
of the clips.

- **Style loss**: mean over layers of |G(output) - G(style)|² / |G(style)|², G the Gram matrix of a layer's
  activations. 0 is the painting itself, a plain grey picture is near 1. Johnson's network is fitted to exactly this;
  ours also to the palette, to the order of light and dark, and to calm.
- **Content loss**: |F(output) - F(source)|² / |F(source)|² of one layer's activations F.
- **Palette**: sliced Wasserstein distance between the colours of frame and painting, 0 to 1. Gram matrices of features
  that were trained to name objects say little about colour.
- **Flicker**: mean absolute difference, 0 to 255, of each frame and the one before it moved along with the source
  (optical flow of the source by OpenCV's DIS, at full size and its medium preset, not the quick half-size flow that
  frames are steadied with; where flow forth and back disagree is left out). *Source's own* is the same figure
  for the unpainted clip: what its sensor's noise and the flow's errors amount to.
- **Seams**: largest difference of any pixel, 0 to 255, between the clip scored in one chunk and in three.
- **ms a frame**: scoring, and steadying of ours, without decoding and encoding; the clips were painted while the
  machine had other work, so only to be compared with each other.

The formulas in code: `gpu_task/evaluation/`. To measure a style of your own:
`python -m gpu_task evaluate MODEL --style PAINTING --clips CLIP.mp4 --out FOLDER`.
"""


@dataclass(frozen=True)
class Verdict:
    """What became of the goal for one style."""

    flicker: bool
    style: bool
    seams: bool

    @property
    def met(self) -> bool:
        return self.flicker and self.style and self.seams

    @property
    def words(self) -> str:
        missed = [name for name, good in (("flicker", self.flicker), ("style loss", self.style), ("seams", self.seams))
                  if not good]  # fmt: skip
        return "met" if self.met else f"**not met**: {', '.join(missed)}"


def verdict(style: Mapping[str, Any]) -> Verdict:
    ours, theirs = (_overall(style, name) for name in (OURS, JOHNSON))
    return Verdict(
        flicker=ours["flicker"] <= FLICKER_SHARE * theirs["flicker"],
        style=ours["style_loss"] <= theirs["style_loss"],
        seams=ours["seam_difference"] == 0,
    )


def page(report: Mapping[str, Any], folder: Path, sheets: Path) -> str:
    """The page as it stands in `folder`, with the contact sheets that are in `sheets`."""
    styles = list(report["styles"].values())
    if not styles:
        raise SystemExit("the result file holds no style yet")
    met = sum(verdict(style).met for style in styles)
    shares = [_overall(s, OURS)["flicker"] / _overall(s, JOHNSON)["flicker"] for s in styles]
    clip = styles[0]["models"][0]["clips"][0]
    summary = (
        f"**Met by {met} of {len(styles)} styles.** Our flicker is {min(shares):.2f} to {max(shares):.2f} of Johnson's "
        f"(median {median(shares):.2f})."
    )
    side = max(clip["width"], clip["height"])
    parts = [INTRODUCTION, summary, _summary_table(styles), _out_of_reach(styles), _flicker_missed(styles)]
    parts += [READING] if any(not verdict(style).style for style in styles) else []
    parts += readings(styles)
    parts += [MEASURES.format(frames=clip["frames"], side=side)]
    parts += ["## Each clip", _clip_table(styles), "## How they were fitted", _time_given(styles), _fit_table(styles)]
    parts += [_machines(styles), *_sheets(styles, folder, sheets)]
    return "\n\n".join(part.strip() for part in parts if part) + "\n"


def _overall(style: Mapping[str, Any], model: str) -> Mapping[str, Any]:
    found = overall(style, model)
    assert found is not None
    return found


def _summary_table(styles: list[Mapping[str, Any]]) -> str:
    head = ("Style", "Style loss", "Johnson's", "Palette", "Johnson's", "Flicker", "Johnson's", "Share",
            "Source's own", "Share above it", "Seams",
            "ms a frame", "Johnson's", "Goal")  # fmt: skip
    rows = []
    for style in styles:
        ours, theirs = (_overall(style, name) for name in (OURS, JOHNSON))
        share = ours["flicker"] / theirs["flicker"]
        rows.append(
            (_label(style), f"{ours['style_loss']:.3f}", f"{theirs['style_loss']:.3f}",
             f"{ours['palette_distance']:.3f}", f"{theirs['palette_distance']:.3f}", f"{ours['flicker']:.2f}",
             f"{theirs['flicker']:.2f}", f"{share:.2f}", f"{ours['source_flicker']:.2f}", _above(ours, theirs),
             str(ours["seam_difference"]), f"{ours['ms_per_frame']:.0f}", f"{theirs['ms_per_frame']:.0f}",
             verdict(style).words)
        )  # fmt: skip
    return markdown_table(head, rows)


def _above(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> str:
    share = above_source(ours, theirs)
    return "-" if share is None else f"{share:.2f}"


def _out_of_reach(styles: list[Mapping[str, Any]]) -> str:
    """Styles of which half of Johnson's flicker is less than the clips have before anything is painted."""
    told = []
    for style in styles:
        half = FLICKER_SHARE * _overall(style, JOHNSON)["flicker"]
        source = _overall(style, OURS)["source_flicker"]
        told += [f"{style['name']} ({half:.2f} against {source:.2f})"] if half < source else []
    if not told:
        return ""
    return (
        f"Half of Johnson's flicker is less than the clips have unpainted: {', '.join(told)}. *Share above it* is our "
        "share of what exceeds the clips' own; the goal is judged by the plain share all the same."
    )


def _flicker_missed(styles: list[Mapping[str, Any]]) -> str:
    """How much of what the goal allows the clips have themselves, where our flicker is more than that."""
    told = []
    for style in styles:
        half = FLICKER_SHARE * _overall(style, JOHNSON)["flicker"]
        if not verdict(style).flicker:
            told.append(f"{style['name']} ({_overall(style, OURS)['source_flicker'] / half:.0%})")
    if not told:
        return ""
    return (
        "Where flicker is missed, so much of the half of Johnson's that the goal allows is the clips' own: "
        f"{', '.join(told)}."
    )


def _clip_table(styles: list[Mapping[str, Any]]) -> str:
    head = (
        "Style",
        "Clip",
        "Network",
        "Style loss",
        "Content loss",
        "Palette",
        "Flicker",
        "Of the source's",
        "Seams",
        "ms",
    )
    rows = []
    for style in styles:
        for model in style["models"]:
            for clip in model["clips"]:
                ratio, seam = clip["flicker_ratio"], clip["seam_difference"]
                rows.append(
                    (style["name"], clip["clip"], model["model"], f"{clip['style_loss']:.3f}",
                     f"{clip['content_loss']:.3f}", f"{clip['palette_distance']:.3f}",
                     f"{clip['flicker']:.2f}", f"{ratio:.2f}" if ratio else "-",
                     "-" if seam is None else str(seam), f"{clip['ms_per_frame']:.0f}")
                )  # fmt: skip
    return markdown_table(head, rows)


def _fit_table(styles: list[Mapping[str, Any]]) -> str:
    head = (
        "Style",
        "Recipe",
        "Features",
        "Style at",
        "Ours begins from",
        "Our fit",
        "Johnson's fit",
        "Johnson's rate",
        "Threads",
        "Our steadiness",
    )
    rows = []
    for style in styles:
        ours, theirs = style["fit"][OURS], style["fit"][JOHNSON]
        rows.append(
            (_label(style), style["recipe"] or "-", style["features"], f"{style['style_size']} px",
             style["begun_from"] or "random weights", _fit(ours),
             _fit(theirs), f"{style['johnson']['learning_rate']:g}", str(style["threads"]),
             f"{style.get('steadiness', 0):g}")
        )  # fmt: skip
    return markdown_table(head, rows)


def _fit(fit: Mapping[str, Any]) -> str:
    told = [f"{fit['seconds']:.0f} s"] if fit["seconds"] else []
    told += [f"{fit['steps']:,} steps"] if fit["steps"] else []
    return ", ".join(told) or "not recorded"


def _time_given(styles: list[Mapping[str, Any]]) -> str:
    """Whether both networks had the same time, and for which styles they had not."""
    unequal = []
    for style in styles:
        ours, theirs = style["fit"][OURS]["seconds"], style["fit"][JOHNSON]["seconds"]
        if ours is None or abs(ours - theirs) > SAME_TIME * theirs:
            unequal.append(f"{style['name']} (ours {f'{ours:.0f} s' if ours else 'not recorded'}, {theirs:.0f} s)")
    notes = "".join(f" {note}" for note in dict.fromkeys(style["note"] for style in styles if "note" in style))
    if not unequal:
        return f"{BEGUN} Both networks had the same number of seconds, style by style.{notes}"
    return f"{BEGUN} Not the same number of seconds for both networks: {'; '.join(unequal)}.{notes}"


def _machines(styles: list[Mapping[str, Any]]) -> str:
    """Each machine and each command once."""
    told: dict[str, list[str]] = {}
    for style in styles:
        m = style["machine"]
        machine = f"{m['processor']}, {m['cores']} cores, {m['memory_gib']} GiB, GPU: {m['gpu']}; torch {m['torch']}"
        told.setdefault(f"{machine}, {style['jobs']} styles at a time:\n\n```\n{style['command']}\n```", []).append(
            style["name"]
        )
    return "\n\n".join(f"{', '.join(names)}, on {text}" for text, names in told.items())


def _sheets(styles: list[Mapping[str, Any]], folder: Path, sheets: Path) -> list[str]:
    there = [style["name"] for style in styles if (sheets / f"{style['name']}.jpg").exists()]
    if not there:
        return []
    where = Path(os.path.relpath(sheets, folder)).as_posix()
    return ["## To see", *(f"![{name}]({where}/{name}.jpg)" for name in there)]


def _label(style: Mapping[str, Any]) -> str:
    return f"{style['name']} ({'built in' if style['kind'] == 'builtin' else 'uploaded'})"
