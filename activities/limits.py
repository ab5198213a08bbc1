"""The limits, checked before work is spent: one small function each, all raising the same error.

    ValueError
      OverLimit: field, value, limit, setting and remedy; doors answer with it, activities refuse the job with it.

A limit of 0 that means "none" says so in its setting's help.
"""

from activities.refusal import JobRefused
from contracts.settings import Settings


class OverLimit(ValueError):
    """`value` of `field` is over `limit`, which is the setting `setting` or an option of the job."""

    def __init__(self, field: str, value: str, limit: str, setting: str, remedy: str) -> None:
        self.field, self.value, self.limit, self.setting, self.remedy = field, value, limit, setting, remedy
        self.problem = f"{value} is over the limit of {limit} ({setting}); {remedy}"
        super().__init__(f"{field}: {self.problem}")

    def entry(self) -> dict[str, object]:
        """For a door's answer."""
        return {"field": self.field, "value": self.value, "problem": self.problem, "limit": self.limit}

    def refusal(self) -> JobRefused:
        """For an activity."""
        return JobRefused(str(self))


def check_video_bytes(size: int, known: Settings) -> None:
    if size > known.max_upload_bytes:
        limit = f"{known.max_upload_bytes:,} bytes"
        raise OverLimit("video", f"{size:,} bytes", limit, "MAX_UPLOAD_BYTES", "cut it into parts or compress it more")


def check_frames(video: str, frames: int, known: Settings) -> None:
    if frames > known.max_frames:
        limit = f"{known.max_frames:,} frames"
        raise OverLimit(f"video {video!r}", f"{frames:,} frames", limit, "MAX_FRAMES", "cut it into parts")


def check_pixels(video: str, width: int, height: int, known: Settings) -> None:
    if width * height > known.max_pixels:
        limit, remedy = f"{known.max_pixels:,} pixels a frame", "scale it down before you upload it"
        raise OverLimit(f"video {video!r}", f"{width}x{height}", limit, "MAX_PIXELS", remedy)


def check_duration(video: str, seconds: float, known: Settings) -> None:
    if seconds > known.max_duration_seconds:
        value, limit = f"a duration of {seconds:,.1f} s", f"{known.max_duration_seconds:,.1f} s"
        raise OverLimit(f"video {video!r}", value, limit, "MAX_DURATION_SECONDS", "cut it into parts")


def check_style_bytes(size: int, known: Settings) -> None:
    if size > known.max_style_bytes:
        limit, remedy = f"{known.max_style_bytes:,} bytes", "upload a smaller copy"
        raise OverLimit("style", f"{size:,} bytes", limit, "MAX_STYLE_BYTES", remedy)


def check_style_pixels(width: int, height: int, known: Settings) -> None:
    if width * height > known.max_style_pixels:
        value, limit = f"{width}x{height}", f"{known.max_style_pixels:,} pixels"
        raise OverLimit("style", value, limit, "MAX_STYLE_PIXELS", "upload a smaller copy")


def check_chunks(chunk_size: int, chunks: int, known: Settings) -> None:
    if chunks > known.max_chunks:
        value, limit = f"{chunk_size} frames a chunk: {chunks:,} chunks", f"{known.max_chunks:,} chunks"
        raise OverLimit("options.chunk_size", value, limit, "MAX_CHUNKS", "choose larger chunks or leave it out")


def check_cost(
    expected: float,
    max_cost: float | None,
    known: Settings,
    field: str = "video",
    remedy: str = "shorten the video or lower options.max_dimension",
) -> None:
    """The job's own cap first: its user can raise that one. `field` is what the cost is of."""
    value = f"the expected cost of {_amount(expected)}"
    if max_cost is not None and expected > max_cost:
        raise OverLimit("options.max_cost", value, _amount(max_cost), "options.max_cost", f"raise it, {remedy}")
    if 0 < known.max_job_cost < expected:
        raise OverLimit(field, value, _amount(known.max_job_cost), "MAX_JOB_COST", remedy)


def _amount(money: float) -> str:
    """Small ones with digits that tell: 1.00, 0.0042."""
    return f"{money:.2f}" if money >= 1 else f"{money:.3g}"


def check_jobs(active: int, known: Settings) -> None:
    """`active` counts the uploader's jobs under way, the new one included."""
    if 0 < known.max_concurrent_jobs < active:
        value, limit = f"job number {active} at once", f"{known.max_concurrent_jobs} jobs under way"
        remedy = "wait for one to finish or cancel one, then start this one again"
        raise OverLimit("job", value, limit, "MAX_CONCURRENT_JOBS", remedy)
