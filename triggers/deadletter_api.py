"""The dead letters over HTTP: look at them, put one back on its queue, drop it."""

import json
from typing import Any

import azure.durable_functions as df
import azure.functions as func

from activities import deadletter
from activities.deadletter import POISON, QUEUES
from activities.gpu_tasks import has_ended
from activities.storage import system_account
from contracts import layout
from contracts.deadletter import DeadLetter
from contracts.messages import GPU_TASKS_QUEUE, AboutTask, GpuResult, GpuTask
from triggers import gpu_messages

bp = df.Blueprint()

# Each letter shown is a blob read.
SHOWN, MOST_SHOWN = 50, 200


class NoReplay(ValueError):
    """Putting the letter back would come to nothing; says why and what helps."""


@bp.function_name("list_dead_letters")
@bp.route(route="deadletter", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def list_dead_letters(req: func.HttpRequest) -> func.HttpResponse:
    """200 with {entries: [...]}, newest first and without their bodies; `?top=` limits them."""
    asked = req.params.get("top", str(SHOWN))
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 10 and 1 <= int(asked) <= MOST_SHOWN):
        return _error("top", asked[:200], f"must be a whole number from 1 to {MOST_SHOWN}", 400)
    entries = [
        letter.model_dump(mode="json", exclude={"body", "body_base64"}) for letter in deadletter.newest(int(asked))
    ]
    return _json({"entries": entries}, 200)


@bp.function_name("get_dead_letter")
@bp.route(route="deadletter/{queue}/{entry}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def get_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    """200 with the whole letter, or 404."""
    letter = deadletter.read(*_named(req))
    return _json(letter.model_dump(mode="json"), 200) if letter else _no_letter(req)


@bp.function_name("replay_dead_letter")
@bp.route(route="deadletter/{queue}/{entry}/replay", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def replay_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    """202 once the message is on its queue again and the letter gone; 404; 409 where that would come to nothing."""
    queue, entry = _named(req)
    letter = deadletter.read(queue, entry)
    if letter is None:
        return _no_letter(req)
    try:
        message = _replayable(letter)
    except NoReplay as why:
        return _error("entry", entry, str(why), 409)
    system_account().send(queue.removesuffix(POISON), message)  # before the letter goes: twice does no harm, none would
    deadletter.drop(queue, entry)
    return _json({"queue": queue, "entry": entry, "replayed": True}, 202)


@bp.function_name("drop_dead_letter")
@bp.route(route="deadletter/{queue}/{entry}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
def drop_dead_letter(req: func.HttpRequest) -> func.HttpResponse:
    """200 once the letter is gone, or 404."""
    queue, entry = _named(req)
    if not deadletter.drop(queue, entry):
        return _no_letter(req)
    return _json({"queue": queue, "entry": entry, "dropped": True}, 200)


def _replayable(letter: DeadLetter) -> AboutTask:
    """The letter's message, where its run still waits for it.

    Raises:
        NoReplay: it is no message, or its run is over.
    """
    kind = GpuTask if letter.queue.removesuffix(POISON) == GPU_TASKS_QUEUE else GpuResult
    try:
        message = gpu_messages.parse((letter.body or "").encode(), kind)
    except gpu_messages.NotAMessage as problem:
        raise NoReplay(f"its body is no message that could be handled ({problem}); drop it") from None
    run = gpu_messages.run_of(message)
    if has_ended(run.job, run.run):
        raise NoReplay(f"run {run.run} of its job is over; try the job again instead: client retry {run.job}")
    if not system_account().exists(layout.JOBS, layout.spec_blob(run.job, message.task, run.run)):
        raise NoReplay(f"run {run.run} of job {run.job} has submitted no task {message.task}; drop it")
    return message


def _named(req: func.HttpRequest) -> tuple[str, str]:
    return req.route_params["queue"], req.route_params["entry"]


def _no_letter(req: func.HttpRequest) -> func.HttpResponse:
    queue, entry = _named(req)
    if queue not in QUEUES:
        problem = f"no such queue; choose one of {', '.join(QUEUES)}"
        return _error("queue", queue[:200], problem, 404)
    return _error("entry", entry[:200], "no such dead letter; GET /api/deadletter lists them", 404)


def _error(field: str, value: str, problem: str, status: int) -> func.HttpResponse:
    return _json({"errors": [{"field": field, "value": value, "problem": problem}]}, status)


def _json(body: dict[str, Any], status: int) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
