"""What a stitching task left in the system account: pinned to one version, and looked at before it is published.

A node may write anything, so what it wrote is compared with what the app knows: the size and hash that its result
names, and the time of every frame, by the file's index.
"""

import json
from dataclasses import dataclass
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from pydantic import TypeAdapter

from activities.storage import system_account
from contracts import layout
from contracts.model import Sha256
from contracts.provenance import AudioTrack
from contracts.steps import RunRef
from contracts.video_index import VideoIndex
from media.errors import MediaError
from media.mp4_index import index_of
from media.ranged import RangedReader

_TRACKS: TypeAdapter[tuple[AudioTrack, ...]] = TypeAdapter(tuple[AudioTrack, ...])
_SHA256: TypeAdapter[str] = TypeAdapter(Sha256)


class WrongOutput(Exception):
    """It is not what can be published; the message says why."""


@dataclass(frozen=True)
class StitchedOutput:
    """Blob `name` of container `jobs`, as it was when its `etag` was read."""

    name: str
    etag: str
    size: int
    sha256: str
    audio: tuple[AudioTrack, ...]


def find_output(run: RunRef, task: str) -> StitchedOutput:
    """Raises: WrongOutput: it does not exist, or lacks what every task writes with it."""
    name = layout.stitched_blob(run.job, task, run.run)
    found = system_account().find_properties(layout.JOBS, name)
    if found is None:
        raise WrongOutput(f"{name} does not exist")
    try:
        sha256 = _SHA256.validate_python(found.metadata.get("sha256"))
        audio = _TRACKS.validate_python(json.loads(found.metadata.get("audio", "")))
    except ValueError:  # pydantic's and json's
        raise WrongOutput(f"{name} lacks the metadata that every task writes: sha256 and audio") from None
    return StitchedOutput(name, str(found.etag), int(found.size), sha256, audio)


def check_frames(output: StitchedOutput, index: VideoIndex) -> None:
    """Raises: WrongOutput: it does not hold every frame of the source, at the source's distances."""
    with RangedReader(lambda offset, length: read(output, offset, length), output.size, name=output.name) as file:
        try:
            base, found = index_of(file)
        except MediaError as error:
            raise WrongOutput(str(error)) from error
    wanted = index.frames.decode()
    if len(found) != len(wanted):
        raise WrongOutput(f"{output.name} holds {len(found)} frames, the source {len(wanted)}")
    scale = base / index.time_base
    for number, (pts, expected) in enumerate(zip(found, wanted, strict=True)):
        if (pts - found[0]) * scale.numerator != (expected - wanted[0]) * scale.denominator:
            raise WrongOutput(f"{output.name}: frame {number} is not at its time")


def read(output: StitchedOutput, offset: int, length: int) -> bytes:
    """Raises: WrongOutput: it was overwritten meanwhile."""
    blob = system_account().container(layout.JOBS).get_blob_client(output.name)
    pinned: dict[str, Any] = {"etag": output.etag, "match_condition": MatchConditions.IfNotModified}
    try:
        return blob.download_blob(offset, length, **pinned).readall()
    except HttpResponseError as error:
        if error.status_code in (404, 412):
            raise WrongOutput(f"{output.name} was overwritten or deleted while it was looked at") from None
        raise
