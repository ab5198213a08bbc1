"""Operations on jobs."""

from aiohttp import web

from local.batch_service.records import Job
from local.batch_service.specs import DisableJobRequest, TerminateJobRequest, parse
from local.batch_service.views import job_view, task_counts_view
from local.batch_service.wire import answer, check_conditions, chosen, engine, list_page, read_body


def _job(request: web.Request) -> Job:
    job = engine(request).state.job(request.match_info["job"])
    check_conditions(request, job)
    return job


async def create_job(request: web.Request) -> web.Response:
    job = engine(request).jobs.create(await read_body(request))
    return answer(request, 201, record=job, location=f"/jobs/{job.id}")


async def list_jobs(request: web.Request) -> web.Response:
    account = engine(request)
    return list_page(request, account.state.jobs.values(), lambda job: job_view(job, account.url), "jobs")


async def get_job(request: web.Request) -> web.Response:
    job = _job(request)
    return answer(request, body=chosen(request, job_view(job, engine(request).url)), record=job)


async def update_job(request: web.Request) -> web.Response:
    job = _job(request)
    engine(request).jobs.update(job, await read_body(request), replace=False)
    return answer(request, record=job)


async def replace_job(request: web.Request) -> web.Response:
    job = _job(request)
    engine(request).jobs.update(job, await read_body(request), replace=True)
    return answer(request, record=job)


async def delete_job(request: web.Request) -> web.Response:
    engine(request).jobs.delete(_job(request))
    return answer(request, 202)


async def terminate_job(request: web.Request) -> web.Response:
    job = _job(request)
    reason = parse(TerminateJobRequest, await read_body(request)).terminate_reason
    engine(request).jobs.terminate(job, reason)
    return answer(request, 202, record=job)


async def disable_job(request: web.Request) -> web.Response:
    job = _job(request)
    what = parse(DisableJobRequest, await read_body(request)).disable_tasks
    engine(request).jobs.disable(job, what)
    return answer(request, 202, record=job)


async def enable_job(request: web.Request) -> web.Response:
    job = _job(request)
    engine(request).jobs.enable(job)
    return answer(request, 202, record=job)


async def get_job_task_counts(request: web.Request) -> web.Response:
    return answer(request, body=task_counts_view(_job(request)))


routes = [
    web.post("/jobs", create_job),
    web.get("/jobs", list_jobs),
    web.get("/jobs/{job}", get_job),
    web.patch("/jobs/{job}", update_job),
    web.put("/jobs/{job}", replace_job),
    web.delete("/jobs/{job}", delete_job),
    web.post("/jobs/{job}/terminate", terminate_job),
    web.post("/jobs/{job}/disable", disable_job),
    web.post("/jobs/{job}/enable", enable_job),
    web.get("/jobs/{job}/taskcounts", get_job_task_counts),
]
