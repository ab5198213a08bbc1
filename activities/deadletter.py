"""The dead-letter archive: container `deadletter` of the system account, one `DeadLetter` per blob."""

import logging
import re

from azure.core.exceptions import ResourceNotFoundError

from activities.storage import system_account
from contracts import layout
from contracts.deadletter import DeadLetter
from contracts.messages import GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE
from telemetry import metrics

log = logging.getLogger(__name__)

POISON = "-poison"
QUEUES = (GPU_TASKS_QUEUE, GPU_RESULTS_QUEUE, GPU_TASKS_QUEUE + POISON, GPU_RESULTS_QUEUE + POISON)
# A reason may quote what a stranger sent.
MAX_REASON_CHARACTERS = 2_000
# The id of a message is a GUID; GPU work is named after its Batch job and chunk (see bury_task).
_ENTRY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,199}")
# The signature of a SAS and the key of an account are all one needs to use them.
_SECRET = re.compile(r"(?i)\b(sig=|AccountKey=)[^&;\s\"'<>)]+")


def keep(letter: DeadLetter) -> str:
    """Write `letter` and return its blob's name. A letter that is there keeps the time it failed first."""
    name = layout.deadletter_blob(letter.queue, letter.entry)
    known = read(letter.queue, letter.entry)
    first = min(letter.first_failed, known.first_failed) if known else letter.first_failed
    kept = letter.model_copy(update={"reason": printable(letter.reason), "first_failed": first})
    system_account().write_json(layout.DEADLETTER, name, kept)
    log.error("dead letter %s/%s: %s", layout.DEADLETTER, name, kept.reason)
    metrics.record("atelier.deadletters", 1, queue=letter.queue)
    return name


def newest(top: int) -> list[DeadLetter]:
    """The `top` letters kept last, newest first."""
    blobs = system_account().container(layout.DEADLETTER).list_blobs()
    recent = sorted(blobs, key=lambda blob: (blob.last_modified, blob.name), reverse=True)[:top]
    found = (system_account().find_json(layout.DEADLETTER, blob.name, DeadLetter) for blob in recent)
    return [letter for letter in found if letter]


def read(queue: str, entry: str) -> DeadLetter | None:
    """The letter, or None where there is none of that name, or the name is no letter's."""
    if not _is_name(queue, entry):
        return None
    return system_account().find_json(layout.DEADLETTER, layout.deadletter_blob(queue, entry), DeadLetter)


def drop(queue: str, entry: str) -> bool:
    """Delete the letter; False where there was none."""
    if not _is_name(queue, entry):
        return False
    try:
        system_account().container(layout.DEADLETTER).delete_blob(layout.deadletter_blob(queue, entry))
    except ResourceNotFoundError:
        return False
    return True


def printable(text: str) -> str:
    """`text` on one line, without secrets, control characters or lone surrogates, and not too long."""
    shown = "".join(character if character.isprintable() else " " for character in text[: 2 * MAX_REASON_CHARACTERS])
    cut = _SECRET.sub(r"\1REDACTED", shown)
    return cut if len(cut) <= MAX_REASON_CHARACTERS else cut[: MAX_REASON_CHARACTERS - 1] + "…"


def _is_name(queue: str, entry: str) -> bool:
    return queue in QUEUES and _ENTRY.fullmatch(entry) is not None
