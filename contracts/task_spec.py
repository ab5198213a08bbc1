"""The whole of what a GPU task is told. A blob, read by the node through a short-lived SAS URL.

Every URL in it carries a SAS for that one blob or queue and the least permission the task needs, so a spec is a
secret: it is never logged.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from contracts.frame_runs import FrameRun
from contracts.messages import AboutTask
from contracts.model import SCHEMA_VERSION, Contract, SchemaVersion, Sha256, TraceParent
from contracts.video_index import VideoIndex

SPEC_URL_VARIABLE = "ATELIER_TASK_SPEC_URL"
# More GPUs than any machine has, and as many processes as one would want on a node.
MOST_WORKERS = 64


class ModelRef(Contract):
    """A scorer's weights: a style that ships with `gpu_task` (`builtin`), or a blob (`url`). Hash always checked."""

    name: str
    sha256: Sha256 | None
    builtin: bool = False
    url: str | None = None


class ScorerOptions(Contract):
    """What changes the pixels. `max_dimension` is the longer side in pixels; None keeps the source's size.

    `steadiness` is what the frames before count when a painted frame is averaged with them (gpu_task/steadying.py): 0
    leaves every frame as it was painted.
    """

    max_dimension: int | None = Field(default=None, ge=16)
    strength: float = Field(default=1.0, ge=0.0, le=1.0)
    keep_color: bool = False
    steadiness: float = Field(default=1.0, ge=0.0, le=1.0)


class EncoderOptions(Contract):
    """libx264's constant rate factor (lower is better and larger) and preset, for segments and so for the output."""

    crf: int = Field(default=17, ge=0, le=51)
    preset: str = "veryfast"


class SourceRef(Contract):
    """The video as it was when the job began; `etag` makes every read fail if it was overwritten since."""

    url: str
    etag: str
    size: int = Field(ge=1)


class TaskIdentity(AboutTask):
    """Who a task is, for its messages and its log.

    `submitted_at` (Unix seconds, by the app's clock) tells the task how long it waited for a node. `traceparent` is
    the task's own span, and comes back with its result.
    """

    submitted_at: float | None = None
    traceparent: TraceParent | None = None


class Destinations(Contract):
    """Where a task writes; each URL has a SAS. `output` can be created and read (its metadata, by a task that is run
    again), never overwritten. (The output of a stitch may be too large for one request, and what puts blocks together
    may overwrite too; its name is one attempt's alone, and what is published is a copy.)"""

    output: str
    log: str
    timings: str
    progress: str
    results_queue: str


class Replacement(Contract):
    """`frames` of a task that are not scored, and what stands in for them.

    `hold`: the scored frame before (at the very start of the video, the one after). `source`: the frame as it is in
    the source, or held where the source has nothing to decode. Frames of `avoid` are known to be bad too and lie
    outside the task: they are not to be held.
    """

    frames: tuple[FrameRun, ...] = Field(min_length=1)
    by: Literal["hold", "source"]
    avoid: tuple[FrameRun, ...] = ()


class Execution(Contract):
    """How a task runs its scorer. None of it changes a pixel by more than rounding, and all chunks of a job share it.

    `precision`: `auto` takes the machine's fast 16-bit floats where it has them. `compiled` has the network compiled
    for the frames' size. `workers` share a task's frames: one per GPU, or processes on a node without any.
    """

    precision: Literal["auto", "float32"] = "auto"
    compiled: bool = False
    workers: int = Field(default=1, ge=1, le=MOST_WORKERS)


class ScoreSpec(Contract):
    """Score frames `first`..`last` of `source` and upload them as one MP4 segment.

    `index` is the window of the source's index that holds the warm-up frames and the chunk; with a `replacement`, also
    the frames around it that may be held. `steadied` frames are averaged with those before them, the warm-up included.
    """

    version: SchemaVersion = SCHEMA_VERSION
    kind: Literal["score"] = "score"
    identity: TaskIdentity
    source: SourceRef
    index: VideoIndex
    first: int
    last: int
    warm_up: int = 0
    steadied: bool = False
    replacement: Replacement | None = None
    scorer: str
    model: ModelRef | None
    options: ScorerOptions
    encoder: EncoderOptions = EncoderOptions()
    execution: Execution = Execution()
    to: Destinations


class FitSpec(Contract):
    """Fit a style network to `style` on frames of `source` and upload its weights as safetensors.

    Without a `source` (and its `index`) the photographs that `gpu_task` carries stand in for it. `style_scale` enlarges
    strokes and motifs; `size_class` is the shorter side, in pixels, of the frames that the network is for. The fit ends
    after `steps` (None: as many as the recipe says) or `max_seconds`, whichever comes first, with what it has then.
    """

    version: SchemaVersion = SCHEMA_VERSION
    kind: Literal["fit"] = "fit"
    identity: TaskIdentity
    source: SourceRef | None
    index: VideoIndex | None
    style: SourceRef
    recipe: str
    style_scale: float = Field(default=1.0, gt=0)
    size_class: int = Field(default=480, ge=16)
    steps: int | None = Field(default=None, ge=1)
    max_seconds: float = Field(default=900.0, gt=0)
    max_style_bytes: int = Field(default=64 * 1024**2, ge=1)
    max_style_pixels: int = Field(default=100_000_000, ge=1)
    to: Destinations


class SegmentRef(Contract):
    """A finished segment, frames `first`..`last`; its hash is that of the blob that was verified."""

    url: str
    sha256: Sha256
    first: int = Field(ge=0)
    last: int = Field(ge=0)


class StitchSpec(Contract):
    """Join `segments` to one MP4 by remuxing, with the audio of `source`, and upload it.

    `index` is that of the whole video but for its keyframes, of which one is enough: nothing is decoded.
    """

    version: SchemaVersion = SCHEMA_VERSION
    kind: Literal["stitch"] = "stitch"
    identity: TaskIdentity
    source: SourceRef
    index: VideoIndex
    segments: tuple[SegmentRef, ...] = Field(min_length=1)
    to: Destinations


type AnySpec = ScoreSpec | FitSpec | StitchSpec
task_spec_adapter: TypeAdapter[AnySpec] = TypeAdapter(Annotated[AnySpec, Field(discriminator="kind")])
