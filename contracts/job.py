"""What a user asks for, validated with one model at both doors (blob upload and HTTP)."""

import re
import unicodedata
from typing import Annotated, Any, Literal, Self, cast

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from contracts.frame_runs import FrameRun
from contracts.model import BatchId, Contract, Sha256, digest
from contracts.task_spec import ScorerOptions

# Blob metadata key under which an uploader may leave the options of the job as JSON (see triggers/uploads.py).
OPTIONS_METADATA_KEY = "atelier_options"
# And the one under which it may leave its name: the limit on concurrent jobs counts by it.
UPLOADER_METADATA_KEY = "atelier_uploader"

SCORERS = ("style-transfer", "identity")


def _clean_blob_name(name: str) -> str:
    parts = name.split("/")
    if any(part in ("", ".", "..") for part in parts):
        raise ValueError(f"{name!r} has an empty, '.' or '..' segment; give the name as it is in the container")
    # Cc: C0 and C1 controls. Zl, Zp: what many programs take for the end of a line, in logs for example.
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in name):
        raise ValueError(f"{name!r} has a control character")
    return name


# 1,024 characters is Azure Storage's own limit for a blob name.
BlobName = Annotated[str, StringConstraints(min_length=1, max_length=1024), AfterValidator(_clean_blob_name)]
StyleName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]


class JobOptions(ScorerOptions):
    """Everything about a job but its input and style.

    `chunk_size` is in frames (None: the planner decides). `max_cost` is in the currency of the node price setting
    (None: no cap). `on_bad_frame` says what happens to a frame that cannot be scored: `fail` the job, `hold` the scored
    frame before, or pass the `source` frame through; never more than `max_bad_frames` of them in the whole video, nor
    `max_bad_run` one after the other. `style_scale` enlarges (or shrinks) the strokes and motifs of an uploaded style;
    a network is fitted for each scale.
    """

    chunk_size: int | None = Field(default=None, ge=1)
    on_bad_frame: Literal["fail", "hold", "source"] = "fail"
    # 300: a group of pictures is at most 250 frames with x264's defaults, and one damaged byte can spoil all of it.
    max_bad_frames: int = Field(default=1_000, ge=0)
    max_bad_run: int = Field(default=300, ge=0)
    max_cost: float | None = Field(default=None, gt=0)
    style_scale: float = Field(default=1.0, ge=0.25, le=4.0)


class JobRequest(Contract):
    """One video to score. `video` is a blob of container `videos`; `style` a built-in style or `styles/<style>.*`.

    `model` names weights fitted by an earlier job instead (`model` in that job's provenance.json). A `scorer` of
    `identity` returns frames unchanged and takes neither: it measures what the system itself costs.

    `frames` (first, last) scores only those and takes all others from the result of `base`, a finished job of the same
    video.

    With `fit_only` the style's network is fitted and nothing scored; `video` may then be left out: the network is
    fitted on photographs that the app carries.
    """

    video: BlobName | None = None
    style: StyleName | None = None
    model: Sha256 | None = None
    scorer: Literal["style-transfer", "identity"] = "style-transfer"
    frames: FrameRun | None = None
    base: BatchId | None = None
    fit_only: bool = False
    options: JobOptions = JobOptions()

    @model_validator(mode="after")
    def _video_where_needed(self) -> Self:
        if self.video is None and not self.fit_only:
            raise ValueError("video: not given; only a request with fit_only does without one")
        if self.fit_only and (self.style is None or self.scorer != "style-transfer"):
            raise ValueError("fit_only: needs a style to fit, and scorer 'style-transfer'")
        if self.fit_only and self.frames is not None:
            raise ValueError("frames: given, but nothing is scored with fit_only; leave it out")
        return self

    @model_validator(mode="after")
    def _range_with_base(self) -> Self:
        if (self.frames is None) != (self.base is None):
            raise ValueError("frames: a range needs a base to take the other frames from, and a base a range")
        return self

    @model_validator(mode="after")
    def _style_where_needed(self) -> Self:
        given = [name for name in ("style", "model") if getattr(self, name) is not None]
        if self.scorer == "style-transfer" and len(given) != 1:
            raise ValueError(f"style: scorer 'style-transfer' needs a style or a model, one of the two; got {given}")
        if self.scorer == "identity" and given:
            raise ValueError(f"{given[0]}: given, but scorer 'identity' takes none; leave it out")
        return self

    def job_id(self, video_etag: str | None, style_version: str | None) -> str:
        """The job's id: equal for equal work, so starting it twice is a no-op.

        A readable part from the file's name, then 64 bits of a hash over blob name, etag, style version and options.
        """
        identity = digest(self.model_dump(mode="json"), (video_etag or "").strip('"'), (style_version or "").strip('"'))
        stem = (self.video or self.style or "").rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()
        slug = re.sub(r"[^a-z0-9]+", "-", stem).strip("-")[:24].rstrip("-") or "video"
        return f"{slug}-{identity[:16]}"


class StartInput(Contract):
    """The orchestrator's input: a checked request, pinned to the versions of its blobs that the door saw.

    `run` counts the times this job was started: 1, and one more whenever a failed or cancelled job is started again.
    `uploader` is whom the limit on concurrent jobs is about; `door` where the job came from: an upload has nobody to
    answer to, so what goes wrong is left beside it as `<name>.error.json`.
    """

    job: BatchId
    run: int = Field(default=1, ge=1)
    request: JobRequest
    video_etag: str | None
    video_bytes: int = Field(ge=0)
    style_etag: str | None = None
    style_blob: str | None = None
    uploader: str = "unknown"
    door: Literal["http", "upload"] = "http"

    @property
    def video(self) -> tuple[str, str]:
        """(blob, etag) of the job's video.

        Raises:
            ValueError: the job only fits a style, without one.
        """
        if self.request.video is None or self.video_etag is None:
            raise ValueError(f"job {self.job} has no video: it only fits style {self.request.style!r}")
        return self.request.video, self.video_etag


def field_errors(error: Any) -> list[dict[str, str]]:
    """A pydantic ValidationError as [{field, value, problem}], for a 400 answer or an error file."""
    return [_field_error(entry) for entry in error.errors(include_url=False, include_context=False)]


def _field_error(entry: dict[str, Any]) -> dict[str, str]:
    """What is wrong with several fields together is told of the one that its message begins with."""
    value, problem = entry.get("input"), entry["msg"].removeprefix("Value error, ")
    field = ".".join(str(part) for part in entry["loc"])
    named, colon, rest = problem.partition(": ")
    if not field and colon and named in JobRequest.model_fields:
        field, problem = named, rest
        value = cast(dict[str, Any], value).get(named) if isinstance(value, dict) else None
    return {"field": field or "request", "value": repr(value)[:200], "problem": problem}
