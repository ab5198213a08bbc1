"""The base of a job that scores only a range of its video: everything about it that can be refused at the door."""

from collections.abc import Iterator

from activities.published import REMEDY, NoBase, read_published
from contracts import frame_runs
from contracts.frame_runs import FrameRun
from contracts.job import JobRequest
from contracts.ledger import Ledger
from contracts.provenance import Provenance
from contracts.task_spec import EncoderOptions


def base_problems(request: JobRequest, video_etag: str) -> list[dict[str, object]]:
    """What is wrong with the base or the range of `request`, as {field, value, problem}; nothing without a range."""
    if request.frames is None or request.base is None:
        return []
    try:
        provenance, ledger = read_published(request.base)
    except NoBase as error:
        return [{"field": "base", "value": request.base, "problem": str(error)}]
    problems = [*_unlike(request, video_etag, provenance), *_range(request.frames, ledger)]
    return problems or list(_bad_frames(request, request.frames, ledger))


def _unlike(request: JobRequest, video_etag: str, base: Provenance) -> Iterator[dict[str, object]]:
    """Where the base's frames could not stand beside this job's."""
    if base.source_etag.strip('"') != video_etag.strip('"'):
        made_of = base.request.video
        why = "an earlier version of it" if made_of == request.video else f"another video, {made_of!r}"
        problem = f"is the result of {why}, not of {request.video!r} as it is now; {REMEDY}"
        yield {"field": "base", "value": request.base, "problem": problem}
    ours, theirs = request.options.max_dimension, base.request.options.max_dimension
    if ours != theirs:
        give = "leave options.max_dimension out" if theirs is None else f"give {theirs}"
        problem = f"the base was made with {theirs}, and one video has one size; {give}, or name another base"
        yield {"field": "options.max_dimension", "value": ours, "problem": problem}
    settings = EncoderOptions().model_dump()
    differing = {key for key, value in settings.items() if base.encoder.get(key) != value}
    if differing:
        names = ", ".join(f"{key} {base.encoder.get(key)} instead of {settings[key]}" for key in sorted(differing))
        yield {"field": "base", "value": request.base, "problem": f"was encoded with {names}; {REMEDY}"}


def _range(frames: FrameRun, base: Ledger) -> Iterator[dict[str, object]]:
    if frames[1] >= base.frame_count:
        problem = f"the video has frames 0..{base.frame_count - 1}; give a range within"
        yield {"field": "frames", "value": f"{frames[0]}..{frames[1]}", "problem": problem}


def _bad_frames(request: JobRequest, frames: FrameRun, base: Ledger) -> Iterator[dict[str, object]]:
    """A result may not hold more bad frames than its job allows, wherever they come from: told before it is scored."""
    options = request.options
    before = frame_runs.within(base.bad_runs, 0, frames[0] - 1)
    after = frame_runs.within(base.bad_runs, frames[1] + 1, base.frame_count - 1)
    bad = [*before, *after]
    if not bad:
        return
    found = f"the base did not score {frame_runs.words(bad)}, which would be taken from it"
    if options.on_bad_frame == "fail":
        problem = f"{found}; give 'hold' or 'source' to accept that, or score those frames as well"
        yield {"field": "options.on_bad_frame", "value": options.on_bad_frame, "problem": problem}
        return
    counts = {"max_bad_frames": frame_runs.count(bad), "max_bad_run": max(last - first + 1 for first, last in bad)}
    for name, value in counts.items():
        if value > getattr(options, name):
            yield {
                "field": f"options.{name}",
                "value": getattr(options, name),
                "problem": f"{found}; give {value} or more",
            }
