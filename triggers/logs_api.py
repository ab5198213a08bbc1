"""A job's logs over HTTP: users do not reach the account they lie in."""

import json

import azure.durable_functions as df
import azure.functions as func
from pydantic import TypeAdapter, ValidationError

from activities import job_logs
from contracts.model import BatchId

bp = df.Blueprint()

LISTED, MOST_LISTED = 200, 1_000
# Where to go on in a file that is longer than one answer.
NEXT_HEADER = "x-next-offset"
_JOB = TypeAdapter(BatchId)


@bp.function_name("list_logs")
@bp.route(route="jobs/{job}/logs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def list_logs(req: func.HttpRequest) -> func.HttpResponse:
    """200 with a `TaskLogPage`: `?top=` entries `?after=` one; 400; 404 where there is no such job."""
    job = req.route_params["job"]
    top = _whole_number(req.params.get("top", str(LISTED)))
    if top is None or not 1 <= top <= MOST_LISTED:
        return _error("top", req.params["top"], f"must be a whole number from 1 to {MOST_LISTED}", 400)
    if not _is_known(job):
        return _no_job(job)
    page = job_logs.list_page(job, req.params.get("after", ""), top)
    return func.HttpResponse(page.to_json(), mimetype="application/json")


@bp.function_name("read_log")
@bp.route(route="jobs/{job}/logs/{file}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def read_log(req: func.HttpRequest) -> func.HttpResponse:
    """200 with the file's text from byte `?offset=` on; `x-next-offset` says where to go on, if there is more. 400;
    404."""
    job, file = req.route_params["job"], req.route_params["file"]
    offset = _whole_number(req.params.get("offset", "0"))
    if offset is None:
        return _error("offset", req.params["offset"], "must be a whole number of bytes, 0 or more", 400)
    if not _is_known(job):
        return _no_job(job)
    found = job_logs.read_piece(job, file, offset)
    if found is None:
        return _error("file", file, f"no such file; GET /api/jobs/{job}/logs lists them", 404)
    text, following = found
    headers = {} if following is None else {NEXT_HEADER: str(following)}
    return func.HttpResponse(text, headers=headers, mimetype="text/plain", charset="utf-8")


def _is_known(job: str) -> bool:
    try:
        return job_logs.is_known(_JOB.validate_python(job))
    except ValidationError:
        return False


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 16 else None


def _no_job(job: str) -> func.HttpResponse:
    return _error("job", job, "no such job; GET /api/jobs lists them", 404)


def _error(field: str, value: str, problem: str, status: int) -> func.HttpResponse:
    body = {"errors": [{"field": field, "value": value[:200], "problem": problem}]}
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
