"""The upload door: a video that lands in `videos/<style>/` starts its job.

No video bytes pass through the host: the binding gives a client, not a stream. Options may travel with the blob as
metadata `atelier_options`: JSON with `style`, `scorer` and `options` as in a job request.
"""

import json
import logging

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding
from azure.storage.blob import BlobProperties
from pydantic import ValidationError

from activities.settings import settings
from activities.storage import data_account
from contracts import layout
from contracts.job import OPTIONS_METADATA_KEY, JobRequest, field_errors
from contracts.model import canonical_json
from triggers.starting import BadRequest, resolve, start

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
    properties: BlobProperties = video.get_blob_properties()
    name = properties.name
    if name.endswith(layout.ERROR_SUFFIX):
        return  # our own word about an earlier upload
    try:
        request = request_of_upload(name, dict(properties.metadata))
        start(client, resolve(request), restart=False)
    except BadRequest as error:
        _tell_uploader(name, error)


def request_of_upload(name: str, metadata: dict[str, str]) -> JobRequest:
    """The request that an upload makes: its folder is the style, unless its metadata says more.

    Raises:
        BadRequest: folder or metadata do not make a valid request.
    """
    said = metadata.get(OPTIONS_METADATA_KEY)
    try:
        wanted = json.loads(said) if said else {"style": name.split("/", 1)[0]}
    except json.JSONDecodeError as error:
        problem = f"blob metadata {OPTIONS_METADATA_KEY!r} is not JSON: {error}"
        raise BadRequest([{"field": OPTIONS_METADATA_KEY, "value": str(said)[:200], "problem": problem}]) from None
    try:
        return JobRequest.model_validate({"video": name, **wanted})
    except (ValidationError, TypeError) as error:
        raise BadRequest(_errors(error, said)) from None


def _errors(error: ValidationError | TypeError, said: str | None) -> list[dict[str, object]]:
    if isinstance(error, ValidationError):
        return [dict(entry) for entry in field_errors(error)]
    problem = f"blob metadata {OPTIONS_METADATA_KEY!r} must be a JSON object"
    return [{"field": OPTIONS_METADATA_KEY, "value": str(said)[:200], "problem": problem}]


def _tell_uploader(name: str, error: BadRequest) -> None:
    """An upload has nobody to answer to, so the answer is left beside it."""
    log.warning("upload %r starts no job: %s", name, error)
    data_account().write_text(layout.VIDEOS, name + layout.ERROR_SUFFIX, canonical_json({"errors": error.errors}))
