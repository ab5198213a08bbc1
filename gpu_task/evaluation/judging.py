"""Judges models by the same clips, the same motion and the same style."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gpu_task.evaluation.appearance import Appearance
from gpu_task.evaluation.clips import Clip
from gpu_task.evaluation.figures import ClipFigures, ModelFigures, headline
from gpu_task.evaluation.motion import Motion
from gpu_task.evaluation.painting import paint, seam_difference
from gpu_task.evaluation.sheet import Cell, Sheet
from gpu_task.scorers.protocol import Scorer

# Frames of a clip that the extractor looks at: neighbours look alike to it.
LOSS_FRAMES = 6


@dataclass(frozen=True)
class Model:
    """What is judged, and the name it has in the results. `seams`: look for differences between chunkings.
    `steadiness` as in a job's options; 0: each frame as it is painted."""

    name: str
    scorer: Scorer
    seams: bool = True
    steadiness: float = 0.0


@dataclass(frozen=True)
class Judgement:
    """Figures of each model, in their order, and rows of the contact sheet: source, then each model's frame."""

    models: tuple[ModelFigures, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def sheet(self, title: str, style: NDArray[np.uint8]) -> Sheet:
        """`title` and the figures over all clips stand beside the `style`, RGB [H, W, 3]."""
        lines = [headline(model) for model in self.models] + [f"Measured on: {self.models[0].device}"]
        return Sheet(title, lines, style, ["Source", *(model.model for model in self.models)], self.rows)


def judge(models: Sequence[Model], clips: Sequence[Clip], appearance: Appearance) -> Judgement:
    """Raises: EvaluationError, media.errors.MediaError, whatever a scorer raises."""
    figures: list[list[ClipFigures]] = [[] for _ in models]
    rows: list[tuple[Cell, ...]] = []
    for clip in clips:
        motion = Motion(clip.frames)
        middle = clip.count // 2
        cells = [Cell(clip.frames[middle], f"{clip.name}, frame {clip.first + middle}")]
        for model, found in zip(models, figures, strict=True):
            painted, frame = _judge_clip(model, clip, motion, appearance)
            found.append(painted)
            cells.append(Cell(frame[middle], _caption(painted)))
        rows.append(tuple(cells))
    named = zip(models, figures, strict=True)
    judged = tuple(ModelFigures(model.name, model.scorer.device, tuple(found)) for model, found in named)
    return Judgement(judged, tuple(rows))


def _judge_clip(
    model: Model, clip: Clip, motion: Motion, appearance: Appearance
) -> tuple[ClipFigures, list[NDArray[np.uint8]]]:
    model.scorer.prepare(*clip.size)
    painting = paint(model.scorer, clip, steadiness=model.steadiness)
    looked_at = sorted({round(n) for n in np.linspace(0, clip.count - 1, LOSS_FRAMES)})
    losses = appearance.losses([painting.frames[n] for n in looked_at], [clip.frames[n] for n in looked_at])
    figures = ClipFigures(
        clip=clip.name,
        width=clip.size[0],
        height=clip.size[1],
        first=clip.first,
        frames=clip.count,
        style_loss=losses.style,
        content_loss=losses.content,
        palette_distance=losses.palette,
        style_at_sizes=losses.style_at_sizes,
        flicker=motion.flicker(painting.frames),
        source_flicker=motion.flicker(clip.frames),
        coverage=motion.coverage,
        cuts=motion.cuts,
        seam_difference=seam_difference(model.scorer, clip, painting, model.steadiness) if model.seams else None,
        ms_per_frame=painting.ms_per_frame,
    )
    return figures, painting.frames


def _caption(figures: ClipFigures) -> str:
    return (
        f"style {figures.style_loss:.3f}   content {figures.content_loss:.2f}   "
        f"flicker {figures.flicker:.1f} (source {figures.source_flicker:.1f})   {figures.ms_per_frame:.0f} ms"
    )
