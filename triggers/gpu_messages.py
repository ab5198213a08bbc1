"""Reading the queues to and from the GPU tasks, where anything may lie: a node holds a SAS to add to `gpu-results`.

    ValueError
      NotAMessage: the text is no message of ours; the error says why

`host.json` sets `messageEncoding` to `none` and base64 is undone here. With `base64` the host itself moves what it
cannot decode to the poison queue, from which it cannot be read either.
"""

import base64
import binascii
import re

from pydantic import ValidationError

from contracts import layout
from contracts.job import field_errors
from contracts.messages import AboutTask, GpuTask
from contracts.steps import RunRef

# The largest honest message, a result with every bad run and a reason all of escapes, is about 24 KB of JSON.
MAX_BYTES = 32 * 1024
PROBLEMS_SHOWN = 5

_INSTANCE = re.compile(r"(?P<job>[a-z0-9][a-z0-9_-]{0,63}):r(?P<run>[1-9][0-9]{0,5}):[a-z0-9]+", re.ASCII)


class NotAMessage(ValueError):
    """Text of a queue that cannot be handled, however often it is tried; says why."""


def decode(text: bytes) -> bytes:
    """The message inside `text`, which is base64 as the queue's clients send it.

    Raises:
        NotAMessage: it is not.
    """
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise NotAMessage(f"not base64: {error}") from None


def parse[T: AboutTask](body: bytes, kind: type[T]) -> T:
    """`body` as a message of `kind`. Its job, chunk, attempt, task and instance name the same piece of work.

    Raises:
        NotAMessage: it is none, or what it says of itself does not fit together.
    """
    if len(body) > MAX_BYTES:
        raise NotAMessage(f"{len(body)} bytes, over the limit of {MAX_BYTES} for a message")
    try:
        message = kind.model_validate_json(body)
    except ValidationError as error:
        problems = [f"{e['field']}: {e['problem']}" for e in field_errors(error)]
        more = f"; and {len(problems) - PROBLEMS_SHOWN} more" if len(problems) > PROBLEMS_SHOWN else ""
        shown = "; ".join(problem[:300] for problem in problems[:PROBLEMS_SHOWN])
        raise NotAMessage(f"not a valid {kind.__name__} message: {shown}{more}") from None
    _check_names(message, run_of(message))
    return message


def run_of(message: AboutTask) -> RunRef:
    """The run that `message` is about, as the instance that awaits it says.

    Raises:
        NotAMessage: no instance of this job is called so.
    """
    named = _INSTANCE.fullmatch(message.instance_id)
    if named is None or named["job"] != message.job:
        raise NotAMessage(f"instance_id: {message.instance_id[:200]!r} awaits no GPU task of job {message.job}")
    return RunRef(job=message.job, run=int(named["run"]))


def _check_names(message: AboutTask, run: RunRef) -> None:
    instance, task = _names(message, run.run)
    if message.instance_id != instance:
        raise NotAMessage(f"instance_id: {message.instance_id[:200]!r} is not {instance!r}, which awaits this task")
    if message.task != task:
        raise NotAMessage(f"task: {message.task!r} is not {task!r}, as chunk, piece and attempt say")
    if isinstance(message, GpuTask) and message.run != run.run:
        raise NotAMessage(f"run: {message.run} is not that of instance {instance!r}")


def _names(message: AboutTask, run: int) -> tuple[str, str]:
    """(instance that awaits the task, the task's name)."""
    if message.chunk is None and layout.is_stitch(message.task):
        return layout.stitch_instance(message.job, run), layout.stitch_task(message.attempt)
    if message.chunk is None:
        return layout.model_instance(message.job, run), layout.fit_task(message.attempt)
    instance = layout.chunk_instance(message.job, message.chunk, run)
    return instance, layout.chunk_task(message.chunk, message.piece, message.attempt)
