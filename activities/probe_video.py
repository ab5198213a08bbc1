"""Activity `probe_video`: the frame index of the job's video, checked against the limits. Reads packets, no pixels."""

from activities import limits
from activities.policy import policy_of
from activities.refusal import JobRefused
from activities.settings import settings
from activities.sources import open_video
from activities.storage import system_account
from contracts import layout
from contracts.job import StartInput
from contracts.settings import Settings
from contracts.steps import Probed
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.index import ProbeLimits, probe


def probe_video(start: StartInput) -> Probed:
    """Write the job's start and index to storage and return the sizes.

    Raises:
        JobRefused: the file is no video that can be scored, or is over a limit.
    """
    system = system_account()
    system.write_json(layout.JOBS, layout.start_blob(start.job), start)
    known = settings()
    index = system.find_json(layout.JOBS, layout.index_blob(start.job), VideoIndex) or _probe(start, known)
    _check_limits(start.video[0], index, known)
    system.write_json(layout.JOBS, layout.index_blob(start.job), index)
    return Probed(
        frames=index.frame_count,
        width=index.width,
        height=index.height,
        duration=float(index.duration),
        policy=policy_of(known, start.request.options),
    )


def _probe(start: StartInput, known: Settings) -> VideoIndex:
    bounds = ProbeLimits(max_frames=known.max_frames, max_pixels=known.max_pixels)
    try:
        with open_video(start) as source:
            return probe(source, limits=bounds)
    except MediaError as error:
        raise JobRefused(f"video {start.video[0]!r}: {error}") from error


def _check_limits(video: str, index: VideoIndex, known: Settings) -> None:
    try:
        limits.check_frames(video, index.frame_count, known)
        limits.check_pixels(video, index.width, index.height, known)
        limits.check_duration(video, float(index.duration), known)
    except limits.OverLimit as over:
        raise over.refusal() from None
