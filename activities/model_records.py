"""Fitted networks in container `models`: the weights, checked before anything is scored with them, and their records.

A task writes the weights, and a node may write anything; the record beside them is the app's, and says that they were
found right. So weights without a record are looked at by whoever finds them first.
"""

import hashlib
import json
import logging
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from functools import lru_cache
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import ResourceExistsError, ResourceModifiedError, ResourceNotFoundError
from azure.storage.blob import BlobProperties, StorageStreamDownloader

from activities.storage import JSON, system_account
from contracts import layout
from contracts.fit import FitClaim, FittedModel, ModelChoice
from contracts.job import StartInput
from contracts.messages import GpuResult

log = logging.getLogger(__name__)

# A style network is 0.6 MB. The header of a safetensors file is a list of its tensors: a few KB.
MAX_WEIGHTS_BYTES = 64 * 1024**2
MAX_HEADER_BYTES = 1024**2
# Each record shown or averaged over is a blob read; they never change but once, so what was read is remembered.
MOST_READ, READERS, REMEMBERED = 500, 16, 2_000


class WrongWeights(ValueError):
    """A blob is not the weights that it should be; says why."""


def find_record(key: str) -> FittedModel | None:
    """What is known of a fitted network; None for one that has no record."""
    return system_account().find_json(layout.MODELS, layout.model_record_blob(key), FittedModel)


def ready_record(start: StartInput, choice: ModelChoice) -> FittedModel | None:
    """The record of weights that can be used, written now if nobody has; None where they are to be fitted."""
    try:
        return ensure_record(start, choice)
    except WrongWeights as problem:
        log.warning("job %s cannot use what is there: %s", start.job, problem)
        return None


def newest_records(top: int = MOST_READ) -> list[FittedModel]:
    """The `top` records written last, newest first; never more than `MOST_READ`."""
    blobs = [b for b in system_account().container(layout.MODELS).list_blobs() if b.name.endswith(".json")]
    recent = sorted(blobs, key=lambda blob: blob.last_modified, reverse=True)[: min(top, MOST_READ)]
    with ThreadPoolExecutor(READERS) as readers:
        found = readers.map(lambda blob: _read(blob.name, str(blob.etag)), recent)
        return [record for record in found if record is not None]


def ensure_record(start: StartInput, choice: ModelChoice, result: GpuResult | None = None) -> FittedModel | None:
    """As `ready_record`, but for wrong weights.

    `result` is what the task that fitted them said: with it, the record tells how the fit went.

    Raises:
        WrongWeights: they are not what they should be; they are gone now, so that they can be fitted again.
    """
    known = find_record(choice.key)
    properties = system_account().find_properties(layout.MODELS, layout.model_blob(choice.key))
    if properties is None:
        return None
    if known is not None and known.sha256 == properties.metadata.get("sha256") and (result is None or known.fitted):
        return known
    try:
        sha256 = _check(choice, properties, result)
    except WrongWeights:
        _delete(properties)
        raise
    record = _record(start, choice, sha256, properties, result)
    _write(record, overwrite=result is not None or known is not None)
    return record


def _record(
    start: StartInput, choice: ModelChoice, sha256: str, properties: BlobProperties, result: GpuResult | None
) -> FittedModel:
    claim = system_account().find_json(layout.JOBS, layout.fit_claim_blob(choice.key), FitClaim)
    fitted = result.fit.model_copy(update={"job": None, "seconds_left": 0.0}) if result and result.fit else None
    return FittedModel(
        key=choice.key,
        sha256=sha256,
        style=start.request.style or "",
        style_blob=start.style_blob or "",
        style_sha256=choice.style_sha256,
        style_scale=choice.style_scale,
        size_class=choice.size_class,
        recipe=choice.recipe,
        features=choice.features,
        fitted=fitted,
        seconds=result.seconds.total if result else 0.0,
        device=result.device if result else "",
        job=result.job if result else (claim.job if claim else start.job),
        fitted_at=properties.last_modified.astimezone(UTC).isoformat(timespec="seconds"),
    )


def _write(record: FittedModel, *, overwrite: bool) -> None:
    try:
        system_account().container(layout.MODELS).upload_blob(
            layout.model_record_blob(record.key), record.to_json().encode(), overwrite=overwrite, content_settings=JSON
        )
    except ResourceExistsError:
        return  # another finder was faster; the one that fitted it writes over it


def _check(choice: ModelChoice, properties: BlobProperties, result: GpuResult | None) -> str:
    """The SHA-256 of the weights, once they are found to be what the choice asks for."""
    name = f"{layout.MODELS}/{properties.name}"
    if properties.size > MAX_WEIGHTS_BYTES:
        raise WrongWeights(f"{name} has {properties.size:,} bytes; a style network has at most {MAX_WEIGHTS_BYTES:,}")
    data = _download(properties)
    found, said = hashlib.sha256(data).hexdigest(), properties.metadata.get("sha256")
    if found != said:
        raise WrongWeights(f"{name} has SHA-256 {found}, its metadata says {said!r}")
    if result is not None and result.output_sha256 not in (None, found):
        raise WrongWeights(f"{name} has SHA-256 {found}, its task said {result.output_sha256}")
    notes = header_notes(data)
    wanted = {"recipe": choice.recipe, "features": choice.features, "style_sha256": choice.style_sha256}
    for field, value in wanted.items():
        if notes.get(field) != value:
            raise WrongWeights(f"{name} says {field} {notes.get(field)!r}, not {value!r}")
    return found


def header_notes(data: bytes) -> dict[str, Any]:
    """The notes in a safetensors file, after a look at its shape: a header, and tensors that fill the rest of it.

    Raises:
        WrongWeights: it is no such file.
    """
    length = int.from_bytes(data[:8], "little")
    if len(data) < 8 or not 2 <= length <= min(MAX_HEADER_BYTES, len(data) - 8):
        raise WrongWeights("it is no safetensors file: it does not begin with the length of its header")
    try:
        header: Any = json.loads(data[8 : 8 + length])
        notes = header.pop("__metadata__", {})
        ends = [_end(tensor) for tensor in header.values()]
        if not isinstance(notes, dict):
            raise TypeError("its notes are no object")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise WrongWeights(f"it is no safetensors file: its header cannot be read ({type(error).__name__})") from None
    if not ends or max(ends) != len(data) - 8 - length:
        raise WrongWeights("it is no whole safetensors file: its tensors do not fill it")
    return notes


def _end(tensor: dict[str, Any]) -> int:
    begin, end = tensor["data_offsets"]
    if not 0 <= begin <= end:
        raise ValueError(f"a tensor from {begin} to {end}")
    return int(end)


def _download(properties: BlobProperties) -> bytes:
    blob = system_account().container(layout.MODELS).get_blob_client(properties.name)
    pinned: StorageStreamDownloader[bytes] = blob.download_blob(
        etag=str(properties.etag), match_condition=MatchConditions.IfNotModified
    )
    return pinned.readall()


def _delete(properties: BlobProperties) -> None:
    """Just this version: a task never overwrites what is there, so wrong weights would stand for ever."""
    container = system_account().container(layout.MODELS)
    unchanged: dict[str, Any] = {"etag": str(properties.etag), "match_condition": MatchConditions.IfNotModified}
    try:
        container.delete_blob(properties.name, **unchanged)
    except (ResourceNotFoundError, ResourceModifiedError):
        return  # another finder was faster


@lru_cache(REMEMBERED)
def _read(name: str, etag: str) -> FittedModel | None:
    """By name and version. None for a record that is gone by now, or of another version of the app."""
    try:
        return system_account().find_json(layout.MODELS, name, FittedModel)
    except ValueError:
        return None


def of_content(records: Iterable[FittedModel], sha256: str | None) -> list[FittedModel]:
    """Those fitted to an image of this content."""
    return [record for record in records if record.style_sha256 == sha256]
