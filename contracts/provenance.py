"""Where a result came from: enough to make it again and to prove that it was made so."""

from typing import Any

from contracts.job import JobRequest
from contracts.makespan import Makespan
from contracts.model import SCHEMA_VERSION, Contract, SchemaVersion, Sha256
from contracts.plan import Plan


class AudioTrack(Contract):
    """What became of one audio stream of the source: `copied` packet by packet, or `encoded` anew."""

    index: int
    codec: str
    action: str


class Provenance(Contract):
    """Published as `provenance.json` beside the result."""

    version: SchemaVersion = SCHEMA_VERSION
    job: str
    request: JobRequest
    code_version: str
    source_etag: str
    source_bytes: int
    source_md5: str | None
    style_etag: str | None
    model: str | None
    model_sha256: Sha256 | None
    model_features: str | None = None
    model_recipe: str | None = None
    plan: Plan
    encoder: dict[str, Any]
    devices: tuple[str, ...]
    audio: tuple[AudioTrack, ...]
    output_sha256: Sha256
    output_bytes: int
    gpu_task_seconds: float
    wasted_seconds: float
    cost: float
    wasted_cost: float = 0.0
    currency: str = ""
    makespan: Makespan | None = None
