"""What the tests of fitting share: an uploaded style, a job that needs it, and weights as a task would leave them."""

import hashlib
import json
import uuid
from typing import Any

from activities import model_choice, storage
from contracts import layout
from contracts.fit import FitProgress, ModelChoice
from contracts.job import JobRequest, StartInput
from contracts.messages import GpuResult, StageSeconds
from contracts.steps import Check
from tests.job_services import write_start


def upload_style(content: bytes, name: str = "") -> tuple[str, str]:
    """(blob, etag) of a new image; a name of its own unless one is given."""
    blob = name or f"style-{uuid.uuid4().hex[:12]}.png"
    client = storage.data_account().container(layout.STYLES).get_blob_client(blob)
    client.upload_blob(content, overwrite=True)
    return blob, str(client.get_blob_properties().etag)


def fit_start(style: tuple[str, str], run: int = 1, **request: Any) -> StartInput:
    """A job that only fits, without a video, as the door would have left it."""
    blob, etag = style
    start = StartInput(
        job=f"fit-{uuid.uuid4().hex[:12]}",
        run=run,
        request=JobRequest(style=blob.partition(".")[0], fit_only=True, **request),
        video_etag=None,
        video_bytes=0,
        style_blob=blob,
        style_etag=etag,
    )
    write_start(start)
    return start


def new_fit() -> tuple[StartInput, ModelChoice]:
    """A job whose style nobody has seen, and the network it needs."""
    start = fit_start(upload_style(uuid.uuid4().bytes))
    return start, model_choice.choose(start)


def safetensors(notes: dict[str, str], body: bytes = bytes(8)) -> bytes:
    header = {"__metadata__": notes, "w": {"dtype": "F16", "shape": [4], "data_offsets": [0, len(body)]}}
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def weights_for(choice: ModelChoice, **notes: str) -> bytes:
    right = {"recipe": choice.recipe, "features": choice.features, "style_sha256": choice.style_sha256, "steps": "3"}
    return safetensors(right | notes)


def leave_weights(choice: ModelChoice, data: bytes, sha256: str | None = None) -> str:
    """As a task leaves them; their SHA-256."""
    found = sha256 or hashlib.sha256(data).hexdigest()
    blob = storage.system_account().container(layout.MODELS).get_blob_client(layout.model_blob(choice.key))
    blob.upload_blob(data, metadata={"sha256": found, "task": "fit-a1"})
    return found


def check_of(start: StartInput, sha256: str | None) -> Check:
    """What `verify_fit` is asked after the first attempt's success."""
    about: dict[str, Any] = {"job": start.job, "chunk": None, "attempt": 1, "task": "fit-a1"}
    about["instance_id"] = layout.model_instance(start.job, start.run)
    result = GpuResult(
        **about,
        outcome="succeeded",
        output_sha256=sha256,
        seconds=StageSeconds(total=12.5),
        device="NVIDIA T4",
        fit=FitProgress(step=3, steps=3, style=0.5, job="somebody-else"),
    )
    return Check(**about, run=start.run, result=result)
