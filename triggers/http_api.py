"""The HTTP door: quote, start, list, look at, cancel, retry and purge jobs. Finer: the Durable management API."""

import json
from typing import Any

import azure.durable_functions as df
import azure.functions as func
from durabletask.client import OrchestrationQuery, OrchestrationState
from pydantic import ValidationError

from activities.storage import system_account
from contracts import layout
from contracts.job import JobRequest, StartInput, field_errors
from triggers.admission import uploader_of_request
from triggers.bad_request import BadRequest, TooManyJobs
from triggers.job_control import Conflict, cancel, purge, retry
from triggers.job_view import view
from triggers.quoting import answer
from triggers.starting import ORCHESTRATION, resolve, start
from triggers.styles import fitted_styles, style_entry

bp = df.Blueprint()

MOST_LISTED = 1_000


@bp.function_name("start_job")
@bp.route(route="jobs", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def start_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """202 with the Durable management URLs; 400, or 429 for one job too many, with {errors: [{field, value, problem,
    allowed?}]}."""
    try:
        pinned = resolve(_request(req.get_body())).model_copy(update={"uploader": uploader_of_request(req)})
        job = start(client, pinned, restart=True)
    except BadRequest as error:
        return _json({"errors": error.errors}, error.status)
    return client.create_check_status_response(req, job)


@bp.function_name("list_jobs")
@bp.route(route="jobs", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def list_jobs(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """200 with {jobs: [...]}, newest first; `?top=` limits them (50)."""
    asked = req.params.get("top", "50")
    if not asked.isdecimal() or not 1 <= int(asked) <= MOST_LISTED:
        problem = f"must be a whole number from 1 to {MOST_LISTED}"
        return _json({"errors": [{"field": "top", "value": asked, "problem": problem}]}, 400)
    # Chunks and guards are instances too and cannot be left out of a query: so first without what they carry.
    known = client.get_all_orchestration_states(OrchestrationQuery(fetch_inputs_and_outputs=False))
    jobs = sorted((s for s in known if s.name == ORCHESTRATION), key=lambda s: s.created_at, reverse=True)
    states = (client.get_orchestration_state(job.instance_id) for job in jobs[: int(asked)])
    return _json({"jobs": [view(state) for state in states if state]}, 200)


@bp.function_name("get_job")
@bp.route(route="jobs/{job}", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def get_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """200 with the job, or 404."""
    state = _find(client, req)
    return _json(view(state), 200) if state else _no_job(req)


@bp.function_name("cancel_job")
@bp.route(route="jobs/{job}", methods=["DELETE"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def cancel_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """202 once its GPU tasks are told to stop; 404; 409 where it is over already."""
    state = _find(client, req)
    if state is None:
        return _no_job(req)
    try:
        cancel(client, state)
    except Conflict as conflict:
        return _json({"errors": conflict.errors}, 409)
    return _json({"job": state.instance_id, "runtimeStatus": "Terminated"}, 202)


@bp.function_name("retry_job")
@bp.route(route="jobs/{job}/retry", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def retry_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """202 with the Durable management URLs; 404; 409 where it is under way or finished, or its input was replaced; 429
    for one job too many."""
    state = _find(client, req)
    if state is None:
        return _no_job(req)
    try:
        job = retry(client, state)
    except Conflict as conflict:
        return _json({"errors": conflict.errors}, 409)
    except TooManyJobs as error:
        return _json({"errors": error.errors}, error.status)
    return client.create_check_status_response(req, job)


@bp.function_name("purge_job")
@bp.route(route="jobs/{job}/purge", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
@bp.durable_client_input(client_name="client")
def purge_job(req: func.HttpRequest, client: df.SyncDurableFunctionsClient) -> func.HttpResponse:
    """200 with what was removed (contracts/purged.py); `?video=true` removes its upload too; 404; 409 where it is not
    over. A job whose history is lost is found by what lies in storage."""
    state = _find(client, req)
    if state is not None:
        begun = StartInput.model_validate(state.get_input())
    else:
        begun = system_account().find_json(layout.JOBS, layout.start_blob(req.route_params["job"]), StartInput)
    if begun is None:
        return _no_job(req)
    try:
        purged = purge(client, begun, state, with_video=req.params.get("video") == "true")
    except Conflict as conflict:
        return _json({"errors": conflict.errors}, 409)
    return _json(purged.model_dump(mode="json"), 200)


@bp.function_name("quote_job")
@bp.route(route="quote", methods=["POST"], auth_level=func.AuthLevel.FUNCTION)
def quote_job(req: func.HttpRequest) -> func.HttpResponse:
    """200 with what a job would take (contracts/quote.py), limits that it would break included; nothing is started.
    400 with {errors: [...]} for what no job can be made of."""
    try:
        return _json(answer(req.get_body()).model_dump(mode="json"), 200)
    except BadRequest as error:
        return _json({"errors": error.errors}, error.status)


@bp.function_name("get_styles")
@bp.route(route="styles", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
def get_styles(req: func.HttpRequest) -> func.HttpResponse:
    """200 with {styles: [{name, title, kind, blob, models}]}; `models` are the networks fitted to an uploaded style, as
    its image is now."""
    return _json({"styles": [style_entry(style, models) for style, models in fitted_styles()]}, 200)


def _request(body: bytes) -> JobRequest:
    try:
        return JobRequest.model_validate_json(body)
    except ValidationError as error:
        raise BadRequest([dict(entry) for entry in field_errors(error)]) from None


def _find(client: df.SyncDurableFunctionsClient, req: func.HttpRequest) -> OrchestrationState | None:
    state = client.get_orchestration_state(req.route_params["job"])
    return state if state and state.name == ORCHESTRATION else None


def _no_job(req: func.HttpRequest) -> func.HttpResponse:
    value = req.route_params["job"]
    return _json(
        {"errors": [{"field": "job", "value": value, "problem": "no such job; GET /api/jobs lists them"}]}, 404
    )


def _json(body: dict[str, Any], status: int) -> func.HttpResponse:
    return func.HttpResponse(json.dumps(body), status_code=status, mimetype="application/json")
