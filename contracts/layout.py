"""Where things lie in storage: the one place that knows container and blob names.

Two accounts, so that what users may reach and what only the system touches never share a key or a policy.
"""

import re

from contracts.frame_runs import FrameRun
from contracts.model import digest

# Data account: users may be given access to these.
VIDEOS, STYLES, IMAGES, OUTPUTS = "videos", "styles", "images", "outputs"
# System account: never.
JOBS, MODELS, LOGS, DEADLETTER = "jobs", "models", "logs", "deadletter"

ERROR_SUFFIX = ".error.json"
# Azure Storage's own limit for a blob name, in characters.
MAX_BLOB_NAME = 1024


def chunk_name(chunk: int) -> str:
    return f"c{chunk:05d}"


def piece_name(chunk: int, piece: FrameRun | None) -> str:
    """`c00003`, or `c00003-100-149` for frames 100..149 of it."""
    return chunk_name(chunk) if piece is None else f"{chunk_name(chunk)}-{piece[0]}-{piece[1]}"


def chunk_task(chunk: int, piece: FrameRun | None, attempt: int) -> str:
    return f"{piece_name(chunk, piece)}-a{attempt}"


def fit_task(attempt: int) -> str:
    return f"fit-a{attempt}"


def stitch_task(attempt: int) -> str:
    return f"stitch-a{attempt}"


def work_name(task: str) -> str:
    """What all attempts at one piece of work are called: `c00003-100-149`, `fit` or `stitch` for a task's name."""
    return task.rpartition("-a")[0]


def is_stitch(task: str) -> bool:
    return work_name(task) == "stitch"


def chunk_instance(job: str, chunk: int, run: int) -> str:
    """Instance id of a chunk's sub-orchestration."""
    return f"{job}:r{run}:{chunk_name(chunk)}"


def group_instance(job: str, first_chunk: int, run: int) -> str:
    """Instance id of a group's sub-orchestration."""
    return f"{job}:r{run}:g{first_chunk:05d}"


def model_instance(job: str, run: int) -> str:
    """Instance id of the sub-orchestration that prepares the job's model."""
    return f"{job}:r{run}:model"


def stitch_instance(job: str, run: int) -> str:
    """Instance id of the sub-orchestration that has a node stitch the job's result."""
    return f"{job}:r{run}:stitch"


def guard_instance(job: str, run: int) -> str:
    """Instance id of the guard of a job's run."""
    return f"{job}:r{run}:guard"


def batch_job(job: str, run: int) -> str:
    """Batch job of a job's run: a Batch job that has ended takes no more tasks, so a rerun gets its own."""
    return job if run == 1 else f"{job}-r{run}"


def job_prefix(job: str) -> str:
    """All blobs of a job, in `jobs`, `logs` and `outputs` alike."""
    return f"{job}/"


def start_blob(job: str) -> str:
    return f"{job}/start.json"


def index_blob(job: str) -> str:
    return f"{job}/index.json"


def plan_blob(job: str) -> str:
    return f"{job}/plan.json"


def model_choice_blob(job: str) -> str:
    """Which network the job needs (`ModelChoice`)."""
    return f"{job}/model.json"


def base_blob(job: str) -> str:
    """The result that a job of a range takes its other frames from (`BaseResult`)."""
    return f"{job}/base.json"


def ended_blob(job: str, run: int) -> str:
    """Present once a run is over, with how it ended (`RunEnd`): whatever of it still wakes up stops."""
    return f"{job}/ended-r{run}.json"


def spec_blob(job: str, task: str, run: int) -> str:
    return f"{job}/specs/r{run}-{task}.json"


def spec_prefix(job: str, run: int | None = None) -> str:
    """All specs of a job, or those of one run."""
    return f"{job}/specs/" + ("" if run is None else f"r{run}-")


def submission_error_blob(job: str, task: str, run: int) -> str:
    """How submitting this task failed so far (`Failures`); read if its message ends up in the poison queue."""
    return f"{job}/specs/r{run}-{task}.error.json"


def outcome_prefix(job: str, chunk: int | None = None) -> str:
    """All outcomes of a job, or those of one chunk and its pieces."""
    return f"{job}/outcomes/" + ("" if chunk is None else chunk_name(chunk))


def outcome_blob(job: str, chunk: int, piece: FrameRun | None = None) -> str:
    return f"{job}/outcomes/{piece_name(chunk, piece)}.json"


def active_prefix(uploader: str) -> str:
    return f"active/{uploader}/"


def active_blob(uploader: str, job: str) -> str:
    """Present while a job of this uploader is under way; `uploader` is a digest, fit for a blob name."""
    return f"active/{uploader}/{job}"


def deadletter_blob(queue: str, entry: str) -> str:
    return f"{queue}/{entry}.json"


def segment_prefix(job: str, chunk: int | None = None) -> str:
    return f"{job}/segments/" + ("" if chunk is None else f"{chunk_name(chunk)}-")


def segment_blob(job: str, task: str, run: int) -> str:
    return f"{job}/segments/{task}-r{run}.mp4"


def stitched_prefix(job: str) -> str:
    """What stitching tasks have left, of which one is published."""
    return f"{job}/stitched/"


def stitched_blob(job: str, task: str, run: int) -> str:
    return f"{job}/stitched/{task}-r{run}.mp4"


def progress_prefix(job: str) -> str:
    return f"{job}/progress/"


def fit_progress_prefix(job: str) -> str:
    """Progress of a job's attempts at a fit: `fit-a<attempt>`."""
    return f"{job}/progress/fit-a"


def progress_blob(job: str, task: str) -> str:
    return f"{job}/progress/{task}"


def log_prefix(job: str) -> str:
    """All that a job's runs leave in container `logs`."""
    return f"{job}/"


def summary_blob(job: str, run: int) -> str:
    """Beside the logs of a run's tasks: one row for each, with its times."""
    return f"{job}/summary-r{run}.csv"


def log_blob(job: str, task: str, run: int) -> str:
    return f"{job}/{task}-r{run}.log"


def timings_blob(job: str, task: str, run: int) -> str:
    return f"{job}/{task}-r{run}.timings.json"


STYLE_HASHES = "styles/"


def style_hash_blob(blob: str, etag: str) -> str:
    """In container `jobs`: an empty blob whose metadata has the SHA-256 of this version of a style's image."""
    return STYLE_HASHES + digest(blob, etag.strip('"'))


def fit_claim_blob(key: str) -> str:
    """In container `jobs`: which run fits this model (`FitClaim`)."""
    return f"fits/{key}.json"


MEASURED = "measured/"


def measured_prefix(workload: str, variant: str | None = None) -> str:
    """In container `jobs`: what jobs of this workload (`Workload.key`) measured, or those of one variant of it."""
    return f"{MEASURED}{workload}/" + ("" if variant is None else f"{variant}/")


def measured_blob(workload: str, variant: str, job: str, run: int) -> str:
    """What one run measured (`MeasuredSpeed`)."""
    return f"{measured_prefix(workload, variant)}{job}-r{run}.json"


def model_record_blob(key: str) -> str:
    """Beside the weights: what they were fitted to (`FittedModel`)."""
    return f"{key}.json"


def model_blob(key: str) -> str:
    return f"{key}.safetensors"


VIDEO_NAME, LEDGER_NAME, PROVENANCE_NAME = "video.mp4", "ledger.json", "provenance.json"


def output_blob(job: str, name: str) -> str:
    return f"{job}/{name}"


def error_blob(video: str) -> str:
    """Beside an upload that came to nothing: why. A name too long for the suffix is cut, and told apart by a digest."""
    if len(video) + len(ERROR_SUFFIX) <= MAX_BLOB_NAME:
        return video + ERROR_SUFFIX
    tail = f"-{digest(video)[:16]}{ERROR_SUFFIX}"
    return video[: MAX_BLOB_NAME - len(tail)] + tail


def style_name(blob: str) -> str | None:
    """`great-wave` for blob `great-wave.jpg`; None where the file name is no style name."""
    stem, dot, _ = blob.rpartition(".")
    return stem if dot and re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", stem) else None
