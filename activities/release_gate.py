"""The release gate: nothing of a job is stitched, here or on a node, unless every frame is accounted for."""

from dataclasses import dataclass

from activities import gpu_tasks
from activities.refusal import JobRefused
from activities.segments import read_outcomes
from activities.storage import system_account
from contracts import frame_runs, layout
from contracts.job import JobOptions, StartInput
from contracts.ledger import ChunkOutcome, Ledger, LedgerIncomplete
from contracts.video_index import VideoIndex


@dataclass(frozen=True)
class Complete:
    """A job whose frames are all there: its segments in frame order, and what stitching them needs to know."""

    start: StartInput
    index: VideoIndex
    outcomes: tuple[ChunkOutcome, ...]

    @property
    def segment_bytes(self) -> int:
        return sum(outcome.segment_bytes for outcome in self.outcomes)


def require_every_frame(job: str) -> Complete:
    """The job as it is in storage now.

    Raises:
        JobRefused: its ledger is not complete (the frames are named), or more frames are bad than its options allow.
    """
    start = gpu_tasks.read_start(job)
    index = system_account().read_json(layout.JOBS, layout.index_blob(job), VideoIndex)
    outcomes = read_outcomes(job)
    try:
        ledger = Ledger.from_chunks(job, index.frame_count, outcomes)
    except LedgerIncomplete as error:
        raise JobRefused(f"not published, because {error}; retry the job to score what is missing") from error
    _check_bad_frames(ledger, start.request.options)
    return Complete(start, index, tuple(outcomes))


def _check_bad_frames(ledger: Ledger, options: JobOptions) -> None:
    bad = ledger.bad_runs
    longest = max((last - first + 1 for first, last in bad), default=0)
    limits = {"max_bad_frames": frame_runs.count(bad), "max_bad_run": longest}
    for name, value in limits.items():
        limit = 0 if options.on_bad_frame == "fail" else getattr(options, name)
        if value > limit:
            raise JobRefused(
                f"not published, because {frame_runs.words(bad)} could not be scored: {value} is over options.{name}, "
                f"{limit}; repair the video, or submit it with a higher {name}"
            )
