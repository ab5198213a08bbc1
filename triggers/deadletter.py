"""The dead-letter archive: every message that could not be handled, with its reason, under `deadletter/<queue>/`."""

import base64
import json
import logging
from datetime import UTC, datetime

import azure.functions as func

from activities.storage import system_account
from contracts import layout

log = logging.getLogger(__name__)


def archive(queue: str, message: func.QueueMessage, reason: str) -> str:
    """Write the message and why it is here; the blob's name. Twice for one message writes the same blob."""
    body = message.get_body()
    inserted = message.insertion_time
    entry = {
        "queue": queue,
        "message_id": message.id,
        "reason": reason,
        "dequeue_count": message.dequeue_count,
        "inserted": inserted.isoformat() if inserted else None,
        "archived": datetime.now(UTC).isoformat(),
        **_readable(body),
    }
    name = f"{queue}/{message.id}.json"
    system_account().write_text(layout.DEADLETTER, name, json.dumps(entry, indent=1))
    log.error("message %s of queue %s archived as %s: %s", message.id, queue, name, reason)
    return name


def _readable(body: bytes) -> dict[str, str]:
    try:
        return {"body": body.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(body).decode()}
