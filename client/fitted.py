"""Fits and fitted networks, in words."""

import shlex
from pathlib import Path

from client.clock import clock
from client.job_state import JobState
from contracts.fit import FitProgress, FittedModel


def under_way(state: JobState) -> FitProgress | None:
    """How far the fit is that the job is busy with, or waits for; None where it is at something else."""
    status = state.status
    return status.fit if status is not None and status.phase == "preparing" and not state.has_ended else None


def phase(fit: FitProgress) -> str:
    return f"waiting for job {fit.job}, which fits this style" if fit.job else "fitting the style"


def step(fit: FitProgress) -> str:
    """`step 300/1500, style 0.31, content 0.70`; nothing of another job's fit that has not begun."""
    if fit.job and not fit.step:
        return ""
    return ", ".join((f"step {fit.step}/{fit.steps}", *_losses(fit, ("style", "content"))))


def ended(model: FittedModel, seen: FitProgress | None) -> str:
    """`squeezenet, 1500 steps, style 0.31, content 0.70, consistency 0.02, in 4:32 on cpu`.

    A record that was written by whoever found the network first has neither losses nor time until the job that fitted
    it completes it: then what the job has `seen` of the fit stands for them.
    """
    where = model.fitted or seen
    parts = () if where is None else (_steps(where), *_losses(where, ("style", "content", "consistency")))
    time = (f"in {clock(model.seconds)} on {model.device}",) if model.device else ()
    return ", ".join((model.features, *parts, *time))


def suits(model: FittedModel) -> str:
    """Size class is by the shorter side of a frame as it is scored, in pixels."""
    return f"size class {model.size_class}, style scale {model.style_scale:g}; others get a fit of their own"


def listed(model: FittedModel) -> str:
    """`squeezenet, size class 480, style scale 1, 1500 steps, 2026-01-02T03:04`."""
    steps = [_steps(model.fitted)] if model.fitted else []
    known = (model.features, f"size class {model.size_class}", f"style scale {model.style_scale:g}")
    return ", ".join((*known, *steps, model.fitted_at[:16]))


def submit_command(style: str, scale: float, max_dimension: int | None, video: Path | None) -> str:
    """What to type for a video in this style. Options that change what is fitted are named; others are free."""
    words = ["python -m client submit", shlex.quote(str(video)) if video else "VIDEO", "--style", style]
    if scale != 1.0:
        words += ["--style-scale", f"{scale:g}"]
    if max_dimension is not None:
        words += ["--max-dimension", str(max_dimension)]
    return " ".join(words)


def _steps(fit: FitProgress) -> str:
    return f"{fit.step} steps" if fit.step == fit.steps else f"{fit.step} of {fit.steps} steps"


def _losses(fit: FitProgress, names: tuple[str, ...]) -> list[str]:
    return [f"{name} {_loss(value)}" for name in names if (value := getattr(fit, name)) is not None]


def _loss(value: float) -> str:
    """Two digits that tell: 1234, 0.31, 0.0012."""
    return f"{value:.0f}" if value >= 100 else f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"
