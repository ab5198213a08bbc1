"""The upload door: a video that lands in `videos/<style>/` starts its job.

No video bytes pass through the host: the binding gives a client, not a stream. Options may travel with the blob as
metadata `atelier_options`: JSON with `style`, `scorer` and `options` as in a job request; `atelier_uploader` says whose
upload it is.
"""

import json
import logging

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.blob import BlobProperties
from pydantic import ValidationError

from activities.settings import settings
from activities.storage import data_account
from contracts import layout
from contracts.job import OPTIONS_METADATA_KEY, JobRequest, field_errors
from contracts.model import canonical_json
from triggers.admission import uploader_of_upload
from triggers.bad_request import BadRequest
from triggers.starting import resolve, start

log = logging.getLogger(__name__)
bp = df.Blueprint()


@bp.function_name("on_video_uploaded")
@bp.blob_trigger(
    arg_name="video",
    path=f"{layout.VIDEOS}/{{style}}/{{name}}",
    connection="DATA_STORAGE",
    source=func.BlobSource(settings().uploads_source),
)
@bp.durable_client_input(client_name="client")
def on_video_uploaded(video: blob_binding.BlobClient, client: df.SyncDurableFunctionsClient) -> None:
    try:
        properties: BlobProperties = video.get_blob_properties()
    except ResourceNotFoundError:
        log.info("upload %r was deleted before its job could start", video.blob_name)
        return
    name = properties.name
    if name.endswith(layout.ERROR_SUFFIX):
        return  # our own word about an earlier upload
    try:
        _start(client, name, dict(properties.metadata))
    except BadRequest as error:
        _tell_uploader(name, error)


def _start(client: df.SyncDurableFunctionsClient, name: str, metadata: dict[str, str]) -> None:
    pinned = resolve(request_of_upload(name, metadata))
    pinned = pinned.model_copy(update={"door": "upload", "uploader": uploader_of_upload(metadata)})
    if client.get_orchestration_state(pinned.job, fetch_payloads=False) is None:
        _forget_error(name)  # it was about an earlier upload of this name
    start(client, pinned, restart=False)


def request_of_upload(name: str, metadata: dict[str, str]) -> JobRequest:
    """The request that an upload makes: its folder is the style, unless its metadata says more.

    Raises:
        BadRequest: folder or metadata do not make a valid request.
    """
    said = metadata.get(OPTIONS_METADATA_KEY)
    try:
        wanted = json.loads(said) if said else {"style": name.split("/", 1)[0]}
    except (ValueError, RecursionError) as error:  # ValueError: no JSON, or a number of thousands of digits
        problem = f"blob metadata {OPTIONS_METADATA_KEY!r} is not JSON: {error}"
        raise BadRequest.about(OPTIONS_METADATA_KEY, str(said)[:200], problem) from None
    if not isinstance(wanted, dict):
        problem = f"blob metadata {OPTIONS_METADATA_KEY!r} must be a JSON object"
        raise BadRequest.about(OPTIONS_METADATA_KEY, str(said)[:200], problem)
    if wanted.get("fit_only"):
        problem = "a video that is uploaded is scored; to fit a style alone, submit that over HTTP"
        raise BadRequest.about("fit_only", repr(wanted["fit_only"])[:200], problem)
    if wanted.get("video", name) != name:
        problem = "an upload asks for itself; leave video out, or submit the job over HTTP"
        raise BadRequest.about("video", repr(wanted["video"])[:200], problem)
    try:
        return JobRequest.model_validate({**wanted, "video": name})
    except ValidationError as error:
        raise BadRequest([dict(entry) for entry in field_errors(error)]) from None


def _tell_uploader(name: str, error: BadRequest) -> None:
    """An upload has nobody to answer to, so the answer is left beside it."""
    log.warning("upload %r starts no job: %s", name, error)
    if any(part in (".", "..") for part in name.split("/")):
        return  # an address made of such a name is that of another blob
    text = canonical_json({"errors": error.errors})
    data_account().write_text(layout.VIDEOS, layout.error_blob(name), text)


def _forget_error(name: str) -> None:
    try:
        data_account().container(layout.VIDEOS).delete_blob(layout.error_blob(name))
    except ResourceNotFoundError:
        return  # as nearly always
