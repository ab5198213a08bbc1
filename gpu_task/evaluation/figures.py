"""What an evaluation says: figures for each clip, and over all of them."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

AVERAGED = (
    "style_loss", "content_loss", "palette_distance", "style_at_sizes", "flicker", "source_flicker", "ms_per_frame"
)  # fmt: skip


@dataclass(frozen=True)
class ClipFigures:
    """One model on one clip.

    Attributes:
        style_loss, content_loss, palette_distance, style_at_sizes: see `appearance`; the mean of a few frames.
        flicker, source_flicker: see `motion`, 0 to 255; the source's own is what errors of the flow and the sensor's
            noise amount to.
        coverage, cuts: of the flow.
        seam_difference: largest difference between two ways to chunk, 0 to 255; None: not asked.
        ms_per_frame: scoring alone.
    """

    clip: str
    width: int
    height: int
    first: int
    frames: int
    style_loss: float
    content_loss: float
    palette_distance: float
    style_at_sizes: float
    flicker: float
    source_flicker: float
    coverage: float
    cuts: int
    seam_difference: int | None
    ms_per_frame: float

    @property
    def flicker_ratio(self) -> float | None:
        """Of the source's own; None where that is 0."""
        return self.flicker / self.source_flicker if self.source_flicker else None


@dataclass(frozen=True)
class ModelFigures:
    """One model on all clips; `overall` are means, but for the seam difference, which is the largest."""

    model: str
    device: str
    clips: tuple[ClipFigures, ...]

    @property
    def overall(self) -> dict[str, float | int | None]:
        means: dict[str, float | int | None] = {name: fmean(getattr(c, name) for c in self.clips) for name in AVERAGED}
        seams = [clip.seam_difference for clip in self.clips if clip.seam_difference is not None]
        source = means["source_flicker"]
        means["flicker_ratio"] = fmean(c.flicker for c in self.clips) / source if source else None
        means["seam_difference"] = max(seams) if seams else None
        return means

    def as_json(self) -> dict[str, Any]:
        clips = [rounded(dataclasses.asdict(clip) | {"flicker_ratio": clip.flicker_ratio}) for clip in self.clips]
        return {"model": self.model, "device": self.device, "clips": clips, "overall": rounded(self.overall)}


def rounded(values: dict[str, Any]) -> dict[str, Any]:
    """Four significant digits: a fifth differs from machine to machine."""
    return {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in values.items()}


def headline(model: ModelFigures) -> str:
    """One line for people."""
    overall = model.overall
    seam, ratio = overall["seam_difference"], overall["flicker_ratio"]
    parts = [
        f"style loss {overall['style_loss']:.3f}",
        f"content loss {overall['content_loss']:.2f}",
        f"flicker {overall['flicker']:.1f} of 255" + (f" ({ratio:.1f} times the source's)" if ratio else ""),
        *([f"seams {seam} of 255"] if seam is not None else []),
        f"{overall['ms_per_frame']:.0f} ms a frame",
    ]
    return f"{model.model}: {', '.join(parts)}"


COLUMNS = ("model", "clip", "size", "style", "content", "palette", "flicker", "source's", "ratio", "seam", "ms/frame")


def table(models: Sequence[ModelFigures]) -> str:
    """Plain text, one line for each model and clip, and one for each model over all clips."""
    lines: list[tuple[str, ...]] = [COLUMNS]
    for model in models:
        for clip in model.clips:
            values = dataclasses.asdict(clip) | {"flicker_ratio": clip.flicker_ratio}
            lines.append((model.model, clip.clip, f"{clip.width}x{clip.height}", *_cells(values)))
        lines.append((model.model, "overall", "", *_cells(model.overall)))
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    return "\n".join(_line(line, widths) for line in lines)


def _cells(values: dict[str, Any]) -> tuple[str, ...]:
    ratio, seam = values["flicker_ratio"], values["seam_difference"]
    return (
        f"{values['style_loss']:.3f}",
        f"{values['content_loss']:.3f}",
        f"{values['palette_distance']:.3f}",
        f"{values['flicker']:.2f}",
        f"{values['source_flicker']:.2f}",
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if seam is None else str(seam),
        f"{values['ms_per_frame']:.0f}",
    )


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    """Words to the left, numbers to the right."""
    padded = [c.ljust(w) if n < 3 else c.rjust(w) for n, (c, w) in enumerate(zip(cells, widths, strict=True))]
    return "  ".join(padded).rstrip()
