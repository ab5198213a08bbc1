"""The door that Event Grid tells of new blobs by, for blob triggers whose source is EventGrid.

`POST /runtime/webhooks/blobs?functionName=Host.Functions.<name>`, with the system key `blobs_extension`: as in
https://learn.microsoft.com/azure/azure-functions/functions-event-grid-blob-trigger. Nothing on this machine sends such
events by itself: who wants them posts them, in Event Grid's own schema.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote, urlsplit

from aiohttp import web

from local.functions_host.blob_trigger import BlobTrigger

_FUNCTION = "Host.Functions."
_CREATED = "Microsoft.Storage.BlobCreated"


class BlobEvents:
    """Hands events to `triggers`, by the name of their function."""

    def __init__(self, triggers: Mapping[str, BlobTrigger]) -> None:
        self._triggers = triggers

    async def answer(self, request: web.Request) -> web.Response:
        """202 once every event is queued; 400 for what is no event, 404 for a function that hears no events."""
        trigger = self._triggers.get(request.query.get("functionName", "").removeprefix(_FUNCTION))
        if request.method != "POST" or trigger is None or not trigger.hears_events:
            return web.Response(status=404)
        try:
            events = _events(await request.read())
            kind = request.headers.get("aeg-event-type")
            if kind == "SubscriptionValidation":  # Event Grid asks so before it sends anything
                return web.json_response({"validationResponse": events[0]["data"]["validationCode"]})
            new = [_blob(event) for event in events if event["eventType"] == _CREATED]
        except (ValueError, TypeError, KeyError, IndexError) as error:
            return web.Response(status=400, text=f"not in the Event Grid schema: {type(error).__name__}")
        for path, etag in new:
            await trigger.hear(path, etag)
        return web.Response(status=202)


def _events(body: bytes) -> list[Any]:
    events = json.loads(body)
    if not isinstance(events, list):
        raise TypeError("not an array")
    return events


def _blob(event: Mapping[str, Any]) -> tuple[str, str]:
    """The path of the blob's URL, and its etag."""
    return unquote(urlsplit(event["data"]["url"]).path), str(event["data"]["eTag"]).strip('"')
