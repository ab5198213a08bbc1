"""The app's settings: one table of name, default and help; read once and frozen.

Connections to storage follow Azure's own convention and are not in this table: `DATA_STORAGE` and `SYSTEM_STORAGE` are
connection strings, or `DATA_STORAGE__blobServiceUri` and `__queueServiceUri` are addresses reached with an identity.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

from contracts.fit import EXTRACTORS
from contracts.task_spec import MOST_WORKERS


class SettingsError(ValueError):
    """A setting is missing or does not parse; the message names it, its value and what is allowed."""


def _setting(
    name: str, default: Any, help: str, allowed: tuple[str, ...] = (), within: tuple[float, float] | None = None
) -> Any:
    """`allowed` values of a text, or the least and most of a number."""
    return field(default=default, metadata={"name": name, "help": help, "allowed": allowed, "within": within})


@dataclass(frozen=True, kw_only=True)
class Settings:
    batch_endpoint: str = _setting("BATCH_ENDPOINT", "", "Address of the Batch account, https://... (required)")
    batch_account_name: str = _setting("BATCH_ACCOUNT_NAME", "", "Batch account name; needed only with a key")
    batch_account_key: str = _setting(
        "BATCH_ACCOUNT_KEY", "", "Key of the local Batch service; in Azure leave it empty: the app uses its identity"
    )
    batch_pool_id: str = _setting("BATCH_POOL_ID", "atelier", "Pool that GPU tasks run on")
    batch_task_command: str = _setting(
        "BATCH_TASK_COMMAND", "python -m gpu_task", "Command line of a GPU task; not run in a shell"
    )
    batch_container_image: str = _setting(
        "BATCH_CONTAINER_IMAGE", "", "Container image of a GPU task; empty runs the command on the node itself"
    )
    pool_nodes: int = _setting("POOL_NODES", 1, "Most nodes the pool grows to; the planner counts on them")
    pool_slots_per_node: int = _setting("POOL_SLOTS_PER_NODE", 1, "GPU tasks a node runs at once")
    workers_per_task: int = _setting(
        "WORKERS_PER_TASK",
        1,
        "Workers that share one task's frames: the GPUs that a task has to itself",
        within=(1, MOST_WORKERS),
    )
    score_precision: str = _setting(
        "SCORE_PRECISION",
        "auto",
        "auto: 16-bit floats where a node's hardware has them; float32: always those",
        ("auto", "float32"),
    )
    score_compile: str = _setting(
        "SCORE_COMPILE",
        "auto",
        "Compile networks for a video's size: auto (where that pays), always or never",
        ("auto", "always", "never"),
    )
    stitch_inline_bytes: int = _setting(
        "STITCH_INLINE_BYTES",
        256 * 1024**2,  # Flex Consumption has 0.8 GB of temporary disk an instance, for all that runs on it at once
        "Largest result, by its segments, that the app itself stitches; larger ones are a task on a node",
    )
    node_price_per_hour: float = _setting(
        "NODE_PRICE_PER_HOUR", 0.0, "Price of a dedicated node for an hour; costs are counted with it. 0: not known"
    )
    spot_price_per_hour: float = _setting(
        "SPOT_PRICE_PER_HOUR",
        0.0,
        "Price of a spot node for an hour, for quotes. 0: not known, or the pool has none",
    )
    price_currency: str = _setting("PRICE_CURRENCY", "", "What prices are in, such as EUR; shown with them")
    node_boot_seconds: float = _setting(
        "NODE_BOOT_SECONDS", 0.0, "Seconds until an empty pool has its first node; quotes tell them. 0: not known"
    )
    node_losses_per_hour: float = _setting(
        "NODE_LOSSES_PER_HOUR", 0.05, "Chance of losing a node within an hour; spot nodes are lost more often"
    )
    start_up_seconds: float = _setting(
        "START_UP_SECONDS", 5.0, "Seconds from a task's start to its first frame, until measured; torch's import"
    )
    seconds_per_megapixel: float = _setting(
        "SECONDS_PER_MEGAPIXEL",
        0.4,
        "Seconds one worker takes for one megapixel of one frame, until measured; 0.4 is a CPU core with AVX-512 BF16",
    )
    max_attempts: int = _setting("MAX_ATTEMPTS", 3, "Tries of one chunk or fit before the job fails")
    poll_seconds: float = _setting(
        "GPU_TASK_POLL_SECONDS", 60.0, "Seconds without a result before Batch is asked what became of a task"
    )
    task_max_seconds: int = _setting(
        "GPU_TASK_MAX_SECONDS", 7200, "Wall-clock limit of one GPU task; Batch ends it after that"
    )
    progress_seconds: float = _setting(
        "PROGRESS_SECONDS", 2.0, "Shortest time between two updates of a job's progress; grows with the job's age"
    )
    sas_hours: float = _setting(
        "SAS_HOURS",
        24.0,
        "Hours that the SAS in a task's spec are valid; Azure lends the key that signs them for 7 days at most",
        within=(0.25, 167),  # hours: 7 days, less the quarter of an hour that a key begins early (activities/sas.py)
    )
    chunks_per_group: int = _setting(
        "CHUNKS_PER_GROUP", 100, "Most sub-orchestrations under one orchestration; wider jobs are grouped"
    )
    max_chunks: int = _setting("MAX_CHUNKS", 20_000, "Most chunks of one job")
    max_frames: int = _setting(
        "MAX_FRAMES", 1_000_000, "Most frames of one video; the default is 9 hours at 30 a second"
    )
    max_pixels: int = _setting("MAX_PIXELS", 8192 * 4320, "Most pixels of one frame")
    max_upload_bytes: int = _setting(
        "MAX_UPLOAD_BYTES", 200 * 1024**3, "Largest video file; the default, 200 GiB, is 4 hours of ProRes 422"
    )
    max_duration_seconds: float = _setting("MAX_DURATION_SECONDS", 6 * 3600.0, "Longest video, in seconds")
    max_style_bytes: int = _setting("MAX_STYLE_BYTES", 64 * 1024**2, "Largest style image file")
    max_style_pixels: int = _setting(
        "MAX_STYLE_PIXELS", 100_000_000, "Most pixels of a style image, read from its header before it is decoded"
    )
    max_concurrent_jobs: int = _setting(
        "MAX_CONCURRENT_JOBS", 50, "Most jobs of one uploader under way at once; 0 for no limit"
    )
    max_job_cost: float = _setting(
        "MAX_JOB_COST", 0.0, "Highest expected cost of one job, in the currency of NODE_PRICE_PER_HOUR; 0 for no limit"
    )
    guard_seconds: float = _setting(
        "GUARD_SECONDS", 5.0, "Seconds between looks for a job that was terminated from outside"
    )
    telemetry_folder: str = _setting(
        "TELEMETRY_FOLDER",
        "",
        "Folder that traces and metrics are written to as OTLP JSON lines; empty: none. See docs/observe.md",
    )
    fit_features: str = _setting(
        "FIT_FEATURES",
        "squeezenet",
        "What a fit compares a style by: squeezenet, vgg19 (for a GPU) or patches (needs no pretrained weights)",
        EXTRACTORS,
    )
    fit_steps: int = _setting("FIT_STEPS", 0, "Steps of a fit; 0 for as many as the extractor's recipe says")
    fit_max_seconds: float = _setting(
        "FIT_MAX_SECONDS", 900.0, "Longest fit, in seconds: one that would take longer does fewer steps"
    )
    uploads_source: str = _setting(
        "UPLOADS_SOURCE", "LogsAndContainerScan", "Source of blob events; Flex Consumption requires EventGrid"
    )

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read every setting from `environ`.

        Raises:
            SettingsError: a value does not parse, or a required one is missing.
        """
        values = {f.name: _parse(f, environ) for f in dataclasses.fields(cls) if f.metadata["name"] in environ}
        settings = cls(**values)
        if not settings.batch_endpoint:
            raise SettingsError("BATCH_ENDPOINT is not set; give the address of the Batch account")
        if not settings.fit_max_seconds:
            raise SettingsError("FIT_MAX_SECONDS is 0; a fit needs time: 900 is the default")
        if settings.spot_price_per_hour and not settings.node_price_per_hour:
            raise SettingsError(
                f"SPOT_PRICE_PER_HOUR is {settings.spot_price_per_hour:g} and NODE_PRICE_PER_HOUR 0; costs are counted "
                "with the latter: set both"
            )
        return settings

    @property
    def workers(self) -> int:
        """GPU tasks that can run at once."""
        return self.pool_nodes * self.pool_slots_per_node


def table() -> list[tuple[str, str, str]]:
    """(name, default, help) of every setting, for the documentation and its test."""
    return [(f.metadata["name"], str(f.default), f.metadata["help"]) for f in dataclasses.fields(Settings)]


def _parse(spec: dataclasses.Field[Any], environ: Mapping[str, str]) -> Any:
    name, text = spec.metadata["name"], environ[spec.metadata["name"]]
    if isinstance(spec.default, str):
        if (allowed := spec.metadata["allowed"]) and text not in allowed:
            raise SettingsError(f"{name} is {text!r}; give one of: {', '.join(allowed)}")
        return text
    kind = int if isinstance(spec.default, int) else float
    try:
        value = kind(text)
    except ValueError:
        raise SettingsError(f"{name} is {text!r}, which is not of type {kind.__name__}") from None
    if value < 0:
        raise SettingsError(f"{name} is {text!r}; it must not be negative")
    if (within := spec.metadata["within"]) and not within[0] <= value <= within[1]:
        raise SettingsError(f"{name} is {text!r}; give {within[0]} to {within[1]}")
    return value
