"""Operations on tasks."""

from typing import Any

from aiohttp import web

from local.batch_service.errors import BadRequest, BatchError, error_detail, invalid_property
from local.batch_service.records import Job, Task
from local.batch_service.timestamps import iso
from local.batch_service.views import task_view
from local.batch_service.wire import answer, check_conditions, chosen, engine, list_page, read_body

MAX_COLLECTION_BYTES = 1024 * 1024  # Batch's limits on one add-collection request
MAX_COLLECTION_TASKS = 100


def _job(request: web.Request) -> Job:
    return engine(request).state.job(request.match_info["job"])


def _task(request: web.Request) -> Task:
    task = engine(request).state.task(request.match_info["job"], request.match_info["task"])
    check_conditions(request, task)
    return task


async def create_task(request: web.Request) -> web.Response:
    job = _job(request)
    task = engine(request).tasks.add(job, await read_body(request))
    return answer(request, 201, record=task, location=f"/jobs/{job.id}/tasks/{task.id}")


async def create_task_collection(request: web.Request) -> web.Response:
    """Adds up to 100 tasks; each succeeds or fails on its own."""
    job = _job(request)
    if len(await request.read()) > MAX_COLLECTION_BYTES:
        message = f"The request body exceeds {MAX_COLLECTION_BYTES} bytes: add fewer or smaller tasks at a time."
        raise BadRequest("RequestBodyTooLarge", message, ("MaxLimit", str(MAX_COLLECTION_BYTES)), status=413)
    tasks = (await read_body(request)).get("value")
    if not isinstance(tasks, list):
        raise invalid_property("value", tasks, "a list of tasks is required")
    if len(tasks) > MAX_COLLECTION_TASKS:
        raise invalid_property("value", f"{len(tasks)} tasks", f"at most {MAX_COLLECTION_TASKS} at a time")
    results = [_add(request, job, task) for task in tasks]
    body = {"odata.metadata": f"{engine(request).url}/$metadata#taskaddresult", "value": results}
    return answer(request, body=body)


def _add(request: web.Request, job: Job, raw: dict[str, Any]) -> dict[str, Any]:
    try:
        task = engine(request).tasks.add(job, raw)
    except BatchError as error:
        return {"status": "clienterror", "taskId": raw.get("id"), "error": error_detail(error)}
    return {
        "status": "success",
        "taskId": task.id,
        "eTag": task.etag,
        "lastModified": iso(task.changed),
        "location": f"{engine(request).url}/jobs/{job.id}/tasks/{task.id}",
    }


async def list_tasks(request: web.Request) -> web.Response:
    account = engine(request)
    return list_page(request, _job(request).tasks.values(), lambda task: task_view(task, account.url), "tasks")


async def get_task(request: web.Request) -> web.Response:
    task = _task(request)
    return answer(request, body=chosen(request, task_view(task, engine(request).url)), record=task)


async def replace_task(request: web.Request) -> web.Response:
    task = _task(request)
    engine(request).tasks.update(task, await read_body(request))
    return answer(request, record=task)


async def delete_task(request: web.Request) -> web.Response:
    engine(request).delete_task(_task(request))
    return answer(request)


async def terminate_task(request: web.Request) -> web.Response:
    task = _task(request)
    engine(request).tasks.terminate(task)
    return answer(request, 204, record=task)


async def reactivate_task(request: web.Request) -> web.Response:
    task = _task(request)
    engine(request).tasks.reactivate(task)
    return answer(request, 204, record=task)


routes = [
    web.post("/jobs/{job}/tasks", create_task),
    web.post("/jobs/{job}/addtaskcollection", create_task_collection),
    web.get("/jobs/{job}/tasks", list_tasks),
    web.get("/jobs/{job}/tasks/{task}", get_task),
    web.put("/jobs/{job}/tasks/{task}", replace_task),
    web.delete("/jobs/{job}/tasks/{task}", delete_task),
    web.post("/jobs/{job}/tasks/{task}/terminate", terminate_task),
    web.post("/jobs/{job}/tasks/{task}/reactivate", reactivate_task),
]
