"""A small app that exercises the host: one of everything the host runs."""

import asyncio
import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob_binding
from durabletask import task

app = df.DFApp(http_auth_level=func.AuthLevel.FUNCTION)
bp = df.Blueprint()
_lock = threading.Lock()


def note(*words):
    """Append a line to the file the tests read; one write, so lines of several threads do not mix."""
    if path := os.environ.get("TEST_EVENTS"):
        with _lock, Path(path).open("a") as file:
            file.write(json.dumps(words) + "\n")


# -- HTTP -------------------------------------------------------------------------------------


@app.route(route="echo/{number:int}/{word?}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    body = {
        "route": dict(req.route_params),
        "query": dict(req.params),
        "body": req.get_body().decode(),
        "function": context.function_name,
        "header": req.headers.get("x-test"),
    }
    headers = {"x-made-by": "echo"}
    return func.HttpResponse(json.dumps(body), status_code=201, headers=headers, mimetype="application/json")


@app.route(route="guarded", methods=["GET"])
async def guarded(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("opened")


@app.route(route="master-only", methods=["GET"], auth_level=func.AuthLevel.ADMIN)
async def master_only(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("opened")


@app.route(route="size", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def size(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(len(req.get_body())))


@app.route(route="boom", auth_level=func.AuthLevel.ANONYMOUS)
def boom(req: func.HttpRequest) -> func.HttpResponse:
    raise RuntimeError("cannot read https://store/blob?sv=1&sig=SECRET%2Bsignature&se=2")


@app.route(route="threads", auth_level=func.AuthLevel.ANONYMOUS)
async def threads(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse(str(threading.active_count()))


@app.route(route="wait/{id}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def wait_for(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    state = await client.wait_for_orchestration_completion(req.route_params["id"], timeout=30)
    return func.HttpResponse(state.runtime_status.name if state else "missing")


@app.route(route="stop/{id}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
def stop(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    client.terminate_orchestration(req.route_params["id"], output="enough", recursive=True)
    return func.HttpResponse("told")


@app.route(route="later/{id}", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
@app.durable_client_input(client_name="client")
async def start_later(req: func.HttpRequest, client: df.DurableFunctionsClient) -> func.HttpResponse:
    from datetime import UTC, datetime

    start_at = datetime.now(UTC) + timedelta(seconds=float(req.params["seconds"]))
    instance_id = req.route_params["id"]
    await client.schedule_new_orchestration("echo_input", input=1, instance_id=instance_id, start_at=start_at)
    return client.create_check_status_response(req, instance_id)


# -- durable ----------------------------------------------------------------------------------


@bp.orchestration_trigger(context_name="ctx")
def echo_input(ctx: task.OrchestrationContext, input):
    return input


@bp.orchestration_trigger(context_name="ctx")
def fan_out(ctx: task.OrchestrationContext, count):
    squares = yield task.when_all([ctx.call_activity("square", input=number) for number in range(count)])
    ctx.set_custom_status({"done": len(squares)})
    return sum(squares)


@bp.activity_trigger(input_name="number")
def square(number: int) -> int:
    return number * number


@bp.orchestration_trigger(context_name="ctx")
def watching(ctx: task.OrchestrationContext, instance_id):
    return (yield ctx.call_activity("look_at", input=instance_id))


@bp.durable_client_input(client_name="client")
@bp.activity_trigger(input_name="instance")
def look_at(instance: str, client: df.SyncDurableFunctionsClient) -> str:
    state = client.get_orchestration_state(instance)
    return state.runtime_status.name if state else "missing"


@bp.activity_trigger(input_name="order")
async def nap(order: dict) -> str:
    note("nap", order["tag"])
    await asyncio.sleep(order["seconds"])
    note("woke", order["tag"])
    return order["tag"]


@bp.orchestration_trigger(context_name="ctx")
def napping(ctx: task.OrchestrationContext, order):
    return (yield ctx.call_activity("nap", input=order))


@bp.orchestration_trigger(context_name="ctx")
def naps(ctx: task.OrchestrationContext, order):
    orders = [{**order, "tag": f"{order['tag']}-{number}"} for number in range(order["count"])]
    return (yield task.when_all([ctx.call_activity("nap", input=one) for one in orders]))


@bp.orchestration_trigger(context_name="ctx")
def approval(ctx: task.OrchestrationContext, seconds):
    ctx.set_custom_status("waiting")
    event = ctx.wait_for_external_event("approve")
    timer = ctx.create_timer(timedelta(seconds=seconds))
    winner = yield task.when_any([event, timer])
    return {"approved": event.get_result()} if winner == event else {"timeout": True}


@bp.orchestration_trigger(context_name="ctx")
def parent(ctx: task.OrchestrationContext, order):
    children = [
        ctx.call_sub_orchestrator(order["child"], input=order["input"], instance_id=f"{ctx.instance_id}:{number}")
        for number in range(order["count"])
    ]
    return (yield task.when_all(children))


@bp.orchestration_trigger(context_name="ctx")
def forgiving_parent(ctx: task.OrchestrationContext, child):
    try:
        yield ctx.call_sub_orchestrator(child, instance_id=f"{ctx.instance_id}:0")
    except task.TaskFailedError as error:
        return {"message": str(error), "type": error.details.error_type}


_attempts: dict[str, int] = {}


@bp.activity_trigger(input_name="order")
def flaky(order: dict) -> str:
    _attempts[order["key"]] = attempt = _attempts.get(order["key"], 0) + 1
    if attempt < order["works_at"]:
        raise ValueError(f"attempt {attempt}")
    return f"attempt {attempt}"


@bp.orchestration_trigger(context_name="ctx")
def retrying(ctx: task.OrchestrationContext, order):
    policy = task.RetryPolicy(first_retry_interval=timedelta(milliseconds=50), max_number_of_attempts=4)
    return (yield ctx.call_activity("flaky", input=order, retry_policy=policy))


@bp.orchestration_trigger(context_name="ctx")
def failing_once(ctx: task.OrchestrationContext, order):
    return (yield ctx.call_activity("flaky", input=order))


@bp.activity_trigger(input_name="nothing")
def fail_silently(nothing: str) -> str:
    raise ValueError


@bp.orchestration_trigger(context_name="ctx")
def silent_failure(ctx: task.OrchestrationContext, _):
    try:
        return {"wrong": (yield ctx.call_activity("fail_silently", input="x"))}
    except task.TaskFailedError as error:
        return {"type": error.details.error_type}


@bp.orchestration_trigger(context_name="ctx")
def counting(ctx: task.OrchestrationContext, number):
    if number >= 4:
        return number
    yield ctx.call_activity("square", input=number)
    ctx.continue_as_new(number + 1)


@bp.orchestration_trigger(context_name="ctx")
def stale_timer(ctx: task.OrchestrationContext, generation):
    """The first run leaves a 1 s timer behind; the second waits 2.5 s on a timer with the same id."""
    if generation == 0:
        ctx.create_timer(timedelta(seconds=1))
        yield ctx.call_activity("square", input=2)
        ctx.continue_as_new(1)
        return None
    begin = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(seconds=2.5))
    return (ctx.current_utc_datetime - begin).total_seconds()


@bp.entity_trigger(context_name="context")
def counter(context: df.DurableEntityContext):
    value = context.get_state(lambda: 0)
    if context.operation_name == "add":
        value += context.get_input()
        context.set_state(value)
    context.set_result(value)


@bp.orchestration_trigger(context_name="context")
def use_entity(context: df.DurableOrchestrationContext):
    entity = df.EntityId("counter", "k")
    yield context.call_entity(entity, "add", 5)
    return (yield context.call_entity(entity, "get"))


# -- storage ----------------------------------------------------------------------------------


@bp.queue_trigger(arg_name="msg", queue_name="work", connection="DATA_STORAGE")
@bp.queue_output(arg_name="out", queue_name="results", connection="DATA_STORAGE")
async def on_work(msg: func.QueueMessage, out: func.Out[str]) -> None:
    body = msg.get_body().decode()
    note("work", body, msg.dequeue_count)
    if body == "fail":
        raise RuntimeError("cannot handle AccountKey=SECRETKEY==;EndpointSuffix=x")
    out.set(f"done:{body}")


@bp.queue_trigger(arg_name="msg", queue_name="work-poison", connection="DATA_STORAGE")
def on_poison(msg: func.QueueMessage) -> None:
    note("poison", msg.get_body().decode())


@bp.queue_trigger(arg_name="msg", queue_name="approvals", connection="DATA_STORAGE")
@bp.durable_client_input(client_name="client")
async def on_approval(msg: func.QueueMessage, client: df.DurableFunctionsClient) -> None:
    order = json.loads(msg.get_body())
    await client.raise_orchestration_event(order["id"], "approve", data=order["data"])


@bp.blob_trigger(arg_name="blob", path="videos/{style}/{name}", connection="DATA_STORAGE")
@bp.blob_output(arg_name="copy", path="copies/{style}-{name}.txt", connection="DATA_STORAGE")
def on_video(blob: blob_binding.BlobClient, copy: func.Out[str]) -> None:
    data = blob.download_blob().readall()
    note("video", blob.container_name, blob.blob_name, data.decode())
    if data == b"bad":
        raise RuntimeError("bad video")
    copy.set(data.decode().upper())


@bp.blob_trigger(arg_name="stream", path="notes/{name}", connection="DATA_STORAGE")
def on_note(stream: func.InputStream) -> None:
    note("note", stream.name, stream.length, stream.read().decode())


@bp.blob_trigger(arg_name="stream", path="told/{name}", connection="DATA_STORAGE", source=func.BlobSource.EVENT_GRID)
def on_told(stream: func.InputStream) -> None:
    note("told", stream.name)


app.register_functions(bp)
